// Input on its way to the customer's computer: what is held down, and batches of
// acts on the channel. Nothing is kept for later: what cannot be sent is gone.

import type { Size } from "../geometry";
import { type Input, type InputAct, maxInputActs, maxInputText } from "../protocol";

/** How often a console that controls says so, in ms: InputBeat of package protocol. */
const beat = 500;

/** What input goes out by. */
export interface Way {
  /** send sends one message; false if the channel is not open. */
  send(m: Input): boolean;
  /** size is that of the picture that is seen now. */
  size(): Size;
}

export class Remote {
  readonly #way: Way;
  readonly #epoch: number;
  readonly #held = new Set<string>();
  readonly #buttons = new Set<number>();
  #timer = 0;

  constructor(way: Way, epoch: number) {
    this.#way = way;
    this.#epoch = epoch;
  }

  /** focus says whether the remote side has the keyboard. Without it nothing stays held. */
  focus(focused: boolean): void {
    clearInterval(this.#timer);
    this.#timer = 0;
    if (!focused) {
      this.release();
      return;
    }
    this.#timer = setInterval(() => this.#send([]), beat);
    this.#send([]);
  }

  /** point sends acts of the pointer. */
  point(...acts: InputAct[]): void {
    for (const a of acts) {
      if (a.kind !== "button" || a.button === undefined) continue;
      if (a.down === true) this.#buttons.add(a.button);
      else this.#buttons.delete(a.button);
    }
    this.#send(acts);
  }

  /** pressed tells whether a button of the mouse is held. */
  get pressed(): boolean {
    return this.#buttons.size > 0;
  }

  holds(code: string): boolean {
    return this.#held.has(code);
  }

  /** key presses or releases a key; one that is held, or is not, stays so. */
  key(code: string, down: boolean): void {
    if (down === this.#held.has(code)) return;
    if (down) this.#held.add(code);
    else this.#held.delete(code);
    this.#send([down ? { kind: "key", code, down } : { kind: "key", code }]);
  }

  /** tap presses keys in their order and releases them in the other. */
  tap(codes: readonly string[]): void {
    const down: InputAct[] = codes.map((code) => ({ kind: "key", code, down: true }));
    const up: InputAct[] = [...codes].reverse().map((code) => ({ kind: "key", code }));
    this.#send([...down, ...up]);
  }

  /** type sends text in pieces that a message holds. Control characters have no place in it. */
  type(text: string): void {
    const letters = [...text.replace(/[\p{Cc}\p{Co}\ufffd]/gu, "")];
    for (let i = 0; i < letters.length; i += maxInputText) {
      this.#send([{ kind: "text", text: letters.slice(i, i + maxInputText).join("") }]);
    }
  }

  /** release has everything go up. */
  release(): void {
    if (this.#held.size === 0 && this.#buttons.size === 0) return;
    this.#held.clear();
    this.#buttons.clear();
    this.#send([{ kind: "release" }]);
  }

  /** close is the end of the consent, or of the picture. */
  close(): void {
    this.focus(false);
  }

  #send(acts: InputAct[]): void {
    const { width, height } = this.#way.size();
    for (let i = 0; i === 0 || i < acts.length; i += maxInputActs) {
      this.#way.send({ epoch: this.#epoch, width, height, acts: acts.slice(i, i + maxInputActs) });
    }
  }
}
