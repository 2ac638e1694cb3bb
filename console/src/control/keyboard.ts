// The keyboard of the technician on its way to the customer's. A hidden text field
// has the focus: what the layout, a dead key or an input method makes travels as
// text; all else by the place of its key.

import { keyCodes } from "./codes";
import type { Remote } from "./remote";

const mac = /^Mac/.test(navigator.platform);

/** Keys that change what others mean, by what an event says of them. */
const modifiers: readonly [keyof Pick<KeyboardEvent, "shiftKey" | "ctrlKey" | "altKey" | "metaKey">, readonly string[]][] = [
  ["shiftKey", ["ShiftLeft", "ShiftRight"]],
  ["ctrlKey", ["ControlLeft", "ControlRight"]],
  ["altKey", ["AltLeft", "AltRight"]],
  ["metaKey", ["MetaLeft", "MetaRight"]],
];

/** Keys that lock something: the characters that they make travel, and the customer's keyboard stays as it is. */
const locks: ReadonlySet<string> = new Set(["CapsLock", "NumLock"]);

export interface KeyboardParts {
  remote(): Remote | null;
  /** leave gives the keyboard back to the console. */
  leave(): void;
  /** physical tells whether every key goes by its place. */
  physical(): boolean;
}

/** listen takes the keys of a text field until the function that it returns is called. */
export function listen(field: HTMLTextAreaElement, parts: KeyboardParts): () => void {
  const stop = new AbortController();
  const on = <K extends keyof HTMLElementEventMap>(type: K, f: (e: HTMLElementEventMap[K]) => void) =>
    field.addEventListener(type, f, { signal: stop.signal });
  let composing = false;

  const flush = () => {
    const text = field.value;
    field.value = "";
    if (text !== "") parts.remote()?.type(text);
  };

  on("keydown", (e) => {
    const remote = parts.remote();
    if (e.ctrlKey && e.altKey && e.shiftKey) { // the chord that leaves, in whatever order
      e.preventDefault();
      remote?.release();
      parts.leave();
      return;
    }
    if (remote === null) return;
    reconcile(remote, e);
    if (composing || e.isComposing || e.key === "Process" || e.key === "Dead") {
      if (parts.physical() && e.key === "Dead") press(remote, e);
      return; // the text comes when it is done
    }
    if (e.key === "AltGraph") {
      remote.key("ControlLeft", false); // Windows says Ctrl first
      if (!parts.physical()) return;
    }
    if (!parts.physical() && (isText(e) || locks.has(e.code))) return; // by input
    press(remote, e);
  });

  on("keyup", (e) => {
    const remote = parts.remote();
    if (remote === null) return;
    if (remote.holds(e.code)) e.preventDefault();
    remote.key(e.code, false);
    reconcile(remote, e);
  });

  on("beforeinput", (e) => {
    // The clipboard has a consent of its own.
    if (e.inputType.startsWith("insertFrom")) e.preventDefault();
  });
  on("input", (e) => {
    if (!composing && !(e as InputEvent).isComposing) flush();
  });
  on("compositionstart", () => (composing = true));
  on("compositionend", () => {
    composing = false;
    flush();
  });
  on("focus", () => parts.remote()?.focus(true));
  on("blur", () => {
    composing = false;
    field.value = "";
    parts.remote()?.focus(false);
  });
  return () => stop.abort();
}

function press(remote: Remote, e: KeyboardEvent): void {
  e.preventDefault();
  if (keyCodes.has(e.code)) remote.key(e.code, true);
}

/** isText tells whether a key makes a character that the text field will hold. */
function isText(e: KeyboardEvent): boolean {
  if ([...e.key].length !== 1) return false;
  if (e.getModifierState("AltGraph")) return true;
  if (e.ctrlKey || e.metaKey) return false;
  return !e.altKey || mac; // Option makes characters there
}

/** reconcile lets go of modifiers that went up where nobody saw it. */
function reconcile(remote: Remote, e: KeyboardEvent): void {
  for (const [held, codes] of modifiers) {
    if (!e[held]) for (const code of codes) remote.key(code, false);
  }
}
