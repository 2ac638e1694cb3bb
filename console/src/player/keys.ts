// The keys of a recording, however somebody came to them.

import { openBag, TrackKeys } from "./bag";
import type { Identity } from "./identity";
import type { Open } from "./record";

/** Keys of tracks and minutes. */
export interface Keys {
  /** covers tells whether there is a key; of may be asked only then. */
  covers(track: number, minute: number): boolean;
  of(track: number, minute: number): Promise<CryptoKey>;
}

/** A Way to the keys of a segment: what the server has to give, and what opens it. */
export interface Way {
  readonly from: "bags" | "shares" | "logs";
  open(text: string, open: Open): Promise<Keys>;
}

/** byBag is the way of auditors. */
export const byBag = (identities: readonly Identity[]): Way => ({
  from: "bags",
  open: async (text, open) => new TrackKeys(open.sid, await openBag(text, open, identities)),
});
