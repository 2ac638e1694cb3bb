// The console's keys. Single keys act only where typing means nothing else, and
// not at all when the person switched them off; Ctrl+K acts everywhere.

import type { TextKey } from "./text";

/** What a key does. */
export type Act = "filter" | "next" | "previous" | "new" | "ticket" | "queue" | "tab" | "zoom" | "screen" | "notes" | "figures" | "chat" | "system" | "rail" | "guide" | "control" | "shell" | "help";

/** The keys in the order in which the help lists them. Enter on a session is the button's own. */
export const keyHelp: readonly { keys: readonly string[]; text: TextKey }[] = [
  { keys: ["Ctrl K"], text: "help.palette" },
  { keys: ["N"], text: "help.new" },
  { keys: ["A"], text: "help.ticket" },
  { keys: ["U"], text: "help.queue" },
  { keys: ["/"], text: "help.filter" },
  { keys: ["J", "K"], text: "help.move" },
  { keys: ["Enter"], text: "help.open" },
  { keys: ["1", "9"], text: "help.tab" },
  { keys: ["C"], text: "help.chat" },
  { keys: ["W"], text: "help.notes" },
  { keys: ["E"], text: "help.guide" },
  { keys: ["Q"], text: "help.figures" },
  { keys: ["I"], text: "help.system" },
  { keys: ["R"], text: "help.control" },
  { keys: ["S"], text: "help.shell" },
  { keys: ["Ctrl Alt Shift"], text: "help.leave" },
  { keys: ["Z"], text: "help.zoom" },
  { keys: ["M"], text: "help.screen" },
  { keys: ["L"], text: "help.rail" },
  { keys: ["?"], text: "help.help" },
];

const acts: Record<string, Act> = {
  "/": "filter", j: "next", k: "previous", n: "new", a: "ticket", e: "guide", u: "queue", z: "zoom", m: "screen", w: "notes", c: "chat", q: "figures", i: "system", l: "rail", r: "control", s: "shell", "?": "help",
};

/** actOf tells what a key press means; null when it is not for the console. */
export function actOf(e: KeyboardEvent): { act: Act; digit: number } | null {
  if (e.ctrlKey || e.altKey || e.metaKey || e.isComposing || e.defaultPrevented || e.repeat) return null;
  if (takesText(e.target) || document.querySelector("dialog[open]") !== null) return null;
  if (/^[1-9]$/.test(e.key)) return { act: "tab", digit: Number(e.key) };
  const act = acts[e.key.toLowerCase()];
  return act === undefined ? null : { act, digit: 0 };
}

/** opensPalette tells whether a key press is Ctrl+K, or Cmd+K on a Mac, and not for the remote side. */
export function opensPalette(e: KeyboardEvent): boolean {
  return (e.ctrlKey || e.metaKey) && !e.altKey && !e.shiftKey && e.key.toLowerCase() === "k" && !e.repeat && !e.defaultPrevented;
}

function takesText(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=checkbox]), textarea, select"));
}
