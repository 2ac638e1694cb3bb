// What this person chose for this browser.

import { type Signal, signal } from "@preact/signals";
import type { Zoom } from "./geometry";

export class Settings {
  /** Whether single keys act (WCAG 2.2, 2.1.4). */
  readonly letters: Signal<boolean>;
  readonly zoom: Signal<Zoom>;

  constructor() {
    this.letters = signal(read("letters") !== "off");
    this.zoom = signal(read("zoom") === "actual" ? "actual" : "fit");
  }

  setLetters(on: boolean): void {
    this.letters.value = on;
    write("letters", on ? "on" : "off");
  }

  toggleZoom(): void {
    this.zoom.value = this.zoom.value === "fit" ? "actual" : "fit";
    write("zoom", this.zoom.value);
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
