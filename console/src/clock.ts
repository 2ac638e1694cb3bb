// The broker's clock: countdowns must not depend on how the technician's computer is set.

import { signal } from "@preact/signals";

export class Clock {
  /** The broker's time in milliseconds since 1970, new every full second. */
  readonly now = signal(Date.now());
  #offset = Date.now() - performance.now();

  start(): void {
    const next = () => {
      this.now.value = this.read();
      setTimeout(next, 1000 - (this.read() % 1000));
    };
    next();
  }

  /** set takes the broker's time, as RFC 3339. */
  set(time: string): void {
    const at = Date.parse(time);
    if (Number.isNaN(at)) return;
    this.#offset = at - performance.now();
    this.now.value = at;
  }

  read(): number {
    return this.#offset + performance.now();
  }
}
