// Fragmented MP4 as the recorder writes it (ISO/IEC 14496-12; one track, 1000 ticks a second).

import type { Bytes } from "../crypto/bytes";
import { Problem } from "./problem";

interface Box {
  kind: string;
  from: number; // of the payload
  to: number;
}

function* boxes(b: Bytes, from = 0, to = b.length): Generator<Box> {
  const v = new DataView(b.buffer, b.byteOffset, b.length);
  while (from < to) {
    const size = from + 8 <= to ? v.getUint32(from) : 0;
    if (size < 8 || from + size > to) throw new Problem("malformed");
    yield { kind: String.fromCharCode(...b.subarray(from + 4, from + 8)), from: from + 8, to: from + size };
    from += size;
  }
}

/** child finds a box by its path; skip says how many bytes of a box come before its children. */
function child(b: Bytes, path: string[], skip: Record<string, number> = {}): Box | null {
  let within: Box = { kind: "", from: 0, to: b.length };
  for (const kind of path) {
    let found: Box | null = null;
    for (const box of boxes(b, within.from + (skip[within.kind] ?? 0), within.to)) if (box.kind === kind || kind === "*") found ??= box;
    if (found === null) return null;
    within = found;
  }
  return within;
}

const two = (n: number) => String(n).padStart(2, "0");

/** mimeOf names the codec of an initialisation segment as MediaSource wants it. */
export function mimeOf(init: Bytes): string {
  const at = ["moov", "trak", "mdia", "minf", "stbl", "stsd"];
  const entry = child(init, [...at, "*"], { stsd: 8 });
  if (entry === null) throw new Problem("malformed");
  const configured = (kind: string) => child(init, [...at, entry.kind, kind], { stsd: 8, [entry.kind]: 78 });
  if (entry.kind === "av01") {
    const c = configured("av1C"); // AV1 binding, section 2.3.3
    if (c === null || c.to - c.from < 4) throw new Problem("malformed");
    const [, a = 0, f = 0] = init.subarray(c.from, c.to);
    const depth = (f & 0x40) === 0 ? 8 : (f & 0x20) === 0 ? 10 : 12;
    return `video/mp4; codecs="av01.${a >> 5}.${two(a & 31)}${(f & 0x80) === 0 ? "M" : "H"}.${two(depth)}"`;
  }
  if (entry.kind === "vp09") {
    const c = configured("vpcC"); // VP codec binding, behind version and flags
    if (c === null || c.to - c.from < 8) throw new Problem("malformed");
    const [profile = 0, level = 0, depth = 0] = init.subarray(c.from + 4, c.to);
    return `video/mp4; codecs="vp09.${two(profile)}.${two(level)}.${two(depth >> 4)}"`;
  }
  throw new Problem("codec", { codec: entry.kind });
}

/** A Fragment is moof and mdat, with the places in it that a player adjusts. */
export class Fragment {
  readonly bytes: Bytes;
  readonly durations: number[] = [];
  readonly #view: DataView;
  #base = 0; // where tfdt has its time
  #last = 0; // where the last sample has its duration
  readonly #offsets: number[] = []; // where samples have their composition offset

  constructor(bytes: Bytes) {
    this.bytes = bytes;
    const v = (this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
    const traf = child(bytes, ["moof", "traf"]);
    if (traf === null) throw new Problem("malformed");
    for (const box of boxes(bytes, traf.from, traf.to)) {
      if (box.kind === "tfdt") {
        if (box.to - box.from !== 12 || v.getUint8(box.from) !== 1) throw new Problem("malformed");
        this.#base = box.from + 4;
      } else if (box.kind === "trun") this.#samples(box);
    }
    if (this.#base === 0 || this.durations.length === 0) throw new Problem("malformed");
  }

  #samples(box: Box): void {
    const v = this.#view;
    if (box.to - box.from < 8 || this.durations.length > 0) throw new Problem("malformed");
    const flags = v.getUint32(box.from) & 0xffffff;
    const n = v.getUint32(box.from + 4);
    let at = box.from + 8 + ((flags & 1) !== 0 ? 4 : 0) + ((flags & 4) !== 0 ? 4 : 0);
    const size = [0x100, 0x200, 0x400, 0x800].reduce((sum, f) => sum + ((flags & f) !== 0 ? 4 : 0), 0);
    if ((flags & 0x100) === 0 || at + n * size > box.to) throw new Problem("malformed");
    for (let i = 0; i < n; i++, at += size) {
      this.durations.push(v.getUint32(at));
      this.#last = at;
      if ((flags & 0x800) !== 0) this.#offsets.push(at + size - 4);
    }
  }

  /** length is how long all pictures last, in ms. */
  get length(): number {
    return this.durations.reduce((sum, d) => sum + d, 0);
  }

  /**
   * place lets the fragment begin at a time and its last picture stay until another:
   * decoded when shown, without the holes that MediaSource drops pictures behind.
   */
  place(at: number, until: number): void {
    this.#view.setBigUint64(this.#base, BigInt(Math.round(at)));
    for (const o of this.#offsets) this.#view.setUint32(o, 0);
    const longer = Math.round(until - at) - this.length;
    if (longer <= 0) return;
    const last = (this.durations.at(-1) ?? 0) + longer;
    this.durations[this.durations.length - 1] = last;
    this.#view.setUint32(this.#last, last);
  }

  /** starts is when each picture is shown, if the first is at a time. */
  starts(at: number): number[] {
    let next = at;
    return this.durations.map((d) => {
      const start = next;
      next += d;
      return start;
    });
  }
}
