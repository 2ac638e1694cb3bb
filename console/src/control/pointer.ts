// The technician's mouse, pen and fingers on their way to the customer's pointer.

import type { Size } from "../geometry";
import { type InputAct, maxWheel } from "../protocol";
import type { Remote } from "./remote";

/** The protocol's button for each of the browser's. */
const buttons = [1, 2, 3, 8, 9];

/** How long a finger rests to mean the right button, and how far it may stray, in CSS pixels. */
const longPress = 500;
const stray = 10;

/** What one line and one page of a wheel are, in 120ths of a step. */
const line = 40;
const page = 600;

export interface PointerParts {
  remote(): Remote | null;
  /** active tells whether the remote side has the keyboard: before a click the pointer is the technician's alone. */
  active(): boolean;
  size(): Size;
  /** take gives the keyboard to the remote side. */
  take(): void;
}

/** pointOf is where on the picture a place of the window is; inside it whatever the place. */
export function pointOf(client: { x: number; y: number }, box: { left: number; top: number; width: number; height: number }, picture: Size): { x: number; y: number } {
  const along = (at: number, from: number, length: number, pixels: number) =>
    Math.max(0, Math.min(pixels - 1, Math.floor(((at - from) / Math.max(1, length)) * pixels)));
  return { x: along(client.x, box.left, box.width, picture.width), y: along(client.y, box.top, box.height, picture.height) };
}

/** follow takes the pointer over the picture's frame until the function that it returns is called. */
export function follow(frame: HTMLElement, parts: PointerParts): () => void {
  const stop = new AbortController();
  const on = <K extends keyof HTMLElementEventMap>(type: K, f: (e: HTMLElementEventMap[K]) => void) =>
    frame.addEventListener(type, f, { signal: stop.signal, passive: false });
  const at = (e: { clientX: number; clientY: number }) =>
    pointOf({ x: e.clientX, y: e.clientY }, frame.getBoundingClientRect(), parts.size());

  // At most one move for each animation frame, and before whatever comes after it.
  let waiting: InputAct | null = null;
  let next = 0;
  const flush = (): InputAct[] => {
    cancelAnimationFrame(next);
    next = 0;
    const move = waiting === null ? [] : [waiting];
    waiting = null;
    return move;
  };
  const move = (p: { x: number; y: number }) => {
    waiting = { kind: "move", ...p };
    if (next === 0) next = requestAnimationFrame(() => parts.remote()?.point(...flush()));
  };
  const button = (p: { x: number; y: number }, n: number, down: boolean) =>
    parts.remote()?.point(...flush(), { kind: "button", ...p, button: n, down });

  const fingers = new Map<number, { x: number; y: number }>();
  let pressed = 0; // the timer of a long press
  let tapping: { x: number; y: number; clientX: number; clientY: number } | null = null;
  const noTap = () => {
    clearTimeout(pressed);
    tapping = null;
  };

  on("pointerdown", (e) => {
    if (parts.remote() === null) return;
    e.preventDefault(); // or the focus would go
    parts.take();
    frame.setPointerCapture(e.pointerId);
    if (e.pointerType !== "touch") {
      const n = buttons[e.button];
      if (n !== undefined) button(at(e), n, true);
      return;
    }
    fingers.set(e.pointerId, { x: e.clientX, y: e.clientY });
    noTap();
    if (fingers.size > 1) return;
    const p = at(e);
    tapping = { ...p, clientX: e.clientX, clientY: e.clientY };
    pressed = setTimeout(() => {
      tapping = null;
      button(p, 3, true);
      button(p, 3, false);
    }, longPress);
  });

  on("pointermove", (e) => {
    if (!parts.active()) return;
    if (e.pointerType !== "touch") {
      move(at(e));
      return;
    }
    const before = fingers.get(e.pointerId);
    if (before === undefined) return;
    if (tapping !== null && Math.hypot(e.clientX - tapping.clientX, e.clientY - tapping.clientY) > stray) noTap();
    if (fingers.size === 2) turn(e, (before.x - e.clientX) * 0.6, (before.y - e.clientY) * 0.6); // half of each finger's way
    else if (tapping === null) move(at(e));
    fingers.set(e.pointerId, { x: e.clientX, y: e.clientY });
  });

  const lifted = (e: PointerEvent) => {
    if (e.pointerType !== "touch") {
      const n = buttons[e.button];
      if (n !== undefined) button(at(e), n, false);
      return;
    }
    fingers.delete(e.pointerId);
    if (tapping === null || e.type !== "pointerup") return noTap();
    const p = { x: tapping.x, y: tapping.y };
    noTap();
    button(p, 1, true);
    button(p, 1, false);
  };
  on("pointerup", lifted);
  on("pointercancel", (e) => {
    fingers.delete(e.pointerId);
    noTap();
    parts.remote()?.release();
  });

  // What is left of a whole number counts the next time.
  const rest = { x: 0, y: 0 };
  const turn = (e: { clientX: number; clientY: number }, x: number, y: number) => {
    rest.x += x;
    rest.y += y;
    const whole = (n: number) => Math.max(-maxWheel, Math.min(maxWheel, Math.trunc(n)));
    const dx = whole(rest.x);
    const dy = whole(rest.y);
    rest.x = Math.trunc(rest.x) === dx ? rest.x - dx : 0;
    rest.y = Math.trunc(rest.y) === dy ? rest.y - dy : 0;
    if (dx !== 0 || dy !== 0) parts.remote()?.point(...flush(), { kind: "wheel", ...at(e), dx, dy });
  };
  on("wheel", (e) => {
    if (!parts.active()) return;
    e.preventDefault();
    const unit = e.deltaMode === WheelEvent.DOM_DELTA_LINE ? line : e.deltaMode === WheelEvent.DOM_DELTA_PAGE ? page : 1.2;
    turn(e, e.deltaX * unit, e.deltaY * unit);
  });
  on("contextmenu", (e) => parts.remote() !== null && e.preventDefault());

  return () => {
    flush();
    noTap();
    stop.abort();
  };
}
