// Whether this window may control a session, and by what.

import { effect, signal } from "@preact/signals";
import type { Picture } from "../picture";
import type { Consent, Permission, PermissionSet } from "../protocol";
import type { SessionView } from "../sessionview";
import type { TextKey } from "../text";
import { Remote } from "./remote";

/** consentTo is the newest consent to a permission: the one of the highest epoch. */
export function consentTo(s: SessionView, p: Permission): Consent | undefined {
  let newest: Consent | undefined;
  for (const c of s.consents) {
    if (c.permission === p && (newest === undefined || c.epoch >= newest.epoch)) newest = c;
  }
  return newest;
}

/** epochOf is the epoch of the consent to control while it is given, 0 else. */
export function epochOf(s: SessionView | undefined): number {
  const c = s === undefined ? undefined : consentTo(s, "control");
  return s?.mine === true && s.state === "Active" && c?.state === "given" ? c.epoch : 0;
}

/** controllable: the profile holds it, and the customer's program can do it. */
export function controllable(s: SessionView, allowed: PermissionSet | null): boolean {
  return s.mine && s.state === "Active" && allowed?.["control"] === true && s.tools?.includes("control") === true;
}

/** nextStep is what the button of control does now, and its word. */
export function nextStep(s: SessionView): { state: Consent["state"] | "none"; word: TextKey; ask: boolean } {
  const state = consentTo(s, "control")?.state ?? "none";
  if (state === "asked") return { state, word: "control.cancel", ask: false };
  if (state === "given") return { state, word: "control.give_back", ask: false };
  return { state, word: "control.ask", ask: true };
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
