// What the technician has read of one customer's computer: snapshots of sections,
// and the live list of processes.

import { computed, effect, signal } from "@preact/signals";
import { consentTo } from "../consent";
import { type Section, sections, type SystemChanges, type SystemPart, type SystemProblem, type SystemRow } from "../protocol";
import { hidden, type SessionView } from "../sessionview";

/** One section of a snapshot, as far as it has come. */
export interface Read {
  readonly rows: readonly SystemRow[];
  readonly done: boolean;
  readonly problem?: SystemProblem;
  readonly cut: boolean;
}

export interface Snapshot {
  readonly number: number;
  readonly at: number; // by Date.now(), when its first part came or it was asked for
  readonly wanted: readonly Section[];
  readonly read: ReadonlyMap<Section, Read>;
}

/** How many snapshots are kept at hand. All stand on the evidence. */
const kept = 12;

/** Parts are what SystemInfo needs of the desk. */
export interface Parts {
  session(): SessionView | undefined;
  online(): boolean;
  /** Asks; the number of the snapshot or of the live list, 0 if that was refused. */
  read(sections: readonly Section[]): Promise<number>;
  follow(on: boolean): Promise<number>;
}

export class SystemInfo {
  readonly snapshots = signal<readonly Snapshot[]>([]);
  readonly section = signal<Section>("hardware");
  /** Number of the snapshot that is looked at; 0: the newest that holds the section. */
  readonly looked = signal(0);
  /** Number of the one that it is compared with; 0: none. */
  readonly against = signal(0);
  /** The live list; null while there is none. */
  readonly live = signal<ReadonlyMap<string, SystemRow> | null>(null);
  /** Whether the live list is wished. */
  readonly following = signal(false);
  readonly asking = signal(false);
  /** Whether the customer's yes stands and something can be read now. */
  readonly ready = computed(() => {
    const s = this.#parts.session();
    return s !== undefined && this.#parts.online() && s.state === "Active" && s.away_since === undefined && consentTo(s, "system_info")?.state === "given" && !paused(s);
  });
  readonly reading = computed(() => this.snapshots.value.some((s) => s.wanted.some((w) => s.read.get(w)?.done !== true)));
  readonly #parts: Parts;
  readonly #stop: () => void;
  #watch = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    let was = false;
    this.#stop = effect(() => {
      const go = this.ready.value && this.following.value;
      if (go === was) return;
      was = go;
      if (!go) this.live.value = null;
      void this.#follow(go);
    });
  }

  close(): void {
    this.following.value = false;
    this.#stop();
  }

  async read(wanted: readonly Section[]): Promise<void> {
    if (this.asking.value || this.reading.value) return;
    this.asking.value = true;
    try {
      const number = await this.#parts.read(wanted);
      if (number === 0) return;
      const known = this.snapshots.value.find((s) => s.number === number); // a part may have been quicker
      this.#put({ number, at: known?.at ?? Date.now(), wanted, read: known?.read ?? new Map() });
      this.looked.value = 0;
    } finally {
      this.asking.value = false;
    }
  }

  async #follow(on: boolean): Promise<void> {
    if (!on && !this.ready.peek()) return; // it has ended already
    if ((await this.#parts.follow(on)) === 0 && on) this.following.value = false;
  }

  /** part takes some rows. */
  part(m: SystemPart): void {
    if (!sections.includes(m.section)) return;
    const known = this.snapshots.value.find((s) => s.number === m.snapshot);
    const snapshot = known ?? { number: m.snapshot, at: Date.now(), wanted: [m.section], read: new Map<Section, Read>() };
    const had = snapshot.read.get(m.section);
    if (had?.done === true) return;
    const section: Read = {
      rows: [...(had?.rows ?? []), ...(m.rows ?? [])], done: m.last, cut: m.cut === true, ...(m.problem === undefined ? {} : { problem: m.problem }),
    };
    const wanted = snapshot.wanted.includes(m.section) ? snapshot.wanted : [...snapshot.wanted, m.section];
    this.#put({ ...snapshot, wanted, read: new Map(snapshot.read).set(m.section, section) });
  }

  #put(s: Snapshot): void {
    this.snapshots.value = [...this.snapshots.value.filter((x) => x.number !== s.number), s].sort((a, b) => a.number - b.number).slice(-kept);
  }

  /** changes takes what became of the processes. */
  changes(m: SystemChanges): void {
    if (m.n === 0 && m.watch > this.#watch) {
      this.#watch = m.watch;
      this.live.value = new Map();
    }
    if (m.watch !== this.#watch || this.live.value === null || !this.following.value) return;
    const next = new Map(this.live.value);
    for (const key of m.gone ?? []) next.delete(key);
    for (const row of m.rows ?? []) next.set(row.key, row);
    this.live.value = next;
  }

  /** lost ends what this window waits for: its connection was lost. */
  lost(): void {
    for (const s of this.snapshots.value) {
      for (const section of s.wanted) {
        const had = s.read.get(section);
        if (had?.done === true) continue;
        this.part({ session: "", epoch: 0, snapshot: s.number, section, part: 0, last: true, problem: "lost" });
      }
    }
  }

  /** newest is the newest snapshot that holds a section, whole or not. */
  newest(section: Section): Snapshot | undefined {
    return this.snapshots.value.filter((s) => s.wanted.includes(section)).at(-1);
  }
}

/** paused: the customer has paused, and nothing is read. */
const paused = (s: SessionView) => ["paused", "locked"].includes(hidden(s) ?? "");
