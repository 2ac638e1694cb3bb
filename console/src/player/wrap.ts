// Makes key bags (recordings/FORMAT.md, version 2) for whom a policy names.

import type { Stanza } from "./bag";
import { base64, type Bytes, concat, utf8 } from "../crypto/bytes";
import { type Encapsulated, encapsulate, exported } from "../crypto/hpke";
import { encapsulateHybrid } from "./hybrid";
import { type Key, Kem, keyId } from "./keytext";
import type { Way } from "./policyfile";

const encapsulateFor = (key: Key): Promise<Encapsulated> => (key.kem === Kem.hybrid ? encapsulateHybrid(key.bytes) : encapsulate(key.bytes));

async function wrapPart(share: Bytes, key: Key, info: string, class_: string) {
  const id = await keyId(key.bytes);
  const { enc, shared } = await encapsulateFor(key);
  const raw = await exported(key.kem, shared, utf8(info), "consento-wrap/v1");
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const aes = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt"]);
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: utf8(`${class_} ${id}`) }, aes, share);
  return { kem: key.kem, id, body: base64(concat(enc, nonce, new Uint8Array(sealed))) };
}

/** wrapStanzas wraps a key: in each way the shares of all its keys XOR to it. class_ is for all of them; undefined: their own. */
export async function wrapStanzas(wrapped: Bytes, info: string, all: readonly Way[], class_?: string): Promise<Stanza[]> {
  const stanzas: Stanza[] = [];
  for (const way of all) {
    const parts = [];
    let left = wrapped;
    for (const [n, key] of way.to.entries()) {
      const share = n < way.to.length - 1 ? crypto.getRandomValues(new Uint8Array(32)) : left;
      if (share !== left) left = left.map((b, i) => b ^ (share[i] ?? 0));
      parts.push(await wrapPart(share, key, info, class_ ?? way.class));
    }
    stanzas.push({ class: class_ ?? way.class, parts });
  }
  return stanzas;
}

/** wrapBag makes the key bag of a segment. */
export async function wrapBag(contentKey: Bytes, sid: string, segment: number, all: readonly Way[]): Promise<string> {
  const stanzas = await wrapStanzas(contentKey, `consento-bag/v2 ${sid} ${segment}`, all);
  return JSON.stringify({ v: 2, sid, segment, stanzas });
}
