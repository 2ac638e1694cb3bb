// What the customer allows within a session: what was said to each question, which tools this
// person may ask for, and what the button of a tool does now.

import type { Consent, Permission, PermissionSet } from "./protocol";
import type { SessionView } from "./sessionview";
import type { TextKey } from "./text";

export const filesTools = ["send_files", "fetch_files"] as const;
export type FilesTool = (typeof filesTools)[number];
export const clipTools = ["send_clipboard", "fetch_clipboard"] as const;
export type ClipTool = (typeof clipTools)[number];

/** What the customer is asked for by a button of its own. */
export type Tool = "control" | "annotate" | "shell" | "scripts" | "ssh" | FilesTool | ClipTool | "reboot";

/** consentTo is the newest consent to a permission: the one of the highest epoch. */
export function consentTo(s: SessionView, p: Permission): Consent | undefined {
  let newest: Consent | undefined;
  for (const c of s.consents) {
    if (c.permission === p && (newest === undefined || c.epoch >= newest.epoch)) newest = c;
  }
  return newest;
}

/** available: the profile holds it, and the customer's program can do it. Who may use the command line may run checks. */
export function available(s: SessionView, allowed: PermissionSet | null, p: Permission): boolean {
  const may = allowed?.[p] === true || (p === "scripts" && allowed?.shell === true);
  return s.mine && s.state === "Active" && may && s.tools?.includes(p) === true;
}

/** askedAgain: the computer is back from a restart, and the customer has not said yet whether it may be seen. */
export function askedAgain(s: SessionView): boolean {
  return s.state === "Active" && consentTo(s, "view_screen")?.state !== "given" && consentTo(s, "reboot")?.cause === "reboot";
}

/** What a press on a tool's button does now (ask for it, or give it or its question back), and its word. */
export interface Step {
  readonly state: Consent["state"] | "none";
  readonly word: TextKey;
  readonly ask: boolean;
}

export function stepOf(s: SessionView, tool: Tool): Step {
  const state = consentTo(s, tool)?.state ?? "none";
  const [ask, cancel, back] = wordsOf(tool);
  if (state === "asked") return { state, word: cancel, ask: false };
  if (state === "given") return { state, word: back, ask: false };
  return { state, word: ask, ask: true };
}

function wordsOf(tool: Tool): [ask: TextKey, cancel: TextKey, back: TextKey] {
  switch (tool) {
    case "reboot":
      return ["restart.ask", "restart.cancel", "restart.stop"];
    case "control":
    case "annotate":
      return [`${tool}.ask`, "control.cancel", `${tool}.give_back`];
    case "shell":
    case "scripts":
    case "ssh":
      return [`${tool}.ask`, "shell.cancel", `${tool}.give_back`];
    default:
      return [`${tool}.ask`, "files.cancel", `${tool}.give_back`];
  }
}
