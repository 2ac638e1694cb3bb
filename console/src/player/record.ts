// Records as recordings/FORMAT.md has them: the header, OPEN, and where each lies.

import { type Bytes, unhex } from "../crypto/bytes";
import { Problem } from "./problem";

export const headerSize = 32;
export const maxOpen = 4096;
const maxBody = 16 << 20;

export const Kind = { open: 0, data: 1, seal: 2, cosig: 3, recovered: 4 } as const;
export const Track = { control: 0, events: 1, video: 2, chat: 3, shell: 4, files: 5, meta: 6, search: 7, system: 8, input: 9, clipboard: 10, stills: 11 } as const;
export const Flag = { key: 1, init: 2, final: 4 } as const;

export interface Header {
  readonly kind: number;
  readonly track: number;
  readonly flags: number;
  readonly index: number;
  readonly at: number; // ms since the start of the session
  readonly duration: number; // ms
  readonly length: number; // of the body
  readonly offset: number; // of the header in the file
  readonly bound: Bytes; // bytes 0-27, which encryption covers
}

/** parseHeader reads 32 bytes of b at i; offset is where they lie in the file. */
export function parseHeader(b: Bytes, i: number, offset: number): Header {
  const v = new DataView(b.buffer, b.byteOffset + i, headerSize);
  const length = v.getUint32(24);
  if (v.getUint32(0) !== 0x52725631 || v.getUint32(8) !== 0 || length > maxBody) throw new Problem("malformed");
  return {
    kind: v.getUint8(4), track: v.getUint8(5), flags: v.getUint16(6), index: v.getUint32(12), at: v.getUint32(16), duration: v.getUint32(20),
    length, offset, bound: b.slice(i, i + 28),
  };
}

/** parseIndex reads the headers of a whole segment, which stand one behind the other. */
export function parseIndex(b: Bytes): Header[] {
  if (b.length % headerSize !== 0) throw new Problem("malformed");
  const headers: Header[] = [];
  let offset = 0;
  for (let i = 0; i < b.length; i += headerSize) {
    const h = parseHeader(b, i, offset);
    if (h.index !== headers.length || (h.kind === Kind.open) !== (h.index === 0)) throw new Problem("malformed");
    headers.push(h);
    offset += headerSize + h.length;
  }
  return headers;
}

/** Open is what a player needs of the first record. */
export interface Open {
  readonly sid: string;
  readonly session: Bytes; // 16 bytes
  readonly segment: number;
  readonly origin: string;
  readonly started: number; // ms since 1970
  readonly commit: Bytes;
}

export function parseOpen(body: Bytes): Open {
  try {
    const o = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)) as Record<string, unknown>;
    const { v, sid, segment, origin, started, commit } = o;
    const session = typeof sid === "string" ? unhex(sid) : null;
    const promise = typeof commit === "string" ? unhex(commit) : null;
    if (v !== 1 || typeof sid !== "string" || session?.length !== 16 || promise?.length !== 32 || typeof segment !== "number" || typeof origin !== "string" || typeof started !== "number")
      throw new Problem("malformed");
    return { sid, session, segment, origin, started, commit: promise };
  } catch {
    throw new Problem("malformed");
  }
}

/** A form of the picture that holds when what was shared begins: stream and initialisation segment. */
export interface Form {
  readonly segment: number;
  readonly body: Bytes;
}
