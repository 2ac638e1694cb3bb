// A whole recording: its segments on one time line, the streams of its picture, and
// what happened.

import type { Bytes } from "../crypto/bytes";
import { type Happening, happeningOf } from "./happening";
import type { Way } from "./keys";
import { Problem } from "./problem";
import { Flag, type Form, type Header, Track } from "./record";
import { isInit, Segment } from "./segment";
import { ShellTrack } from "./replay";
import type { Server } from "./server";
import { SystemTrack } from "./system";

/** A Piece is one fragment of the picture. */
export interface Piece {
  readonly segment: Segment;
  readonly header: Header;
  readonly at: number; // ms of the session at which its first picture is shown
  end: number; // ms up to which its last one stays
  readonly key: boolean;
  readonly init: Bytes;
}

/** A time of which nothing is recorded. */
export interface Hole {
  readonly from: number;
  readonly to: number;
}

export class Recording {
  readonly streams = new Map<number, Piece[]>();
  happenings: Happening[] = [];
  meta: Happening[] = []; // the cursor
  readonly holes: Hole[] = []; // between segments
  shell = new ShellTrack();
  system = new SystemTrack();
  readonly #shared: boolean; // opened by a share: what is not there may be elsewhere
  readonly #unbuilt: Hole[] = []; // shared picture that builds on what is not
  length = 0; // ms

  readonly id: string;
  readonly segments: Segment[];

  private constructor(id: string, segments: Segment[], shared = false) {
    this.id = id;
    this.segments = segments;
    this.#shared = shared;
  }

  /** withheld tells why a share shows no picture at a time: it is not shared, or builds on what came before and is not; begins is when it can be shown, Infinity for never. Null where there was none, or nothing is withheld. */
  withheld(at: number): { code: "not_shared" } | { code: "needs_earlier"; begins: number } | null {
    if (!this.#shared) return null;
    const unbuilt = this.#unbuilt.find((h) => h.from <= at && at < h.to);
    if (unbuilt !== undefined) return { code: "needs_earlier", begins: unbuilt.to < this.length ? unbuilt.to : Infinity };
    return this.segments.some((s) => s.shared(Track.video, at)) ? null : { code: "not_shared" };
  }

  /** open reads indexes, events and the forms of the picture; the picture itself stays where it is. */
  static async open(server: Server, id: string, numbers: readonly number[], way: Way, forms: readonly Form[] = []): Promise<Recording> {
    const segments: Segment[] = [];
    for (const n of numbers) segments.push(await Segment.open(server, id, n, way));
    const first = segments[0];
    if (first === undefined) throw new Problem("malformed");
    for (const s of segments) s.shift = Math.max(0, s.open.started - first.open.started);
    const r = new Recording(id, segments, way.from === "shares");
    await Promise.all([r.#read(), r.#picture(forms)]);
    for (const [i, s] of segments.entries()) {
      const next = segments[i + 1];
      const begins = next === undefined ? Infinity : next.shift + Math.min(...next.headers.filter((h) => h.kind === 1).map((h) => h.at));
      if (Number.isFinite(begins) && begins - s.end > 1000) r.holes.push({ from: s.end, to: begins });
      r.length = Math.max(r.length, s.end);
    }
    return r;
  }

  /** told is a recording of which there is the log alone; started is ms since 1970. */
  static told(id: string, started: number): Recording {
    const r = new Recording(id, []);
    r.#started = started;
    return r;
  }

  /** tell adds what is known from elsewhere than the recording. */
  tell(happenings: readonly Happening[]): void {
    this.happenings = [...this.happenings, ...happenings].sort((a, b) => a.at - b.at);
    this.length = Math.max(this.length, ...happenings.map((h) => h.at));
  }

  #started = 0;

  /** started is the wall clock at time 0, ms since 1970. */
  get started(): number {
    return this.segments[0]?.open.started ?? this.#started;
  }

  /** damaged are the records that did not open, in order. */
  get damaged(): { segment: number; header: Header; at: number }[] {
    return this.segments.flatMap((s) => s.damaged.map((header) => ({ segment: s.number, header, at: header.at + s.shift })));
  }

  /** formsAt are the forms that hold at a time, for who is not given what comes before. */
  async formsAt(at: number): Promise<Form[]> {
    const forms: Form[] = [];
    for (const s of this.segments) {
      const last = new Map<number, Bytes>();
      for (const i of await s.read(s.video.filter((h) => isInit(h) && h.at + s.shift < at))) last.set(i.body[0] ?? 0, i.body);
      for (const body of last.values()) forms.push({ segment: s.number, body });
    }
    return forms;
  }

  async #read(): Promise<void> {
    const all = (await Promise.all(this.segments.map((s) => s.tracks(Track.control, Track.events, Track.chat, Track.meta, Track.input)))).flat().map(happeningOf);
    [this.shell, this.system] = await Promise.all([ShellTrack.read(this.segments), SystemTrack.read(this.segments)]);
    this.meta = all.filter((h) => h.code.startsWith("cursor."));
    this.happenings = all.filter((h) => !h.code.startsWith("cursor."));
  }

  async #picture(known: readonly Form[]): Promise<void> {
    for (const s of this.segments) {
      const inits = await s.read(s.video.filter(isInit));
      const forms = new Map(inits.map((i) => [i.header.index, i.body]));
      const before = known.filter((f) => f.segment === s.number);
      const ids = new Set([...inits.map((i) => i.body[0] ?? 0), ...before.map((f) => f.body[0] ?? 0)]);
      const only = ids.size === 1 ? [...ids][0] : undefined;
      // Which of several streams a fragment is of stands inside: they are read once.
      const owner = new Map<number, number>();
      if (only === undefined) for (const i of await s.read(s.video)) owner.set(i.header.index, i.body[0] ?? 0);
      const form = new Map<number, Bytes>(before.map((f) => [f.body[0] ?? 0, f.body.slice(1)]));
      const here = new Map<number, Piece[]>();
      const skipped = new Map<number, { from: number; to: number }>(); // before the first piece of a stream
      const skip = (id: number, h: Header) => {
        if (here.has(id)) return; // that is damage, and said elsewhere
        // The picture of before stood there from the beginning of the minute on.
        skipped.set(id, { from: skipped.get(id)?.from ?? s.shift + Math.floor(h.at / 60_000) * 60_000, to: Infinity });
      };
      const broken = new Set<number>(before.map((f) => f.body[0] ?? 0)); // streams that wait for a key frame
      for (const h of s.video) {
        const id = only ?? owner.get(h.index);
        if (id === undefined) {
          ids.forEach((i) => broken.add(i)); // it did not open: whose it was nobody knows
          continue;
        }
        const init = forms.get(h.index);
        if (init !== undefined) form.set(id, init.slice(1));
        const current = form.get(id);
        if (isInit(h)) continue;
        if (current === undefined) {
          skip(id, h);
          continue;
        }
        const pieces = here.get(id) ?? [];
        const at = h.at + s.shift;
        const last = pieces.at(-1);
        if (broken.has(id)) {
          if ((h.flags & Flag.key) === 0) {
            skip(id, h); // cannot be decoded without what is missing
            continue;
          }
          broken.delete(id);
        } else if (last !== undefined) last.end = s.known(last.header, Math.max(last.end, at)); // it stayed until this one
        pieces.push({ segment: s, header: h, at, end: at + h.duration, key: (h.flags & Flag.key) !== 0, init: current });
        here.set(id, pieces);
        const before = skipped.get(id);
        if (before?.to === Infinity) before.to = at;
      }
      this.#unbuilt.push(...skipped.values());
      for (const [id, pieces] of here) {
        const last = pieces.at(-1);
        if (last !== undefined && !broken.has(id)) last.end = s.known(last.header, Math.max(last.end, s.end));
        this.streams.set(id, [...(this.streams.get(id) ?? []), ...pieces]);
      }
    }
  }
}
