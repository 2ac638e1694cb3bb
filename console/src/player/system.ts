// What was read of the customer's computer: snapshots by sections, and the list of
// processes that was followed, as they stood at a time.

import { type Section, sections, type SystemRow } from "../protocol";
import { Problem } from "./problem";
import { Track } from "./record";
import type { Item, Segment } from "./segment";

/** A section as far as it was read. */
export interface Read {
  readonly at: number; // ms of the session, of its newest part
  readonly rows: readonly SystemRow[];
  readonly whole: boolean;
  readonly problem: string; // why there are no more rows; "" if there was none
  readonly cut: boolean; // the computer had more
}

interface Part extends Read {
  readonly section: Section;
}

/** One snapshot; its parts came one after the other. */
export class Snapshot {
  readonly parts: Part[] = [];
  readonly of: string; // tells it from others
  readonly at: number; // ms of the session, of its first part

  constructor(of: string, at: number) {
    this.of = of;
    this.at = at;
  }

  /** read is a section as it stood at a time; null when nothing of it was there. */
  read(section: Section, at: number): Read | null {
    const parts = this.parts.filter((p) => p.section === section && p.at <= at);
    const last = parts.at(-1);
    return last === undefined ? null : { ...last, rows: parts.flatMap((p) => p.rows) };
  }
}

interface Change {
  readonly at: number;
  readonly of: string; // list that was followed
  readonly rows: readonly SystemRow[];
  readonly gone: readonly string[];
}

/** A SystemTrack is what one recording has of it. */
export class SystemTrack {
  readonly snapshots: Snapshot[] = [];
  readonly #changes: Change[] = [];
  readonly #times: number[] = []; // of all that came, in order

  static async read(segments: readonly Segment[]): Promise<SystemTrack> {
    const track = new SystemTrack();
    try {
      for (const s of segments) for (const item of await s.tracks(Track.system)) track.#take(item);
    } catch (e) {
      if (!(e instanceof Problem)) throw e; // too much of it for a page: an export has it
    }
    return track;
  }

  /** steps tells how much there was at a time: while it is the same, so are all tables. */
  steps(at: number): number {
    let [low, high] = [0, this.#times.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#times[middle] ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** live is the list that was followed at a time, and when it was renewed last; null when there was none. */
  live(at: number): Read | null {
    const end = this.#changes.findLastIndex((c) => c.at <= at) + 1;
    const last = this.#changes[end - 1];
    if (last === undefined) return null;
    const rows = new Map<string, SystemRow>();
    for (const c of this.#changes.slice(0, end)) {
      if (c.of !== last.of) continue;
      for (const key of c.gone) rows.delete(key);
      for (const r of c.rows) rows.set(r.key, r);
    }
    return { at: last.at, rows: [...rows.values()], whole: true, problem: "", cut: false };
  }

  #take(item: Item): void {
    let said: unknown;
    try {
      said = JSON.parse(new TextDecoder().decode(item.body));
    } catch {
      return; // damage is told elsewhere
    }
    const { code, data } = (said ?? {}) as { code?: unknown; data?: Record<string, unknown> };
    if (typeof data !== "object" || data === null) return;
    const { at, segment } = item;
    const of = (number: unknown) => `${segment} ${String(data["epoch"])} ${String(number)}`;
    if (code === "system.changes") {
      this.#times.push(at);
      this.#changes.push({ at, of: of(data["watch"]), rows: rowsOf(data["rows"]), gone: list(data["gone"]).filter((k) => typeof k === "string") });
      return;
    }
    const section = sections.find((s) => s === data["section"]);
    if (code !== "system.part" || section === undefined) return;
    let snapshot = this.snapshots.at(-1);
    if (snapshot?.of !== of(data["snapshot"])) this.snapshots.push((snapshot = new Snapshot(of(data["snapshot"]), at)));
    this.#times.push(at);
    const problem = data["problem"];
    snapshot.parts.push({ section, at, rows: rowsOf(data["rows"]), whole: data["last"] === true, problem: typeof problem === "string" ? problem : "", cut: data["cut"] === true });
  }
}

const list = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);

/** rowsOf takes what has the form of rows. */
function rowsOf(v: unknown): SystemRow[] {
  return list(v).flatMap((r) => {
    const { key, cells } = (r ?? {}) as { key?: unknown; cells?: unknown };
    return typeof key === "string" ? [{ key, cells: list(cells).map((c) => (typeof c === "string" ? c : "")) }] : [];
  });
}
