// Whether the broker is still there. A page can send no ping of the WebSocket's own,
// and a browser takes many minutes to notice that its network is gone, or that its
// computer has another address.

/** How often the broker is asked, in milliseconds. */
const interval = 5_000;

/** How many seconds it has to answer; and how many when other things do not get
 * through either: longer than the round trip of any network that people still use. */
const patience = 9;
const probePatience = 5;

export class Pulse {
  readonly #ask: () => Promise<unknown>;
  readonly #silent: () => void;
  #running = false;
  #next = 0;
  #clock = 0;
  #left = 0; // seconds that the answer may still take, 0 while none is waited for

  /** ask sends a ping and resolves with its answer. silent is called when none came; the pulse has stopped then. */
  constructor(ask: () => Promise<unknown>, silent: () => void) {
    this.#ask = ask;
    this.#silent = silent;
  }

  start(): void {
    this.stop();
    this.#running = true;
    this.#next = setTimeout(() => this.#beat(patience), interval);
  }

  /** probe asks at once, and does not wait long. */
  probe(): void {
    if (!this.#running) return;
    if (this.#left === 0) this.#beat(probePatience);
    else this.#left = Math.min(this.#left, probePatience);
  }

  stop(): void {
    this.#running = false;
    this.#left = 0;
    clearTimeout(this.#next);
    clearInterval(this.#clock);
  }

  #beat(seconds: number): void {
    clearTimeout(this.#next);
    this.#left = seconds;
    // Counted, not measured: a page that was not run has not heard what came.
    this.#clock = setInterval(() => {
      if (--this.#left > 0) return;
      this.stop();
      this.#silent();
    }, 1_000);
    this.#ask().then(
      () => this.#left > 0 && this.start(),
      () => undefined, // the connection has ended, and its owner knows
    );
  }
}
