// The two consents to files: to the customer's computer, and from it.

import { consentTo } from "../control/control";
import type { Consent, PermissionSet } from "../protocol";
import type { SessionView } from "../sessionview";
import type { TextKey } from "../text";

export const filesTools = ["send_files", "fetch_files"] as const;
export type FilesTool = (typeof filesTools)[number];

/** fileable: the profile holds it, and the customer's program can do it. */
export function fileable(s: SessionView, allowed: PermissionSet | null, kind: FilesTool): boolean {
  return s.mine && s.state === "Active" && allowed?.[kind] === true && s.tools?.includes(kind) === true;
}

/** fileStep is what the button of one of them does now, and its word. */
export function fileStep(s: SessionView, kind: FilesTool): { state: Consent["state"] | "none"; word: TextKey; ask: boolean } {
  const state = consentTo(s, kind)?.state ?? "none";
  if (state === "asked") return { state, word: "files.cancel", ask: false };
  if (state === "given") return { state, word: `${kind}.give_back`, ask: false };
  return { state, word: `${kind}.ask`, ask: true };
}
