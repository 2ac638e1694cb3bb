// What went from a clipboard to another, below the picture: the newest at the time that is
// shown. Only that one is read, since images are large.

import { headOf } from "../clipboard/content";
import { make } from "./element";
import { type Header, Kind, Track } from "./record";
import type { Segment } from "./segment";
import { clock, say } from "./words";

/** How much of a text is shown, in characters. */
const shownText = 20_000;

interface Part {
  readonly clip: string;
  readonly kind: string;
  readonly number: number;
  readonly last: boolean;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

interface Record {
  readonly segment: Segment;
  readonly header: Header;
  readonly at: number; // ms of the session
}

export class Board {
  readonly #place = document.getElementById("board"); // not every page has one
  #records: Record[] = [];
  #shown: Record | null = null;
  #url = "";

  open(segments: readonly Segment[]): void {
    this.close();
    this.#records = segments.flatMap((segment) =>
      segment.headers
        .filter((h) => h.kind === Kind.data && h.track === Track.clipboard && segment.shared(Track.clipboard, h.at + segment.shift))
        .map((header) => ({ segment, header, at: header.at + segment.shift })),
    );
  }

  /** show follows the time, forwards and back. */
  show(at: number): void {
    if (this.#place === null) return;
    const newest = this.#records.findLast((r) => r.at <= at) ?? null;
    if (newest === this.#shown) return;
    this.#shown = newest;
    this.#clear();
    if (newest !== null) void this.#read(newest);
  }

  /** #read puts what ends with a record together from its parts, the last one first. */
  async #read(newest: Record): Promise<void> {
    const parts: Part[] = [];
    for (let i = this.#records.indexOf(newest); i >= 0; i--) {
      const r = this.#records[i];
      if (r === undefined || r.segment !== newest.segment) break;
      const part = partOf((await r.segment.read([r.header]))[0]?.body);
      if (this.#shown !== newest) return; // another one is shown by now
      const after = parts[0];
      if (part === null || (after !== undefined && (part.clip !== after.clip || part.number !== after.number - 1))) break;
      parts.unshift(part);
      if (part.number === 0) return this.#draw(newest, parts);
    }
  }

  #draw(newest: Record, parts: readonly Part[]): void {
    const place = this.#place;
    const kind = parts[0]?.kind;
    if (place === null || parts.at(-1)?.last !== true || (kind !== "text" && kind !== "image")) return;
    const blob = new Blob(parts.map((p) => p.bytes), { type: kind === "image" ? "image/png" : "text/plain" });
    const heading = make("h3", {}, `${say("audit.e.clipboard.content", { what: say(`log.clip_of.${kind}`) })}, ${clock(newest.at)}`);
    void blob.arrayBuffer().then((all) => {
      if (this.#shown !== newest) return;
      place.dataset["kind"] = kind;
      place.replaceChildren(heading, kind === "text" ? textOf(all) : this.#image(blob, all));
      place.hidden = false;
    });
  }

  #image(blob: Blob, all: ArrayBuffer): HTMLElement {
    try {
      headOf(new Uint8Array(all.slice(0, 24)));
    } catch {
      return make("p", {}, say("log.clip.image"));
    }
    this.#url = URL.createObjectURL(blob);
    return make("img", { src: this.#url, alt: say("log.clip_of.image") });
  }

  #clear(): void {
    if (this.#url !== "") URL.revokeObjectURL(this.#url);
    this.#url = "";
    if (this.#place === null) return;
    this.#place.hidden = true;
    this.#place.replaceChildren();
  }

  /** close forgets it. */
  close(): void {
    this.#records = [];
    this.#shown = null;
    this.#clear();
  }
}

function textOf(all: ArrayBuffer): HTMLElement {
  const text = new TextDecoder().decode(all);
  return make("pre", { dir: "auto", tabindex: "0" }, text.length > shownText ? `${text.slice(0, shownText)}…` : text);
}

/** partOf reads a record; null if it is no part of any content. */
function partOf(body: Uint8Array | undefined): Part | null {
  try {
    const { code, data } = JSON.parse(new TextDecoder().decode(body)) as { code: unknown; data: { epoch: unknown; clip: unknown; type: unknown; part: unknown; last: unknown; data: unknown } };
    if (code !== "clipboard.content" || typeof data.part !== "number" || typeof data.type !== "string" || typeof data.data !== "string") return null;
    const bytes = Uint8Array.from(atob(data.data), (c) => c.charCodeAt(0));
    return { clip: `${String(data.epoch)} ${String(data.clip)}`, kind: data.type, number: data.part, last: data.last === true, bytes };
  } catch {
    return null; // damage is told elsewhere
  }
}
