// The lanes below the picture: each mark is a button that leads to its time.

import { by, make } from "./element";
import { together } from "./inputs";
import { laneOf, lanes, type Span } from "./lanes";
import type { Happening } from "./happening";
import type { Recording } from "./recording";
import { clock, count, say, tell } from "./words";

/** Marks keep this far apart, in pixels: nearer ones become one. */
const apart = 26;

export class Marks {
  readonly #box = by("lanes");
  readonly #rows = new Map<string, HTMLUListElement>();
  #recording: Recording | null = null;
  #spans: Span[] = [];
  readonly #now: HTMLElement[] = [];

  constructor(seek: (at: number) => void) {
    for (const lane of lanes) {
      const row = make("ul", { "aria-labelledby": `lane-${lane}` });
      const now = make("hr", { class: "now", "aria-hidden": "true" });
      const frame = make("div", { class: "track" }, row, now);
      this.#now.push(now);
      this.#rows.set(lane, row);
      this.#box.append(make("div", { class: "lane", "data-lane": lane }, make("h3", { id: `lane-${lane}` }, say(`audit.lane.${lane}`)), frame));
    }
    this.#box.addEventListener("click", (e) => {
      const mark = e.target instanceof Element ? e.target.closest<HTMLElement>("[data-at]") : null;
      if (mark !== null) seek(Number(mark.dataset["at"]));
    });
    this.#box.addEventListener("keydown", (e) => this.#key(e));
    new ResizeObserver(() => this.#draw()).observe(this.#box);
  }

  fill(r: Recording, spans: Span[]): void {
    this.#recording = r;
    this.#spans = spans;
    this.#draw();
  }

  clear(): void {
    this.#recording = null;
    for (const row of this.#rows.values()) row.replaceChildren();
  }

  /** follow moves the line that is now. */
  follow(at: number): void {
    const share = this.#recording === null ? 0 : at / Math.max(1, this.#recording.length);
    for (const n of this.#now) n.style.left = `${100 * share}%`;
  }

  #draw(): void {
    const r = this.#recording;
    if (r === null) return;
    const place = (at: number) => `${(100 * at) / Math.max(1, r.length)}%`;
    for (const [lane, row] of this.#rows) {
      const width = row.clientWidth;
      if (width === 0) continue;
      const focused = row.contains(document.activeElement) ? document.activeElement?.getAttribute("data-at") : null;
      const parts: HTMLElement[] = [];
      if (lane === "gaps") {
        for (const s of this.#spans) {
          const span = make("li", { class: "span", title: s.why, "aria-hidden": "true", "data-from": String(s.from), "data-to": String(s.to) });
          span.style.left = place(s.from);
          span.style.width = place(s.to - s.from);
          parts.push(span);
        }
      }
      for (const near of this.#near(r, lane, width)) {
        const first = near[0];
        if (first === undefined) continue;
        const label = `${clock(first.at)}: ${near.length === 1 ? first.text : `${count("entries", near.length)}. ${first.text}`}`;
        const mark = make("button", { type: "button", class: near.length === 1 ? "happening" : "happening many", "data-at": String(first.at), "aria-label": label, title: label, tabindex: parts.some((p) => p.querySelector("button")) ? "-1" : "0" });
        mark.style.left = place(first.at);
        parts.push(make("li", {}, mark));
      }
      row.replaceChildren(...parts);
      const again = focused ? row.querySelector<HTMLElement>(`button[data-at="${focused}"]`) : null;
      if (again !== null) {
        this.#rove(row, again);
        again.focus();
      }
    }
  }

  // Marks of one lane, those together that would cover each other.
  #near(r: Recording, lane: string, width: number): { at: number; text: string }[][] {
    const marks: { at: number; text: string }[] = together(r.happenings).filter((h: Happening) => laneOf(h) === lane).map((h) => ({ at: h.at, text: tell(h) }));
    if (lane === "gaps") {
      marks.push(...r.holes.map((h) => ({ at: h.from, text: say("audit.js.unknown_time") })));
      marks.push(...r.damaged.map((d) => ({ at: d.at, text: say("audit.js.damaged", { record: d.header.index, time: clock(d.at) }) })));
      marks.sort((a, b) => a.at - b.at);
    }
    const groups: { at: number; text: string }[][] = [];
    for (const m of marks) {
      const last = groups.at(-1);
      const from = last?.[0]?.at;
      if (last !== undefined && from !== undefined && ((m.at - from) / Math.max(1, r.length)) * width < apart) last.push(m);
      else groups.push([m]);
    }
    return groups;
  }

  #key(e: KeyboardEvent): void {
    const here = document.activeElement;
    const row = here instanceof HTMLElement ? here.closest("ul") : null;
    if (!(here instanceof HTMLElement) || row === null) return;
    const all = [...row.querySelectorAll<HTMLElement>("button")];
    const i = all.indexOf(here);
    const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: all.length - 1 }[e.key];
    const next = to === undefined ? undefined : all[to];
    if (next === undefined) return;
    e.preventDefault();
    this.#rove(row, next);
    next.focus();
  }

  // One stop for the tab key in each lane.
  #rove(row: HTMLElement, to: HTMLElement): void {
    for (const b of row.querySelectorAll<HTMLElement>("button")) b.tabIndex = b === to ? 0 : -1;
  }
}
