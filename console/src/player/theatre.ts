// The player itself: one clock, which the picture follows where there is one.

import { Board } from "./board";
import { by, make } from "./element";
import { spansOf, type Span } from "./lanes";
import { List } from "./list";
import { Marks } from "./marks";
import { Pointer } from "./pointer";
import type { Recording } from "./recording";
import { Replay } from "./replay";
import { Screen } from "./screen";
import { Stills } from "./stills";
import { Tables } from "./tables";
import { clock, say } from "./words";

const rates = [0.5, 1, 2, 4, 8, 16];

/** missing says why there is no picture at a time. */
function missing(r: Recording, at: number): string {
  const why = r.withheld(at);
  if (why?.code !== "needs_earlier") return say(`audit.js.${why?.code ?? "no_picture"}`);
  return why.begins === Infinity ? say("audit.js.needs_earlier_all") : say("audit.js.needs_earlier", { time: clock(why.begins) });
}

export class Theatre {
  readonly root = by("theatre");
  readonly #stage = by("stage");
  readonly #video = by<HTMLVideoElement>("video");
  readonly #seek = by<HTMLInputElement>("seek");
  readonly #speed = by<HTMLSelectElement>("speed");
  readonly #stream = by<HTMLSelectElement>("stream");
  readonly #play = by<HTMLButtonElement>("play");
  readonly #cover = by("cover");
  readonly #screen = new Screen(this.#video);
  readonly #replay = new Replay();
  readonly #tables = new Tables();
  readonly #board = new Board();
  readonly #stills = new Stills();
  readonly #list = new List((at) => this.seek(at));
  readonly #marks = new Marks((at) => this.seek(at));
  readonly #trouble: (e: unknown) => void;
  #recording: Recording | null = null;
  #spans: Span[] = [];
  #pointer: Pointer | null = null;
  #at = 0; // ms of the session
  #playing = false;
  #pictured = false; // the video shows the picture of this time
  #seeking = 0;
  #last = 0; // when a frame was drawn last
  #dragging = false;
  #damaged = 0; // records that did not open so far

  constructor(trouble: (e: unknown) => void) {
    this.#trouble = trouble;
    by("controls").addEventListener("click", (e) => {
      const button = e.target instanceof Element ? e.target.closest<HTMLElement>("[data-do]") : null;
      if (button !== null) this.#act(button.dataset["do"] ?? "");
    });
    this.#stage.addEventListener("click", () => this.#act("play"));
    this.#stage.addEventListener("keydown", (e) => this.#key(e));
    this.#seek.addEventListener("input", () => {
      this.#dragging = true;
      this.seek(Number(this.#seek.value));
    });
    this.#seek.addEventListener("change", () => (this.#dragging = false));
    this.#speed.addEventListener("change", () => this.#rate(Number(this.#speed.value)));
    this.#stream.addEventListener("change", () => void this.#choose(Number(this.#stream.value)));
    requestAnimationFrame((t) => this.#frame(t));
  }

  get playing(): boolean {
    return this.#playing;
  }

  /** open shows a recording from its first picture on. */
  async open(r: Recording): Promise<void> {
    this.#recording = r;
    this.#spans = spansOf(r);
    this.root.hidden = false;
    this.#seek.max = String(Math.max(1, r.length));
    this.#pointer = new Pointer(by<HTMLCanvasElement>("cursor"), r.meta);
    this.#list.fill(r);
    this.#replay.open(r.shell);
    this.#tables.open(r.system);
    this.#board.open(r.segments);
    this.#stills.open(r);
    this.#marks.fill(r, this.#spans);
    const ids = [...r.streams.keys()].sort((a, b) => a - b);
    this.#stream.replaceChildren(...ids.map((id) => make("option", { value: String(id) }, String(id + 1))));
    by("stream-choice").hidden = ids.length < 2;
    this.#at = r.streams.get(ids[0] ?? 0)?.[0]?.at ?? 0;
    await this.#choose(ids[0] ?? 0);
    this.#stage.focus();
  }

  /** close forgets everything that was decrypted. */
  close(): void {
    this.#pause();
    this.#recording = this.#pointer = null;
    this.#spans = [];
    this.#pictured = false;
    this.#damaged = 0;
    this.#screen.close();
    this.#list.clear();
    this.#replay.close();
    this.#tables.close();
    this.#board.close();
    this.#stills.close();
    this.#marks.clear();
    by<HTMLCanvasElement>("cursor").hidden = true;
    this.root.hidden = true;
  }

  async #choose(id: number): Promise<void> {
    const r = this.#recording;
    if (r === null) return;
    await this.#screen.open(r.streams.get(id) ?? [], r.length);
    await this.seek(this.#at);
  }

  /** seek shows another time, and says on the page how long that took. */
  async seek(to: number): Promise<void> {
    const r = this.#recording;
    if (r === null) return;
    const seek = ++this.#seeking;
    const from = performance.now();
    this.#at = Math.min(Math.max(0, to), r.length);
    this.#pictured = false;
    this.#video.pause();
    this.#draw();
    try {
      const shown = await this.#screen.show(this.#at);
      if (seek !== this.#seeking) return;
      this.#pictured = shown;
      this.root.dataset["seek"] = (performance.now() - from).toFixed(1);
      this.root.dataset["seeks"] = String(seek);
      this.#screen.feed(this.#at, Number(this.#speed.value));
      if (this.#playing && shown) await this.#start();
    } catch (e) {
      if (seek === this.#seeking) this.#pause();
      this.#trouble(e);
    }
    this.#draw();
  }

  async #start(): Promise<void> {
    this.#video.playbackRate = Number(this.#speed.value);
    try {
      await this.#video.play();
    } catch (e) {
      if (!(e instanceof DOMException) || e.name !== "AbortError") throw e; // paused again meanwhile
    }
  }

  #pause(): void {
    this.#playing = false;
    this.#video.pause();
    this.#play.textContent = this.#play.dataset["play"] ?? "";
  }

  #rate(rate: number): void {
    this.#speed.value = String(rate);
    this.#video.playbackRate = rate;
  }

  #act(what: string): void {
    const r = this.#recording;
    if (r === null) return;
    switch (what) {
      case "play":
        if (this.#playing) return this.#pause();
        this.#playing = true;
        this.#play.textContent = this.#play.dataset["pause"] ?? "";
        void this.seek(this.#at >= r.length - 1 ? 0 : this.#at);
        return;
      case "back":
      case "forward":
        void this.seek(this.#at + (what === "back" ? -10_000 : 10_000));
        return;
      case "previous":
      case "next":
        this.#pause();
        void this.#screen.step(this.#at, what === "next" ? 1 : -1).then((at) => (at === null ? undefined : this.seek(at)), this.#trouble);
        return;
      case "slower":
      case "faster": {
        const i = rates.indexOf(Number(this.#speed.value)) + (what === "faster" ? 1 : -1);
        this.#rate(rates[Math.min(Math.max(0, i), rates.length - 1)] ?? 1);
      }
    }
  }

  // Single keys work on the picture only, so that they disturb nobody elsewhere (WCAG 2.1.4).
  #key(e: KeyboardEvent): void {
    if (e.ctrlKey || e.altKey || e.metaKey) return;
    const acts: Record<string, string> = {
      " ": "play", k: "play", j: "back", l: "forward", ArrowLeft: "back", ArrowRight: "forward", ",": "previous", ".": "next", "<": "slower", ">": "faster",
    };
    if (e.key === "Home") void this.seek(0);
    else if (e.key === "End") void this.seek(this.#recording?.length ?? 0);
    else if (acts[e.key] !== undefined) this.#act(acts[e.key] ?? "");
    else return;
    e.preventDefault();
  }

  // One frame: the clock goes on with the picture, or by itself where there is none.
  #frame(now: number): void {
    requestAnimationFrame((t) => this.#frame(t));
    const r = this.#recording;
    const passed = now - this.#last;
    this.#last = now;
    if (r === null) return;
    if (this.#playing && this.#pictured) {
      const last = this.#screen.lastUntil(this.#at);
      // The clock never runs back to where the video rests.
      if (last !== null && this.#video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) this.#at = Math.min(last, this.#at + passed * Number(this.#speed.value));
      else this.#at = Math.max(this.#at, this.#video.currentTime * 1000);
      if (this.#screen.pieceAt(this.#at) < 0) this.#pictured = false;
      this.#screen.feed(this.#at, Number(this.#speed.value));
    } else if (this.#playing && this.#screen.pieceAt(this.#at) < 0) {
      this.#video.pause();
      this.#at = Math.min(r.length, this.#at + passed * Number(this.#speed.value));
      if (this.#screen.pieceAt(this.#at) >= 0) void this.seek(this.#at);
    }
    if (this.#playing && this.#at >= r.length - 30) this.#pause();
    const damaged = r.segments.reduce((n, s) => n + s.damaged.length, 0);
    if (damaged !== this.#damaged) {
      this.#damaged = damaged;
      this.#marks.fill(r, this.#spans);
      this.#trouble(null);
    }
    this.#draw();
  }

  #draw(): void {
    const r = this.#recording;
    if (r === null) return;
    const at = Math.round(this.#at);
    if (!this.#dragging) this.#seek.value = String(at);
    const position = say("audit.js.position", { time: clock(at), length: clock(r.length) });
    if (by("clock").textContent !== position) {
      by("clock").textContent = position;
      this.#seek.setAttribute("aria-valuetext", position);
    }
    this.root.dataset["at"] = String(at);
    this.#list.follow(at);
    this.#marks.follow(at);
    this.#replay.show(at);
    this.#tables.show(at);
    this.#board.show(at);
    const span = this.#spans.find((s) => s.from <= at && at < s.to);
    const why = span?.why ?? (this.#screen.pieceAt(at) < 0 ? missing(r, at) : "");
    this.#cover.hidden = why === "";
    if (this.#cover.textContent !== why) this.#cover.textContent = why;
    const { videoWidth, videoHeight } = this.#video;
    this.#video.style.visibility = this.#screen.pieceAt(at) < 0 ? "hidden" : "";
    if (videoWidth > 0) this.#stage.style.aspectRatio = `${videoWidth} / ${videoHeight}`;
    const { clientWidth, clientHeight } = this.#stage;
    const scale = Math.min(clientWidth / Math.max(1, videoWidth), clientHeight / Math.max(1, videoHeight));
    const canvas = by<HTMLCanvasElement>("cursor");
    canvas.style.marginLeft = `${(clientWidth - videoWidth * scale) / 2}px`;
    canvas.style.marginTop = `${(clientHeight - videoHeight * scale) / 2}px`;
    this.#pointer?.show(at, scale);
  }
}
