// What this person chose for this browser.

import { type Signal, signal } from "@preact/signals";
import type { Zoom } from "./geometry";

export class Settings {
  /** Whether single keys act (WCAG 2.2, 2.1.4). */
  readonly letters: Signal<boolean>;
  readonly zoom: Signal<Zoom>;
  /** Whether the browser notifies, and whether there is a sound: never unasked. */
  readonly notify: Signal<boolean>;
  readonly sound: Signal<boolean>;
  /** Whether the list stands beside the session, where there is room for both. */
  readonly rail: Signal<boolean>;
  /** How much of the session's height is what stands below the picture, in percent. */
  readonly dock: Signal<number>;

  constructor() {
    this.letters = signal(read("letters") !== "off");
    this.zoom = signal(read("zoom") === "actual" ? "actual" : "fit");
    this.notify = signal(read("notify") === "on");
    this.sound = signal(read("sound") === "on");
    this.rail = signal(read("rail") !== "off");
    const dock = Number(read("dock"));
    this.dock = signal(dock >= 20 && dock <= 75 ? dock : 45);
  }

  setLetters(on: boolean): void {
    this.#set("letters", this.letters, on);
  }

  setNotify(on: boolean): void {
    this.#set("notify", this.notify, on);
  }

  setSound(on: boolean): void {
    this.#set("sound", this.sound, on);
  }

  toggleRail(): void {
    this.#set("rail", this.rail, !this.rail.value);
  }

  setDock(percent: number): void {
    this.dock.value = percent;
    write("dock", String(percent));
  }

  toggleZoom(): void {
    this.zoom.value = this.zoom.value === "fit" ? "actual" : "fit";
    write("zoom", this.zoom.value);
  }

  #set(name: string, signal: Signal<boolean>, on: boolean): void {
    signal.value = on;
    write(name, on ? "on" : "off");
  }
}

// A browser may refuse storage: then the choice lasts as long as the page.
function read(name: string): string | null {
  try {
    return localStorage.getItem(`console.${name}`);
  } catch {
    return null;
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(`console.${name}`, value);
  } catch {
    /* see read */
  }
}
