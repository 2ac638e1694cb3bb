// The key bag of a segment (recordings/FORMAT.md), versions 1 and 2.

import { type Bytes, equal, unbase64, utf8 } from "../crypto/bytes";
import { expand32, exported } from "../crypto/hpke";
import type { Identity } from "./identity";
import { Problem } from "./problem";
import type { Open } from "./record";

interface Part {
  kem: number;
  id: string;
  body: string;
}

export interface Stanza {
  class: string;
  parts: Part[];
}

/** checked refuses stanzas that do not have their form. */
function checked(stanzas: Stanza[]): Stanza[] {
  const wellFormed = (p: Part) => Number.isInteger(p.kem) && typeof p.id === "string" && typeof p.body === "string" && p.body.length <= 4096;
  if (stanzas.length > 100 || !stanzas.every((s) => s.parts.length >= 1 && s.parts.length <= 3 && s.parts.every(wellFormed))) throw new Problem("wrong_bag");
  return stanzas;
}

async function openPart(part: Part, identity: Identity, info: string, additional: string): Promise<Bytes | null> {
  const b = unbase64(part.body);
  const { kem, encSize } = identity;
  if (b === null || b.length !== encSize + 12 + 32 + 16) return null;
  try {
    const raw = await exported(kem, await identity.decapsulate(b.slice(0, encSize)), utf8(info), "consento-wrap/v1");
    const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: b.slice(encSize, encSize + 12), additionalData: utf8(additional) }, key, b.slice(encSize + 12)));
  } catch {
    return null; // another part may carry the same id
  }
}

/**
 * openStanzas returns the key that one of the stanzas gives and accept takes.
 * Problems: foreign_key when no identity is named, second_key when a way needs one
 * more, wrong_bag when none of the keys is accepted.
 */
export async function openStanzas(
  stanzas: Stanza[],
  identities: readonly Identity[],
  info: string,
  additional: (s: Stanza, p: Part) => string,
  accept: (key: Bytes) => Promise<boolean>,
): Promise<Bytes> {
  let found = false;
  let half = false;
  const kinds = new Set(identities.map((i) => i.kem)); // keys of another kind are not asked for
  for (const s of stanzas) {
    const fitting = s.parts.map((p) => identities.find((i) => i.kem === p.kem && i.id === p.id));
    if (fitting.some((i) => i === undefined)) {
      half ||= fitting.some((i) => i !== undefined) && s.parts.every((p) => kinds.has(p.kem));
      continue;
    }
    found = true;
    const shares = await Promise.all(s.parts.map((p, n) => openPart(p, fitting[n] as Identity, info, additional(s, p))));
    const key = new Uint8Array(32);
    for (const share of shares) share?.forEach((b, i) => (key[i] = (key[i] ?? 0) ^ b));
    if (shares.every((share) => share !== null) && (await accept(key))) return key;
  }
  throw new Problem(found ? "wrong_bag" : half ? "second_key" : "foreign_key");
}

/** openBag returns the content key of a segment, which has to be the one that OPEN commits to. */
export async function openBag(text: string, open: Pick<Open, "sid" | "segment" | "commit">, identities: readonly Identity[]): Promise<Bytes> {
  let version: number;
  let stanzas: Stanza[];
  try {
    const bag = JSON.parse(text) as { v: number; sid: string; segment: number; stanzas: (Stanza & Part)[] };
    if (bag.sid !== open.sid || bag.segment !== open.segment || (bag.v !== 1 && bag.v !== 2)) throw new Problem("wrong_bag");
    version = bag.v;
    stanzas = checked(bag.stanzas.map((s) => (version === 1 ? { class: "auditor", parts: [s] } : { class: s.class, parts: s.parts })));
  } catch {
    throw new Problem("wrong_bag");
  }
  return openStanzas(
    stanzas,
    identities,
    `consento-bag/v${version} ${open.sid} ${open.segment}`,
    (s, p) => (version === 1 ? p.id : `${s.class} ${p.id}`),
    async (key) => equal(await expand32(key, utf8(`consento-commit/v1 ${open.sid}`)), open.commit),
  );
}

/** openNote reads what is sealed beside the log, such as the reason of a viewing. */
export async function openNote(text: string, identities: readonly Identity[]): Promise<string> {
  const info = "consento-note/v1";
  let plain = new Uint8Array(0);
  let note: { v: number; stanzas: Stanza[]; body: string };
  let body: Bytes | null;
  try {
    note = JSON.parse(text) as typeof note;
    body = unbase64(note.body);
    checked(note.stanzas);
  } catch {
    throw new Problem("malformed");
  }
  if (note.v !== 1 || body === null) throw new Problem("malformed");
  const sealed = body;
  await openStanzas(note.stanzas, identities, info, (s, p) => `${s.class} ${p.id}`, async (raw) => {
    const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
    try {
      plain = new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: sealed.slice(0, 12), additionalData: utf8(info) }, key, sealed.slice(12)));
      return true;
    } catch {
      return false;
    }
  });
  return new TextDecoder().decode(plain);
}

/** TrackKeys derives the keys of tracks and minutes, each once. */
export class TrackKeys {
  readonly #known = new Map<string, Promise<CryptoKey>>();

  readonly #sid: string;
  readonly #contentKey: Bytes;

  constructor(sid: string, contentKey: Bytes) {
    this.#sid = sid;
    this.#contentKey = contentKey;
  }

  /** contentKey is what all of them are derived from. */
  get contentKey(): Bytes {
    return this.#contentKey;
  }

  covers(): boolean {
    return true;
  }

  of(track: number, minute: number): Promise<CryptoKey> {
    const name = `${track} ${minute}`;
    let key = this.#known.get(name);
    if (key === undefined) {
      key = expand32(this.#contentKey, utf8(`consento-track/v1 ${this.#sid} ${name}`)).then((raw) => crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]));
      this.#known.set(name, key);
    }
    return key;
  }
}
