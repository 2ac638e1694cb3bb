// The summary of a segment: what auditors search by (recordings/FORMAT.md, track 7).

import { openBag, TrackKeys } from "./bag";
import { type Bytes, concat, unbase64, unhex } from "../crypto/bytes";
import type { Identity } from "./identity";
import { Problem } from "./problem";
import { headerSize, Kind, parseHeader, Track } from "./record";

/** What the server hands out for one segment. */
export interface SummaryPart {
  id: string;
  segment: number;
  commit: string;
  bag: string;
  record: string | null; // base64; null: the segment has none
}

/** Words of a session by where they stand; a list is joined with line feeds. */
export type Words = Record<string, string>;

const lists = ["people", "shown", "chat"];
const texts = ["team", "reason", "note", "end", "words", "system"];

function wordsOf(body: Bytes): Words {
  const words: Words = {};
  try {
    const s = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)) as Record<string, unknown>;
    if (s["v"] !== 1) throw new Problem("malformed");
    for (const name of texts) if (typeof s[name] === "string") words[name] = s[name];
    for (const name of lists) {
      const list = s[name];
      if (Array.isArray(list)) words[name] = list.filter((x) => typeof x === "string").join("\n");
    }
    return words;
  } catch {
    throw new Problem("malformed");
  }
}

/** openSummary decrypts one; null when the segment has none. Problems: those of openBag, malformed. */
export async function openSummary(part: SummaryPart, identities: readonly Identity[]): Promise<Words | null> {
  const [commit, session] = [unhex(part.commit), unhex(part.id)];
  if (commit === null || session === null) throw new Problem("malformed");
  const key = await openBag(part.bag, { sid: part.id, segment: part.segment, commit }, identities);
  try {
    if (part.record === null) return null;
    const b = unbase64(part.record);
    if (b === null || b.length < headerSize) throw new Problem("malformed");
    const h = parseHeader(b, 0, 0);
    const body = b.slice(headerSize);
    if (h.kind !== Kind.data || h.track !== Track.search || h.length !== body.length) throw new Problem("malformed");
    const track = await new TrackKeys(part.id, key).of(h.track, Math.floor(h.at / 60_000));
    let plain: ArrayBuffer;
    try {
      plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: body.slice(0, 12), additionalData: concat(session, h.bound) }, track, body.slice(12));
    } catch {
      throw new Problem("malformed");
    }
    return wordsOf(new Uint8Array(plain));
  } finally {
    key.fill(0);
  }
}

/** joined are the words of a whole session: lists of all its segments, the last of the rest. */
export function joined(parts: readonly Words[]): Words {
  const all: Words = {};
  for (const part of parts)
    for (const [name, text] of Object.entries(part)) {
      if (text === "") continue;
      const before = all[name];
      all[name] = before === undefined || !lists.includes(name) ? text : [...new Set([...before.split("\n"), ...text.split("\n")])].join("\n");
    }
  return all;
}
