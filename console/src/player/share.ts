// A share (recordings/FORMAT.md): keys of some tracks and minutes of one segment, for
// a recipient or for whoever has the secret of a link.

import { openStanzas, type Stanza } from "./bag";
import { base64, type Bytes, concat, unbase64, utf8 } from "../crypto/bytes";
import { expand32 } from "../crypto/hpke";
import type { Identity } from "./identity";
import type { Keys, Way } from "./keys";
import type { Way as Readers } from "./policyfile";
import { Problem } from "./problem";
import type { Form, Open } from "./record";
import { wrapStanzas } from "./wrap";

const minuteMs = 60_000;
const most = 64 << 10; // tracks times minutes
const keySize = 32;

/** The members of a share, in the order of their one spelling. */
interface ShareFile {
  v: number;
  id: string;
  sid: string;
  segment: number;
  made: number;
  until: number;
  tracks: number[];
  from: number;
  to: number;
  stanzas: Stanza[];
  body: string;
}

const whole = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;

function parse(text: string): ShareFile {
  let s: ShareFile;
  try {
    s = JSON.parse(text) as ShareFile;
    const ascending = s.tracks.every((t, i) => whole(t) && t < 256 && (i === 0 || (s.tracks[i - 1] as number) < t));
    const counted = s.tracks.length * ((s.to - s.from) / minuteMs);
    if (s.v !== 1 || !ascending || ![s.segment, s.made, s.until, s.from, s.to].every(whole) || s.from % minuteMs !== 0 || s.to % minuteMs !== 0) throw new Problem("malformed");
    if (s.to <= s.from || counted < 1 || counted > most || !Array.isArray(s.stanzas) || typeof s.body !== "string") throw new Problem("malformed");
  } catch {
    throw new Problem("malformed");
  }
  return s;
}

const infoOf = (s: Pick<ShareFile, "id" | "sid" | "segment">) => `consento-share/v1 ${s.id} ${s.sid} ${s.segment}`;

/** bound is what the encryption covers besides the keys: all of the share but its body. */
const bound = (s: ShareFile): Bytes => utf8(JSON.stringify({ ...s, body: "" }));

async function decrypt(s: ShareFile, raw: Bytes): Promise<Bytes | null> {
  const body = unbase64(s.body);
  if (body === null) return null;
  const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: body.slice(0, 12), additionalData: bound(s) }, key, body.slice(12)));
  } catch {
    return null;
  }
}

/** SharedKeys are those of some tracks and minutes, in order of track, then minute. */
class SharedKeys implements Keys {
  readonly #share: ShareFile;
  readonly #keys: Bytes;
  readonly #known = new Map<number, Promise<CryptoKey>>();

  constructor(share: ShareFile, keys: Bytes) {
    this.#share = share;
    this.#keys = keys;
  }

  #place(track: number, minute: number): number {
    const { tracks, from, to } = this.#share;
    const [first, end] = [from / minuteMs, to / minuteMs];
    const i = tracks.indexOf(track);
    return i < 0 || minute < first || minute >= end ? -1 : i * (end - first) + minute - first;
  }

  covers(track: number, minute: number): boolean {
    return this.#place(track, minute) >= 0;
  }

  of(track: number, minute: number): Promise<CryptoKey> {
    const place = this.#place(track, minute);
    if (place < 0) throw new Problem("foreign_key");
    let key = this.#known.get(place);
    if (key === undefined) {
      key = crypto.subtle.importKey("raw", this.#keys.slice(place * keySize, (place + 1) * keySize), "AES-GCM", false, ["decrypt"]);
      this.#known.set(place, key);
    }
    return key;
  }
}

/** What opens a share: identities that it names, or the secret of its link. */
export type ShareKey = { identities: readonly Identity[] } | { secret: Bytes };

/** opened decrypts the keys of a share; a Problem when nothing opens it. */
async function opened(s: ShareFile, by: ShareKey): Promise<Bytes> {
  const info = infoOf(s);
  let keys: Bytes | null = null;
  if ("secret" in by) {
    if (s.stanzas.length > 0) throw new Problem("foreign_key");
    keys = await decrypt(s, await expand32(by.secret, utf8(info)));
    if (keys === null) throw new Problem("wrong_link");
  } else {
    await openStanzas(s.stanzas, by.identities, info, (z, p) => `${z.class} ${p.id}`, async (raw) => (keys = await decrypt(s, raw)) !== null);
  }
  if (keys === null || (keys as Bytes).length !== keySize * s.tracks.length * ((s.to - s.from) / minuteMs)) throw new Problem("wrong_bag");
  return keys;
}

/** openShare opens the share of a segment. now, in ms since 1970: from `until` on it is refused. */
export async function openShare(text: string, open: Open, by: ShareKey, now: number): Promise<Keys> {
  const s = parse(text);
  if (s.sid !== open.sid || s.segment !== open.segment) throw new Problem("wrong_bag");
  if (now >= s.until) throw new Problem("expired");
  return new SharedKeys(s, await opened(s, by));
}

/**
 * rewrapLog makes the log's own keys anew for whom a policy names, under the same terms.
 * Problems: wrong_bag, foreign_key, second_key, as for a key bag.
 */
export async function rewrapLog(text: string, of: Pick<Open, "sid" | "segment">, identities: readonly Identity[], readers: readonly Readers[]): Promise<string> {
  const s = parse(text);
  if (s.sid !== of.sid || s.segment !== of.segment || s.stanzas.length === 0) throw new Problem("wrong_bag");
  const keys = await opened(s, { identities });
  const [raw, nonce] = [crypto.getRandomValues(new Uint8Array(32)), crypto.getRandomValues(new Uint8Array(12))];
  const next: ShareFile = { ...s, stanzas: await wrapStanzas(raw, infoOf(s), readers, "share"), body: "" };
  const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt"]);
  const body = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: bound(next) }, key, keys);
  keys.fill(0);
  raw.fill(0);
  return JSON.stringify({ ...next, body: base64(concat(nonce, new Uint8Array(body))) });
}

/** byShare is the way into a recording for who was given a share. */
export const byShare = (key: ShareKey): Way => ({ from: "shares", open: (text, open) => openShare(text, open, key, Date.now()) });

/** byLog is the way of auditors where a recording is erased and its log is not. */
export const byLog = (identities: readonly Identity[]): Way => ({ from: "logs", open: (text, open) => openShare(text, open, { identities }, Date.now()) });

/** lockForms encrypts what else a share has, under the secret of its link. */
export async function lockForms(id: string, forms: readonly Form[], secret: Bytes): Promise<string> {
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const key = await crypto.subtle.importKey("raw", await expand32(secret, utf8(formsInfo(id))), "AES-GCM", false, ["encrypt"]);
  const text = JSON.stringify(forms.map((f) => ({ segment: f.segment, body: base64(f.body) })));
  return base64(concat(nonce, new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, utf8(text)))));
}

/** openForms is the reverse. */
export async function openForms(id: string, text: string, secret: Bytes): Promise<Form[]> {
  const b = unbase64(text) ?? new Uint8Array(0);
  const key = await crypto.subtle.importKey("raw", await expand32(secret, utf8(formsInfo(id))), "AES-GCM", false, ["decrypt"]);
  try {
    const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: b.slice(0, 12) }, key, b.slice(12));
    const list = JSON.parse(new TextDecoder().decode(plain)) as { segment: number; body: string }[];
    return list.map((f) => ({ segment: f.segment, body: unbase64(f.body) ?? new Uint8Array(0) }));
  } catch {
    throw new Problem("wrong_link");
  }
}

const formsInfo = (id: string) => `consento-share-forms/v1 ${id}`;

/** What is shared of a segment; times are ms of the segment, made wider to whole minutes. */
export interface ShareTerms {
  id: string; // 32 hex digits
  tracks: readonly number[];
  from: number;
  to: number;
  made: number; // ms since 1970, as until
  until: number;
}

/**
 * makeShare gives chosen tracks and minutes to whoever has the secret of a link.
 * contentKey is that of the segment. nonce is for tests.
 */
export async function makeShare(contentKey: Bytes, open: Pick<Open, "sid" | "segment">, terms: ShareTerms, secret: Bytes, nonce = crypto.getRandomValues(new Uint8Array(12))): Promise<string> {
  const [first, end] = [Math.floor(terms.from / minuteMs), Math.ceil(terms.to / minuteMs)];
  const tracks = [...new Set(terms.tracks)].sort((a, b) => a - b);
  const s: ShareFile = {
    v: 1, id: terms.id, sid: open.sid, segment: open.segment, made: terms.made, until: terms.until, tracks, from: first * minuteMs, to: end * minuteMs, stanzas: [], body: "",
  };
  parse(JSON.stringify(s)); // refuses what no reader takes
  const names = tracks.flatMap((t) => Array.from({ length: end - first }, (_, m) => `consento-track/v1 ${open.sid} ${t} ${first + m}`));
  const keys = concat(...(await Promise.all(names.map((n) => expand32(contentKey, utf8(n))))));
  const key = await crypto.subtle.importKey("raw", await expand32(secret, utf8(infoOf(s))), "AES-GCM", false, ["encrypt"]);
  const body = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: bound(s) }, key, keys);
  return JSON.stringify({ ...s, body: base64(concat(nonce, new Uint8Array(body))) });
}
