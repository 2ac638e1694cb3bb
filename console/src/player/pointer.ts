// Where the customer's cursor was, and how it looked.

import { Cursor } from "../cursor";
import type { CursorShape } from "../protocol";
import type { Happening } from "./happening";

interface Moved {
  at: number;
  x: number;
  y: number;
  shape?: CursorShape;
}

export class Pointer {
  readonly #cursor = new Cursor();
  readonly #moves: Moved[] = [];
  #shown = -1;

  constructor(canvas: HTMLCanvasElement, meta: readonly Happening[]) {
    this.#cursor.show(canvas);
    for (const h of meta) {
      if (h.code === "cursor.shape") {
        const { x, y, shape } = h.data as { x?: unknown; y?: unknown; shape?: CursorShape };
        if (Number.isInteger(x) && Number.isInteger(y) && shape !== undefined) this.#moves.push({ at: h.at, x: x as number, y: y as number, shape });
        continue;
      }
      const points = h.data["points"];
      if (!Array.isArray(points)) continue;
      for (const p of points) if (Array.isArray(p) && p.length === 3 && p.every(Number.isInteger)) this.#moves.push({ at: p[0] as number, x: p[1] as number, y: p[2] as number });
    }
    this.#moves.sort((a, b) => a.at - b.at);
  }

  /** show draws the cursor of a time over a picture that is shown at a scale. */
  show(at: number, scale: number): void {
    this.#cursor.scale(scale);
    let [low, high] = [0, this.#moves.length];
    while (low < high) {
      const mid = (low + high) >> 1;
      if ((this.#moves[mid] as Moved).at <= at) low = mid + 1;
      else high = mid;
    }
    const i = low - 1;
    if (i === this.#shown) return;
    const shape = this.#shapeAt(i);
    if (i < 0 || shape === undefined) this.#cursor.forget();
    else {
      const { x, y } = this.#moves[i] as Moved;
      this.#cursor.apply(JSON.stringify(shape === this.#shapeAt(this.#shown) ? { x, y } : { x, y, shape }));
    }
    this.#shown = i;
  }

  #shapeAt(i: number): CursorShape | undefined {
    for (; i >= 0; i--) {
      const shape = this.#moves[i]?.shape;
      if (shape !== undefined) return shape;
    }
    return undefined;
  }
}
