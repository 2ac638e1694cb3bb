// What is, or comes, on a clipboard: looked at before anything decodes it, and an image
// drawn anew, so that only its pixels go on.

import { type ClipCause, type ClipType, maxClipImage, maxClipPixels, maxClipSide, maxClipText } from "../protocol";

/** Unfit is why something does not go onto a clipboard. */
export class Unfit extends Error {
  readonly why: ClipCause;
  constructor(why: ClipCause) {
    super(why);
    this.why = why;
  }
}

/** Denied: the browser does not let this page read the clipboard. */
export class Denied extends Error {}

export interface Content {
  readonly type: ClipType;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of a text. */
  readonly text: string;
  /** Of an image, in pixels. */
  readonly width: number;
  readonly height: number;
}

/** ofText takes a text; it throws Unfit. */
export function ofText(text: string): Content {
  if (text === "") throw new Unfit("empty");
  if (text.length > maxClipText) throw new Unfit("size");
  if (text.includes("\0") || /\p{Cs}/u.test(text)) throw new Unfit("text");
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > maxClipText) throw new Unfit("size");
  return { type: "text", bytes, text, width: 0, height: 0 };
}

/** ofImage takes a PNG; it rejects with Unfit. */
export async function ofImage(blob: Blob): Promise<Content> {
  if (blob.size === 0) throw new Unfit("empty");
  if (blob.size > maxClipImage) throw new Unfit("size");
  headOf(new Uint8Array(await blob.slice(0, 24).arrayBuffer()));
  let drawn: Blob;
  let width = 0;
  let height = 0;
  try {
    const bitmap = await createImageBitmap(blob);
    ({ width, height } = bitmap);
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
    bitmap.close();
    drawn = await canvas.convertToBlob({ type: "image/png" });
  } catch {
    throw new Unfit("image");
  }
  if (drawn.type !== "image/png") throw new Unfit("image");
  if (drawn.size > maxClipImage) throw new Unfit("size");
  return { type: "image", bytes: new Uint8Array(await drawn.arrayBuffer()), text: "", width, height };
}

const magic = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** headOf looks how large a PNG says that it is, before anything makes room for it (PNG, section 11.2.2). It throws Unfit. */
export function headOf(head: Uint8Array<ArrayBuffer>): void {
  if (head.length < 24 || magic.some((b, i) => head[i] !== b)) throw new Unfit("image");
  const view = new DataView(head.buffer);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  if (width < 1 || height < 1 || width > maxClipSide || height > maxClipSide || width * height > maxClipPixels) throw new Unfit("image");
}

/** received makes content of what arrived; it rejects with Unfit. */
export async function received(type: ClipType, bytes: Uint8Array<ArrayBuffer>): Promise<Content> {
  if (type === "image") return ofImage(new Blob([bytes], { type: "image/png" }));
  try {
    return ofText(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (e) {
    throw e instanceof Unfit ? e : new Unfit("text");
  }
}

/** own reads the technician's clipboard; it rejects with Denied or Unfit. */
export async function own(): Promise<Content> {
  let items: ClipboardItems;
  try {
    items = await navigator.clipboard.read();
  } catch {
    throw new Denied();
  }
  return ofItems(items.flatMap((i) => i.types.map((type) => ({ type, blob: () => i.getType(type) }))));
}

/** pasted takes what the technician pasted into a field. */
export async function pasted(data: DataTransfer): Promise<Content> {
  const file = [...data.files].find((f) => f.type === "image/png");
  const text = data.getData("text/plain");
  return ofItems([...(text === "" ? [] : [{ type: "text/plain", blob: () => Promise.resolve(new Blob([text])) }]),
    ...(file === undefined ? [] : [{ type: "image/png", blob: () => Promise.resolve(file) }])]);
}

/** ofItems takes the text, or else the image, as the customer's program does. */
async function ofItems(items: { type: string; blob: () => Promise<Blob> }[]): Promise<Content> {
  if (items.length === 0) throw new Unfit("empty");
  const text = items.find((i) => i.type === "text/plain");
  const image = items.find((i) => i.type === "image/png");
  if (text !== undefined) {
    const blob = await text.blob();
    if (blob.size > maxClipText) throw new Unfit("size");
    if (blob.size > 0 || image === undefined) return ofText(await blob.text());
  }
  if (image === undefined) throw new Unfit("other");
  return ofImage(await image.blob());
}

/** put puts content on the technician's clipboard; it rejects if the browser does not. */
export function put(c: Content): Promise<void> {
  if (c.type === "text") return navigator.clipboard.writeText(c.text);
  return navigator.clipboard.write([new ClipboardItem({ "image/png": new Blob([c.bytes], { type: "image/png" }) })]);
}

/** hashOf is SHA-256 in hexadecimal digits. */
export async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].map((b) => b.toString(16).padStart(2, "0")).join("");
}
