// What a technician draws on the customer's screen, on its way to the broker: at most
// ten messages a second, points that come between go together.

import { effect, signal } from "@preact/signals";
import { consentTo } from "../consent";
import type { Size } from "../geometry";
import type { Annotate, Ink, Spot } from "../protocol";
import type { SessionView } from "../sessionview";

export const drawTools = ["point", "line", "box"] as const;
export type DrawTool = (typeof drawTools)[number];

/** The inks, with their colours on the customer's screen. */
export const inks: Readonly<Record<Ink, string>> = { blue: "#0066cc", green: "#00733c", violet: "#7b1fa2", yellow: "#ffd500" };

/** The least time between two messages, in ms; and between two of a pointer that rests. */
const beat = 100;
const rest = 2_000;

/** How many points one message has at most, and how near two of a line may be, in pixels of the picture. */
const most = 64;
const near = 3;

/** How long what was drawn stays here until the picture shows it, in ms. */
const echo = 700;

/** Drawing is one session's drawing in this window. */
export class Drawing {
  /** Of the customer's yes; 0 while there is none. */
  readonly epoch = signal(0);
  readonly tool = signal<DrawTool | null>(null);
  readonly ink = signal<Ink>("blue");
  /** What was drawn last, until the picture shows it. */
  readonly echo = signal<readonly Spot[]>([]);
  readonly #send: (m: Omit<Annotate, "session">) => void;
  readonly #size: () => Size;
  readonly #stop: () => void;
  // So that no mark of a page that was reloaded is gone on with.
  #mark = crypto.getRandomValues(new Uint32Array(1))[0]! >>> 2;
  #waiting: { kind: DrawTool; mark: number; points: Spot[] } | null = null;
  #last: Spot | null = null;
  #start: Spot | null = null; // of a frame
  #timer = 0;
  #sent = 0;
  #fading = 0;
  #resting = 0;

  constructor(session: () => SessionView | undefined, size: () => Size, send: (m: Omit<Annotate, "session">) => void) {
    this.#send = send;
    this.#size = size;
    this.#stop = effect(() => {
      const s = session();
      const c = s?.mine === true && s.state === "Active" ? consentTo(s, "annotate") : undefined;
      const epoch = c?.state === "given" ? c.epoch : 0;
      if (epoch === this.epoch.peek()) return;
      this.epoch.value = epoch;
      this.#drop();
      if (epoch === 0) this.tool.value = null;
    });
  }

  /** choose takes a tool, or none. */
  choose(tool: DrawTool | null): void {
    this.leave();
    this.#drop();
    this.tool.value = tool;
  }

  get drawing(): boolean {
    return this.#start !== null || this.#last !== null;
  }

  /** begin puts the pen down. */
  begin(p: Spot): void {
    const tool = this.tool.peek();
    if (tool === null || this.epoch.peek() === 0) return;
    if (tool === "point") return this.point(p);
    this.#flush();
    clearTimeout(this.#fading);
    this.#mark++;
    this.#last = p;
    this.#start = tool === "box" ? p : null;
    this.echo.value = [p];
    if (tool === "line") this.#put(tool, [p]);
  }

  /** move draws on, while the pen is down. */
  move(p: Spot): void {
    const tool = this.tool.peek();
    if (tool === "point") return this.point(p);
    if (this.#last === null || tool === null) return;
    if (tool === "box" && this.#start !== null) {
      this.#last = p;
      this.echo.value = [this.#start, p];
      this.#waiting = { kind: "box", mark: this.#mark, points: [this.#start, p] };
      this.#soon();
    } else if (Math.hypot(p.x - this.#last.x, p.y - this.#last.y) >= near) {
      this.#last = p;
      this.echo.value = [...this.echo.peek(), p];
      this.#put("line", [p]);
    }
  }

  /** end lifts the pen. */
  end(): void {
    if (this.#last === null) return;
    this.#last = this.#start = null;
    this.#fading = setTimeout(() => (this.echo.value = []), echo);
  }

  /** point shows where the technician points to, as long as nothing else is said. */
  point(p: Spot): void {
    if (this.epoch.peek() === 0) return;
    this.#waiting = { kind: "point", mark: 0, points: [p] };
    this.#soon();
    clearInterval(this.#resting);
    this.#resting = setInterval(() => {
      this.#waiting ??= { kind: "point", mark: 0, points: [p] };
      this.#soon();
    }, rest);
  }

  /** leave takes the pointer away. */
  leave(): void {
    if (this.#resting === 0) return;
    clearInterval(this.#resting);
    this.#resting = 0;
    this.#waiting = null;
    if (this.epoch.peek() !== 0) this.#say({ kind: "point", points: [] });
  }

  undo(): void {
    this.#flush();
    this.#say({ kind: "undo" });
  }

  clear(): void {
    this.#drop();
    this.#say({ kind: "clear" });
  }

  close(): void {
    this.#stop();
    this.#drop();
    this.epoch.value = 0;
    this.tool.value = null;
  }

  #put(kind: "line", points: Spot[]): void {
    if (this.#waiting?.mark === this.#mark) this.#waiting.points.push(...points);
    else this.#waiting = { kind, mark: this.#mark, points };
    this.#soon();
  }

  #soon(): void {
    if (this.#timer === 0) this.#timer = setTimeout(() => this.#flush(), Math.max(0, this.#sent + beat - performance.now()));
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const w = this.#waiting;
    if (w === null || this.epoch.peek() === 0) return;
    const points = w.points.splice(0, most);
    if (w.points.length === 0) this.#waiting = null;
    else this.#soon();
    this.#say(w.mark === 0 ? { kind: w.kind, points } : { kind: w.kind, mark: w.mark, points });
  }

  #say(m: Pick<Annotate, "kind" | "mark" | "points">): void {
    const { width, height } = this.#size();
    if (this.epoch.peek() === 0 || width === 0) return;
    this.#sent = performance.now();
    const inked = m.kind !== "undo" && m.kind !== "clear";
    this.#send({ epoch: this.epoch.peek(), width, height, ...m, ...(inked ? { ink: this.ink.peek() } : {}) });
  }

  /** #drop forgets what is on its way and shown here. */
  #drop(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#fading);
    clearInterval(this.#resting);
    this.#timer = this.#resting = 0;
    this.#waiting = this.#last = this.#start = null;
    this.echo.value = [];
  }
}
