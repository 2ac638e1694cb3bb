// Where picture and cursor go, in CSS pixels.

export interface Size {
  width: number;
  height: number;
}

/** How large the picture is shown: filling the place, or one pixel for one. */
export type Zoom = "fit" | "actual";

/**
 * scaleOf is the number of CSS pixels per pixel of the picture. A picture of
 * unknown size (0 by 0) is shown one device pixel for one.
 */
export function scaleOf(zoom: Zoom, place: Size, picture: Size, pixelRatio: number): number {
  const actual = 1 / pixelRatio;
  if (zoom === "actual" || picture.width === 0 || picture.height === 0) return actual;
  return Math.min(place.width / picture.width, place.height / picture.height);
}

/** The smallest scale at which the cursor is drawn: a smaller one is lost from sight. */
const leastCursorScale = 0.75;

/**
 * cursorBox places the cursor's image so that its hot spot lies on the point
 * x, y of the picture, whatever the image's own scale.
 */
export function cursorBox(
  at: { x: number; y: number },
  shape: { width: number; height: number; hot_x: number; hot_y: number },
  scale: number,
): { left: number; top: number; width: number; height: number } {
  const own = Math.max(scale, leastCursorScale);
  return {
    left: at.x * scale - shape.hot_x * own,
    top: at.y * scale - shape.hot_y * own,
    width: shape.width * own,
    height: shape.height * own,
  };
}
