// The two consents to the clipboard: onto the customer's, and what the customer copied.

import { consentTo } from "../control/control";
import type { Consent, PermissionSet } from "../protocol";
import type { SessionView } from "../sessionview";
import type { TextKey } from "../text";

export const clipTools = ["send_clipboard", "fetch_clipboard"] as const;
export type ClipTool = (typeof clipTools)[number];

/** clippable: the profile holds it, and the customer's program can do it. */
export function clippable(s: SessionView, allowed: PermissionSet | null, kind: ClipTool): boolean {
  return s.mine && s.state === "Active" && allowed?.[kind] === true && s.tools?.includes(kind) === true;
}

/** clipStep is what the button of one of them does now, and its word. */
export function clipStep(s: SessionView, kind: ClipTool): { state: Consent["state"] | "none"; word: TextKey; ask: boolean } {
  const state = consentTo(s, kind)?.state ?? "none";
  if (state === "asked") return { state, word: "files.cancel", ask: false };
  if (state === "given") return { state, word: `${kind}.give_back`, ask: false };
  return { state, word: `${kind}.ask`, ask: true };
}
