// The list of what happened: filtered, searched, following the picture.

import { by, make } from "./element";
import { together } from "./inputs";
import { type Lane, laneOf, lanes } from "./lanes";
import type { Happening } from "./happening";
import type { Recording } from "./recording";
import { clock, count, say, tell } from "./words";

interface Entry {
  at: number;
  lane: Lane;
  text: string;
  item: HTMLLIElement;
  button: HTMLButtonElement;
}

export class List {
  readonly #box = by<HTMLOListElement>("events");
  readonly #search = by<HTMLInputElement>("search");
  readonly #lane = by<HTMLSelectElement>("lane");
  #entries: Entry[] = [];
  #current: Entry | null = null;
  #held = false; // somebody reads in it: it does not move away

  constructor(seek: (at: number) => void) {
    for (const lane of [...lanes, "other"]) this.#lane.append(make("option", { value: lane }, say(`audit.lane.${lane}`)));
    this.#search.addEventListener("input", () => this.#filter());
    this.#lane.addEventListener("change", () => this.#filter());
    this.#box.addEventListener("click", (e) => {
      const button = e.target instanceof Element ? e.target.closest<HTMLButtonElement>("button[data-at]") : null;
      if (button !== null) seek(Number(button.dataset["at"]));
    });
    this.#box.addEventListener("keydown", (e) => this.#key(e));
    for (const [event, held] of [["pointerenter", true], ["pointerleave", false], ["focusin", true], ["focusout", false]] as const)
      this.#box.addEventListener(event, () => (this.#held = held));
  }

  /** fill lists a recording's happenings. */
  fill(r: Recording): void {
    const begins: Happening[] = r.segments.slice(1).map((s) => ({ at: s.headers[1] === undefined ? s.shift : s.headers[1].at + s.shift, segment: s.number, index: 0, track: 1, code: "segment", data: { number: s.number } }));
    const all = [...together(r.happenings), ...r.shell.typed, ...begins].sort((a, b) => a.at - b.at || a.segment - b.segment || a.index - b.index);
    this.#entries = all.map((h) => {
      const text = tell(h);
      const button = make("button", { type: "button", "data-at": String(h.at), "data-code": h.code, tabindex: "-1" }, make("time", {}, clock(h.at)), make("span", {}, text));
      return { at: h.at, lane: laneOf(h), text, button, item: make("li", {}, button) };
    });
    this.#filter();
  }

  clear(): void {
    this.#entries = [];
    this.#current = null;
    this.#search.value = "";
    this.#filter();
  }

  /** follow marks what happened last at a time, and keeps it in sight. */
  follow(at: number): void {
    const current = this.#shown().findLast((e) => e.at <= at + 1) ?? null;
    if (current === this.#current) return;
    this.#current?.button.removeAttribute("aria-current");
    current?.button.setAttribute("aria-current", "true");
    this.#current = current;
    this.#rove(current ?? this.#shown()[0]);
    if (current !== null && !this.#held) this.#box.scrollTop = current.item.offsetTop - this.#box.offsetTop - this.#box.clientHeight / 2;
  }

  #shown(): Entry[] {
    return this.#entries.filter((e) => e.item.isConnected);
  }

  #filter(): void {
    const words = this.#search.value.toLocaleLowerCase().split(/\s+/).filter((w) => w !== "");
    const lane = this.#lane.value;
    const shown = this.#entries.filter((e) => (lane === "" || e.lane === lane) && words.every((w) => e.text.toLocaleLowerCase().includes(w)));
    this.#box.replaceChildren(...shown.map((e) => e.item));
    by("count").textContent = count("entries", shown.length);
    this.#rove(shown.includes(this.#current as Entry) ? (this.#current as Entry) : shown[0]);
  }

  // One stop for the tab key; the arrows go from entry to entry.
  #rove(to: Entry | undefined): void {
    for (const e of this.#entries) e.button.tabIndex = e === to ? 0 : -1;
  }

  #key(e: KeyboardEvent): void {
    const shown = this.#shown();
    const i = shown.findIndex((x) => x.button === document.activeElement);
    const to = { ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: shown.length - 1 }[e.key];
    const entry = to === undefined ? undefined : shown[to];
    if (entry === undefined) return;
    e.preventDefault();
    this.#rove(entry);
    entry.button.focus();
  }
}
