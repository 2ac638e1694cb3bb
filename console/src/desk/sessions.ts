// The sessions that the technician may see.

import { signal } from "@preact/signals";
import type { Clock } from "../clock";
import { type State, states } from "../protocol";
import type { SessionView } from "../sessionview";
import { hourOf, t } from "../text";

export class Sessions {
  /** All of them, newest first. */
  readonly list = signal<readonly SessionView[]>([]);
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(id: string | undefined): SessionView | undefined {
    return this.list.value.find((s) => s.id === id);
  }

  /** set takes these for all there are. */
  set(all: readonly SessionView[]): void {
    this.list.value = [...all].sort(newestFirst);
  }

  /** put takes one as it is now. */
  put(s: SessionView): void {
    this.set([s, ...this.list.value.filter((x) => x.id !== s.id)]);
  }

  drop(id: string): void {
    this.list.value = this.list.value.filter((s) => s.id !== id);
  }

  /** nameOf is what a session is called: its time, exact to the second where two would be called the same. */
  nameOf(s: SessionView): string {
    const now = this.#clock.read();
    const time = hourOf(s.issued_at, now, false);
    const twin = this.list.value.some((x) => x.id !== s.id && hourOf(x.issued_at, now, false) === time);
    return t(s.test === true ? "test_session" : "session", { time: twin ? hourOf(s.issued_at, now, true) : time });
  }
}

/** outdated: this state is one that a session in the other has left behind. The only way is forward. */
export const outdated = (next: State, before: State) => states.indexOf(before) > states.indexOf(next);

const newestFirst = (a: SessionView, b: SessionView) => (a.issued_at < b.issued_at ? 1 : a.issued_at > b.issued_at ? -1 : 0);
