// The red X: this window's picture stops at once, also without a connection.

import { type Signal, signal } from "@preact/signals";
import { over } from "../sessionview";
import { t } from "../text";
import { Refused, type Wire } from "../wire";
import { troubleOf } from "./acts";
import type { Sessions } from "./sessions";

export class RedX {
  /** Sessions whose red X was pressed and that the broker has not ended yet. */
  readonly pressed = signal<ReadonlySet<string>>(new Set());
  readonly #wire: Wire;
  readonly #sessions: Sessions;
  readonly #trouble: Signal<string>;

  constructor(wire: Wire, sessions: Sessions, trouble: Signal<string>) {
    this.#wire = wire;
    this.#sessions = sessions;
    this.#trouble = trouble;
  }

  press(id: string): void {
    this.#send(id); // before anything else
    this.pressed.value = new Set(this.pressed.value).add(id);
  }

  /** ended: the broker has done it. */
  ended(id: string): void {
    if (this.pressed.value.has(id)) this.pressed.value = new Set([...this.pressed.value].filter((x) => x !== id));
  }

  /** again sends what a lost connection may have kept from the broker. */
  again(): void {
    const live = new Set(this.#sessions.list.value.filter((s) => !over(s.state)).map((s) => s.id));
    this.pressed.value = new Set([...this.pressed.value].filter((id) => live.has(id)));
    for (const id of this.pressed.value) this.#send(id);
  }

  #send(id: string): void {
    // The answer is the session's change; only a refusal, or no connection, comes back here.
    this.#wire.request("end_session", { session: id }).catch((e: unknown) => {
      const code = e instanceof Refused ? e.code : "unavailable";
      const s = this.#sessions.find(id);
      if (s === undefined || over(s.state) || code === "timeout") return;
      if (code === "offline") {
        this.#trouble.value = t("trouble.end_offline"); // sent again after the next welcome
        return;
      }
      this.ended(id);
      this.#trouble.value = troubleOf(e);
    });
  }
}
