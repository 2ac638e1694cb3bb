// The command line of a recording (asciicast v3), as it stood at a time: below the
// picture, where the page has a place for it.

import { Problem } from "./problem";
import { Track } from "./record";
import type { Happening } from "./happening";
import type { Item, Segment } from "./segment";
import type { Replayer } from "../shell/terminal";

/** One line of a terminal's recording. */
interface Line {
  readonly at: number; // ms of the session
  readonly code: string; // of asciicast v3; "" for a header
  readonly data: string; // a header's size, COLSxROWS
}

/** How much output is shown again after a jump, in characters: enough for any screen. */
const most = 400_000;

/** A ShellTrack is what one recording has of it. */
export class ShellTrack {
  readonly lines: Line[] = [];
  /** What was typed, line by line. */
  readonly typed: Happening[] = [];

  static async read(segments: readonly Segment[]): Promise<ShellTrack> {
    const track = new ShellTrack();
    try {
      for (const s of segments) {
        for (const item of await s.tracks(Track.shell)) track.#take(item);
      }
    } catch (e) {
      if (!(e instanceof Problem)) throw e; // too much of it for a page: an export has it
    }
    return track;
  }

  #line = "";

  #take(item: Item): void {
    for (const text of new TextDecoder().decode(item.body).split("\n")) {
      const line = parse(item.at, text);
      if (line === null) continue;
      this.lines.push(line);
      if (line.code === "") this.#line = "";
      if (line.code === "i") this.#type(item, line.data);
    }
  }

  #type(item: Item, text: string): void {
    // What moves about in the line is not told: the terminal shows it.
    for (const c of text.replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|O.)/g, "")) {
      if (c === "\r" || c === "\n") {
        if (this.#line !== "") this.typed.push({ at: item.at, segment: item.segment, index: item.header.index, track: Track.shell, code: "shell.typed", data: { text: this.#line } });
        this.#line = "";
      } else if (c === "\x7f" || c === "\b") this.#line = this.#line.slice(0, -1);
      else if (c >= " ") this.#line += c;
    }
  }
}

function parse(at: number, text: string): Line | null {
  if (text === "") return null;
  try {
    const v: unknown = JSON.parse(text);
    if (Array.isArray(v)) {
      const [, code, data] = v as unknown[];
      return typeof code === "string" && code !== "" && typeof data === "string" ? { at, code, data } : null;
    }
    const { cols, rows } = (v as { term?: { cols?: unknown; rows?: unknown } }).term ?? {};
    return typeof cols === "number" && typeof rows === "number" ? { at, code: "", data: `${cols}x${rows}` } : null;
  } catch {
    return null;
  }
}

/** Replay shows it. */
export class Replay {
  readonly #place = document.getElementById("replay");
  #lines: readonly Line[] = [];
  #screen: Replayer | null = null;
  #loading = false;
  #begun = -1; // line of the header of what is shown
  #next = 0; // line that is shown next

  open(track: ShellTrack): void {
    this.close();
    this.#lines = track.lines;
  }

  /** show follows the time, forwards and back. */
  show(at: number): void {
    if (this.#place === null || this.#lines.length === 0) return;
    const end = this.#lines.findLastIndex((l) => l.at <= at) + 1;
    const begun = this.#lines.findLastIndex((l, i) => i < end && l.code === "");
    const begins = Math.max(0, begun);
    this.#place.hidden = end === 0;
    if (end === 0) return;
    if (this.#screen === null) return void this.#load(this.#place);
    if (begun !== this.#begun || end < this.#next) {
      this.#screen.reset();
      this.#begun = begun;
      this.#next = begins;
      let size = 0;
      const from = this.#lines.findLastIndex((l, i) => i >= begins && i < end && l.code === "o" && (size += l.data.length) > most);
      for (let i = begins; i < from; i++) this.#size(this.#lines[i]);
      this.#next = Math.max(begins, from);
    }
    let text = "";
    for (; this.#next < end; this.#next++) {
      const line = this.#lines[this.#next];
      if (line?.code === "o") text += line.data;
      else if (line !== undefined && (line.code === "" || line.code === "r")) {
        this.#screen.write(text);
        text = "";
        this.#size(line);
      }
    }
    if (text !== "") this.#screen.write(text);
  }

  #size(line: Line | undefined): void {
    const size = line?.code === "" || line?.code === "r" ? /^(\d{1,3})x(\d{1,3})$/.exec(line.data) : null;
    if (size !== null) this.#screen?.resize(Number(size[1]), Number(size[2]));
  }

  #load(place: HTMLElement): void {
    if (this.#loading) return;
    this.#loading = true;
    void import(new URL("./terminal.js", import.meta.url).href).then((module: typeof import("../shell/terminal")) => {
      this.#screen = new module.Replayer(place, place.getAttribute("aria-label") ?? "");
      this.#begun = -1;
      this.#next = 0;
    });
  }

  /** close forgets it. */
  close(): void {
    this.#lines = [];
    this.#screen?.close();
    this.#screen = null;
    this.#loading = false;
    this.#begun = -1;
    this.#next = 0;
    if (this.#place !== null) this.#place.hidden = true;
  }
}
