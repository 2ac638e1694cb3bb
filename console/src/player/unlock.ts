// The form that unlocks a key: one that the server keeps locked, or one from a file.

import { by } from "./element";
import { type Identity, lockPair, readPair, unwrapPair } from "./identity";

/** A key as the server keeps it. */
export interface LockedKey {
  id: string;
  name: string;
  wrapped: string;
}

export class Unlock {
  readonly form = by<HTMLFormElement>("unlock");

  /** open is called with what brings the identity; while it works, the buttons rest. */
  constructor(keys: readonly LockedKey[], open: (identity: () => Promise<Identity>) => Promise<void>) {
    const begin = (identity: () => Promise<Identity>) => {
      for (const b of this.form.querySelectorAll("button")) b.disabled = true;
      void open(identity).finally(() => {
        for (const b of this.form.querySelectorAll("button")) b.disabled = false;
      });
    };
    this.form.addEventListener("submit", (e) => {
      e.preventDefault();
      const key = keys.find((k) => k.id === by<HTMLSelectElement>("key").value);
      const passphrase = by<HTMLInputElement>("passphrase").value;
      if (key !== undefined) begin(async () => lockPair(await unwrapPair(key.wrapped, passphrase)));
    });
    const file = by<HTMLInputElement>("identity");
    file.addEventListener("change", () => {
      const chosen = file.files?.[0];
      if (chosen !== undefined) begin(async () => lockPair(await readPair(chosen.size > 4096 ? "" : await chosen.text())));
    });
    this.form.hidden = false;
  }

  /** done hides the form and forgets what was typed. */
  done(): void {
    this.form.hidden = true;
    this.form.reset();
  }
}
