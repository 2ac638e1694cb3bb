// The customer's cursor: it comes beside the picture, not in it, and is drawn here.

import { type CursorShape, type CursorUpdate, maxCursorMessage, maxCursorSide } from "./protocol";
import { cursorBox } from "./geometry";

/** decodeCursor reads a message of the cursor channel; null for anything malformed. */
export function decodeCursor(data: unknown): CursorUpdate | null {
  const text = data instanceof ArrayBuffer ? new TextDecoder().decode(data) : data;
  if (typeof text !== "string" || text.length > maxCursorMessage) return null;
  try {
    const u = JSON.parse(text) as CursorUpdate;
    return Number.isInteger(u.x) && Number.isInteger(u.y) ? u : null;
  } catch {
    return null;
  }
}

/** imageOf makes the image of a shape; null for a malformed one. */
export function imageOf(shape: CursorShape): ImageData | null {
  const { width, height, hot_x, hot_y } = shape;
  const within = (n: number, least: number, most: number) => Number.isInteger(n) && n >= least && n <= most;
  if (!within(width, 1, maxCursorSide) || !within(height, 1, maxCursorSide)) return null;
  if (!within(hot_x, 0, width - 1) || !within(hot_y, 0, height - 1)) return null;
  try {
    const bytes = Uint8ClampedArray.from(atob(shape.rgba), (c) => c.charCodeAt(0));
    return bytes.length === 4 * width * height ? new ImageData(bytes, width, height) : null;
  } catch {
    return null;
  }
}

/** Cursor keeps the last shape and position, and draws them onto a canvas over the picture. */
export class Cursor {
  #at = { x: 0, y: 0 };
  #shape: CursorShape | null = null;
  #image: ImageData | null = null;
  #canvas: HTMLCanvasElement | null = null;
  #scale = 1;
  #frame = 0;

  /** apply takes a message of the cursor channel. A malformed one changes nothing. */
  apply(data: unknown): void {
    const u = decodeCursor(data);
    if (u === null) return;
    if (u.shape) {
      const image = imageOf(u.shape);
      if (image === null) return;
      this.#shape = u.shape;
      this.#image = image;
      this.#paint();
    }
    this.#at = { x: u.x, y: u.y };
    this.#place();
  }

  /** show draws on canvas from now on; null draws nowhere. */
  show(canvas: HTMLCanvasElement | null): void {
    this.#canvas = canvas;
    this.#paint();
    this.#place();
  }

  /** scale says how large the picture is, in CSS pixels per pixel. */
  scale(scale: number): void {
    this.#scale = scale;
    this.#place();
  }

  /** forget takes the cursor away: the connection that it came on is gone. */
  forget(): void {
    this.#shape = null;
    this.#image = null;
    this.#place();
  }

  #paint(): void {
    if (this.#canvas === null || this.#image === null) return;
    this.#canvas.width = this.#image.width;
    this.#canvas.height = this.#image.height;
    this.#canvas.getContext("2d")?.putImageData(this.#image, 0, 0);
  }

  // At most once a frame, however many messages come.
  #place(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      const canvas = this.#canvas;
      if (canvas === null) return;
      canvas.hidden = this.#shape === null;
      if (this.#shape === null) return;
      const box = cursorBox(this.#at, this.#shape, this.#scale);
      canvas.style.width = `${box.width}px`;
      canvas.style.height = `${box.height}px`;
      canvas.style.transform = `translate(${box.left}px, ${box.top}px)`;
    });
  }
}
