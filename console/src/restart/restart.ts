// The restart of the customer's computer: whether it can be asked for, and how far it is.

import { consentTo } from "../control/control";
import type { Consent, PermissionSet } from "../protocol";
import type { SessionView } from "../sessionview";
import type { TextKey } from "../text";

/** restartable: the profile holds it, and the customer's program can come back. */
export function restartable(s: SessionView, allowed: PermissionSet | null): boolean {
  return s.mine && s.state === "Active" && allowed?.["reboot"] === true && s.tools?.includes("reboot") === true;
}

/** restartStep is what its button does now, and its word. */
export function restartStep(s: SessionView): { state: Consent["state"] | "none"; word: TextKey; ask: boolean } {
  const state = consentTo(s, "reboot")?.state ?? "none";
  if (state === "asked") return { state, word: "restart.cancel", ask: false };
  if (state === "given") return { state, word: "restart.stop", ask: false };
  return { state, word: "restart.ask", ask: true };
}

/** askedAgain: the computer is back from a restart, and the customer has not said yet whether it may be seen. */
export function askedAgain(s: SessionView): boolean {
  return s.state === "Active" && consentTo(s, "view_screen")?.state !== "given" && consentTo(s, "reboot")?.cause === "reboot";
}
