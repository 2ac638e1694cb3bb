// Whether this window may control a session, and by what.

import { effect, signal } from "@preact/signals";
import { consentTo } from "../consent";
import type { Picture } from "../picture";
import type { SessionView } from "../sessionview";
import { Remote } from "./remote";

/** epochOf is the epoch of the consent to control while it is given, 0 else. */
export function epochOf(s: SessionView | undefined): number {
  const c = s === undefined ? undefined : consentTo(s, "control");
  return s?.mine === true && s.state === "Active" && c?.state === "given" ? c.epoch : 0;
}

/** Control is one session's control in this window: there is a Remote while the customer's yes stands. */
export class Control {
  readonly remote = signal<Remote | null>(null);
  /** Whether the remote side has the keyboard. */
  readonly focused = signal(false);
  readonly physical = signal(false);
  /** Gives the keyboard to the remote side, where that is shown. */
  take: () => void = () => {};
  readonly #stop: () => void;
  #epoch = 0;

  constructor(picture: Picture, session: () => SessionView | undefined) {
    this.#stop = effect(() => {
      const epoch = epochOf(session());
      if (epoch === this.#epoch) return;
      this.#epoch = epoch;
      this.remote.peek()?.close();
      this.focused.value = false;
      this.remote.value = epoch === 0 ? null : new Remote({ send: (m) => picture.input(m), size: () => picture.size.peek() }, epoch);
    });
  }

  close(): void {
    this.#stop();
    this.remote.peek()?.close();
    this.remote.value = null;
  }
}
