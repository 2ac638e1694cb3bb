// The files of one session in this window: what is sent and fetched, a few at once,
// one after the other, again from where it was after a lost connection.

import { batch, effect, type Signal, signal } from "@preact/signals";
import type { Picture } from "../picture";
import type { FileCause, FileEntry } from "../protocol";
import { hidden, type SessionView } from "../sessionview";
import { consentTo, type FilesTool, filesTools } from "../consent";
import { Exchange, Stopped } from "./exchange";
import { fetch, Fetched, save } from "./fetch";
import { archive, type Chosen, inside, maxFiles } from "./folder";
import { send, type Told } from "./send";

/** How many are on their way at once: the broker takes one more, for lists. */
const atOnce = 3;
/** When something is tried again that could not be now, in ms. */
const againAfter = 1_000;

/** What may be tried again by itself. */
const passing: readonly FileCause[] = ["busy", "hidden", "away"];

export type JobState = "waiting" | "running" | "done" | "failed";

/** A Job is one file, or a folder that is fetched. */
export interface Job {
  readonly key: number;
  readonly kind: FilesTool;
  readonly name: string;
  readonly state: Signal<JobState>;
  readonly moved: Signal<number>;
  readonly size: Signal<number>;
  readonly cause: Signal<FileCause | "">;
  /** What it is called there in the end, "" if as here. */
  readonly as: Signal<string>;
}

interface Work extends Job {
  run(told: Told): Promise<void>;
  told: Told | null;
  wanted: boolean; // nobody stopped it
}

/** What is shown of a folder of the customer's. */
export interface Listing {
  path: string;
  entries: FileEntry[];
  count: number;
  left: number;
}

export class Files {
  readonly send: Exchange;
  readonly fetch: Exchange;
  readonly jobs = signal<readonly Job[]>([]);
  readonly listing = signal<Listing | null>(null);
  /** What was wrong with the last that was chosen, or listed. */
  readonly trouble = signal<FileCause | "many" | "">("");
  readonly online = signal(false);
  readonly #picture: Picture;
  readonly #session: () => SessionView | undefined;
  readonly #stop: () => void;
  #work: Work[] = [];
  #keys = 0;
  #batches = 0;
  #timer = 0;

  constructor(picture: Picture, session: () => SessionView | undefined) {
    this.#picture = picture;
    this.#session = session;
    this.send = new Exchange("send_files", picture);
    this.fetch = new Exchange("fetch_files", picture);
    picture.parcels.hears = {
      opened: () => {
        this.online.value = true;
        for (const x of this.#both()) x.attach();
      },
      closed: () => {
        this.online.value = false;
        for (const x of this.#both()) x.drop("away");
      },
      said: (m) => {
        for (const x of this.#both()) x.take(m);
        if (m.kind === "opened") this.#opened();
      },
      part: (epoch, id, at, content) => this.fetch.part(epoch, id, at, content),
      busy: () => this.#work.some((w) => w.state.peek() === "running"),
    };
    this.#stop = effect(() => {
      const s = session();
      for (const kind of filesTools) {
        const consent = s?.mine === true && s.state === "Active" ? consentTo(s, kind) : undefined;
        const epoch = consent?.state === "given" ? consent.epoch : 0;
        const x = this.of(kind);
        if (epoch === x.epoch.peek()) continue;
        x.begin(epoch);
        if (kind === "fetch_files") this.listing.value = null;
        if (epoch === 0) this.#gone(kind);
      }
      if (s !== undefined && hidden(s) === null) this.#later();
    });
  }

  of(kind: FilesTool): Exchange {
    return kind === "send_files" ? this.send : this.fetch;
  }

  #both(): Exchange[] {
    return [this.send, this.fetch];
  }

  /** put sends files. Those of one folder stay together. */
  put(chosen: Chosen[]): void {
    this.trouble.value = chosen.length > maxFiles ? "many" : "";
    if (chosen.length > maxFiles || this.send.epoch.peek() === 0) return;
    const batches = new Map<string, number>();
    for (const { file, path } of chosen) {
      const folder = path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
      let number = batches.get(folder) ?? 0;
      if (folder !== "" && number === 0) batches.set(folder, (number = ++this.#batches));
      const w = this.#add("send_files", path, file.size, async (told) => {
        const as = await send(this.send, this.#picture, file, path, number, told);
        if (as !== path) w.as.value = as;
      });
    }
    this.#next();
  }

  /** get fetches a file of the folder that is shown. */
  get(path: string, size: number): void {
    const got = new Fetched();
    const name = path.slice(path.lastIndexOf("/") + 1);
    const w = this.#add("fetch_files", name, size, async (told) => {
      await fetch(this.fetch, path, got, told);
      w.size.value = got.size;
      save(name, got.blob());
      got.restart(); // the browser has it
    });
    this.#next();
  }

  /** getAll fetches a folder as one archive. */
  getAll(path: string): void {
    const name = `${path === "" ? this.fetch.folder.peek() : path.slice(path.lastIndexOf("/") + 1)}.zip`;
    const have = new Map<string, Fetched>();
    const w = this.#add("fetch_files", name, 0, async (told) => {
      let on = true;
      told.stop = () => (on = false);
      const found = await inside(this.fetch, path, () => on);
      w.size.value = found.reduce((sum, f) => sum + f.size, 0);
      const files: { path: string; blob: Blob }[] = [];
      let before = 0;
      for (const f of found) {
        const got = have.get(f.path) ?? new Fetched();
        have.set(f.path, got);
        const one: Told = { moved: (n) => told.moved(before + n), stop: () => {} };
        told.stop = (keep) => {
          on = false;
          one.stop(keep);
        };
        if (!on) throw new Stopped("cancelled");
        if (got.size < 0 || got.at !== got.size) await fetch(this.fetch, f.path, got, one);
        before += got.size;
        files.push({ path: path === "" ? f.path : f.path.slice(path.length + 1), blob: got.blob() });
      }
      save(name, await archive(files));
      have.clear();
    });
    this.#next();
  }

  /** show lists a folder of the customer's; more of the same one if it is shown already. */
  async show(path: string, more = false): Promise<void> {
    const had = more ? this.listing.peek() : null;
    try {
      const m = await this.fetch.list(path, had?.entries.length ?? 0);
      if (more && this.listing.peek() !== had) return; // another one is shown by now
      this.trouble.value = "";
      this.listing.value = { path, entries: [...(had?.entries ?? []), ...(m.entries ?? [])], count: m.count ?? 0, left: m.left ?? 0 };
    } catch (e) {
      this.trouble.value = e instanceof Stopped ? e.why : "failed";
    }
  }

  /** stop ends a job, for the person wants it no more. */
  stop(key: number): void {
    const w = this.#work.find((w) => w.key === key);
    if (w === undefined) return;
    w.wanted = false;
    if (w.state.peek() === "running") w.told?.stop(false);
    else this.#fail(w, "cancelled");
  }

  /** again tries a job once more. */
  again(key: number): void {
    const w = this.#work.find((w) => w.key === key);
    if (w?.state.peek() !== "failed" || this.of(w.kind).epoch.peek() === 0) return;
    w.wanted = true;
    w.cause.value = "";
    w.state.value = "waiting";
    this.#next();
  }

  /** clear forgets what is over. */
  clear(): void {
    this.#work = this.#work.filter((w) => w.state.peek() !== "done" && w.state.peek() !== "failed");
    this.jobs.value = this.#work;
  }

  close(): void {
    this.#stop();
    clearTimeout(this.#timer);
    for (const x of this.#both()) x.begin(0);
    this.#work = [];
  }

  #add(kind: FilesTool, name: string, size: number, run: (told: Told) => Promise<void>): Work {
    const w: Work = {
      key: ++this.#keys, kind, name, run, told: null, wanted: true,
      state: signal<JobState>("waiting"), moved: signal(0), size: signal(size), cause: signal<FileCause | "">(""), as: signal(""),
    };
    this.#work = [...this.#work, w];
    this.jobs.value = this.#work;
    return w;
  }

  #opened(): void {
    if (this.fetch.folder.peek() !== "" && this.listing.peek() === null) void this.show("");
    this.#next();
  }

  /** #next begins what may begin. */
  #next(): void {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const s = this.#session();
    for (const kind of filesTools) {
      const x = this.of(kind);
      if (x.folder.peek() === "" || s === undefined || hidden(s) !== null) continue;
      let running = this.#work.filter((w) => w.kind === kind && w.state.peek() === "running").length;
      for (const w of this.#work) {
        if (running >= atOnce) break;
        if (w.kind !== kind || w.state.peek() !== "waiting") continue;
        running++;
        void this.#begin(w);
      }
    }
  }

  #later(): void {
    if (this.#timer === 0) this.#timer = setTimeout(() => this.#next(), againAfter);
  }

  async #begin(w: Work): Promise<void> {
    w.state.value = "running";
    const told: Told = { moved: (n) => (w.moved.value = n), stop: () => {} };
    w.told = told;
    try {
      await w.run(told);
      batch(() => {
        w.moved.value = w.size.peek();
        w.state.value = "done";
      });
    } catch (e) {
      const why = e instanceof Stopped ? e.why : "failed";
      if (w.wanted && passing.includes(why) && this.of(w.kind).epoch.peek() !== 0) {
        w.state.value = "waiting";
        this.#later();
        return;
      }
      this.#fail(w, w.wanted ? why : "cancelled");
    }
    this.#next();
  }

  #fail(w: Work, cause: FileCause): void {
    batch(() => {
      w.cause.value = cause;
      w.state.value = "failed";
    });
  }

  /** #gone ends what waits under a consent that is over. */
  #gone(kind: FilesTool): void {
    for (const w of this.#work) {
      if (w.kind === kind && w.state.peek() === "waiting") this.#fail(w, "withdrawn");
    }
  }
}
