// The form that unlocks a key: one that the server keeps locked, or one from a file.

import { by } from "./element";
import { type Identity, lockPair, readPair, unwrapPair } from "./identity";
import { openByPasskey, type Passkey } from "./passkey";
import { say } from "./words";

/** A key as the server keeps it. */
export interface LockedKey {
  id: string;
  name: string;
  wrapped: string;
  passkeys: Passkey[];
}

export class Unlock {
  readonly form = by<HTMLFormElement>("unlock");
  #asking: AbortController | null = null; // while the browser asks for a passkey

  /** open is called with what brings the identity; while it works, the buttons rest. */
  constructor(keys: readonly LockedKey[], open: (identity: () => Promise<Identity>) => Promise<void>) {
    const chosen = () => keys.find((k) => k.id === (document.getElementById("key") as HTMLSelectElement | null)?.value);
    const begin = (identity: () => Promise<Identity>) => {
      for (const b of this.form.querySelectorAll("button")) b.disabled = true;
      void open(identity).finally(() => {
        for (const b of this.form.querySelectorAll("button")) b.disabled = false;
      });
    };
    this.form.addEventListener("submit", (e) => {
      e.preventDefault();
      this.#asking?.abort();
      const key = chosen();
      const passphrase = by<HTMLInputElement>("passphrase").value;
      if (key !== undefined) begin(async () => lockPair(await unwrapPair(key.wrapped, passphrase)));
    });
    const file = by<HTMLInputElement>("identity");
    file.addEventListener("change", () => {
      const brought = file.files?.[0];
      this.#asking?.abort();
      if (brought !== undefined) begin(async () => lockPair(await readPair(brought.size > 4096 ? "" : await brought.text())));
    });
    const [byPasskey, select] = [document.getElementById("by-passkey"), document.getElementById("key")];
    const offer = () => {
      if (byPasskey !== null) byPasskey.hidden = (chosen()?.passkeys.length ?? 0) === 0;
    };
    select?.addEventListener("change", offer);
    this.form.addEventListener("reset", () => queueMicrotask(offer)); // once it is reset
    byPasskey?.addEventListener("click", () => {
      const key = chosen();
      if (key !== undefined) void this.#ask(key, begin);
    });
    offer();
    this.form.hidden = false;
  }

  /** #ask waits for a passkey. The passphrase stays open meanwhile: who has lost the one turns to the other. */
  async #ask(key: LockedKey, begin: (identity: () => Promise<Identity>) => void): Promise<void> {
    this.#asking?.abort();
    const asking = (this.#asking = new AbortController());
    const asked = by("asked");
    asked.textContent = say("audit.js.passkey_now");
    try {
      const identity = await lockPair(await openByPasskey(key, asking.signal));
      if (!asking.signal.aborted) begin(() => Promise.resolve(identity));
    } catch (e) {
      if (!asking.signal.aborted) begin(() => Promise.reject(e as Error));
    } finally {
      if (this.#asking === asking) asked.textContent = "";
    }
  }

  /** done hides the form and forgets what was typed. */
  done(): void {
    this.#asking?.abort();
    this.form.hidden = true;
    this.form.reset();
  }
}
