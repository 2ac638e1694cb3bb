// One segment of a recording: its index at once, its contents when they are wanted.

import { type Bytes, concat } from "../crypto/bytes";
import { TrackKeys } from "./bag";
import type { Keys, Way } from "./keys";
import { Problem } from "./problem";
import { Flag, type Header, headerSize, Kind, maxOpen, type Open, parseHeader, parseIndex, parseOpen, Track } from "./record";
import type { Server } from "./server";
import { makeShare, type ShareTerms } from "./share";

/** An Item is one decrypted record. */
export interface Item {
  readonly segment: number;
  readonly header: Header;
  readonly at: number; // ms since the start of the whole session
  readonly body: Bytes;
}

/** How much is asked for at once, and how much that is not wanted may lie between. */
const mostAtOnce = 4 << 20;
const between = 64 << 10;

export class Segment {
  /** Records that did not open, by their headers. */
  readonly damaged: Header[] = [];
  readonly video: Header[];
  readonly number: number;
  shift = 0; // ms by which this segment's times are late
  readonly #server: Server;
  readonly #keys: Keys;

  readonly open: Open;
  readonly headers: Header[];

  private constructor(server: Server, open: Open, headers: Header[], keys: Keys) {
    this.#server = server;
    this.open = open;
    this.headers = headers;
    this.#keys = keys;
    this.number = open.segment;
    this.video = headers.filter((h) => h.kind === Kind.data && h.track === Track.video && this.#covers(h));
  }

  /** open reads the index and the first record, and goes the way to the keys. */
  static async open(server: Server, id: string, number: number, way: Way): Promise<Segment> {
    const [index, keys] = await Promise.all([server.index(number), server.keys(way.from, number)]);
    const headers = parseIndex(index);
    const first = headers[0];
    if (first === undefined || first.length > maxOpen) throw new Problem("malformed");
    const open = parseOpen(await server.range(number, headerSize, headerSize + first.length));
    if (open.sid !== id || open.segment !== number) throw new Problem("malformed");
    return new Segment(server, open, headers, await way.open(keys, open));
  }

  /** share gives a part of this segment to whoever has the secret of a link; only who opened the key bag can. */
  share(terms: ShareTerms, secret: Bytes): Promise<string> {
    if (!(this.#keys instanceof TrackKeys)) throw new Problem("foreign_key");
    return makeShare(this.#keys.contentKey, this.open, terms, secret);
  }

  #covers(h: Header): boolean {
    return this.#keys.covers(h.track, Math.floor(h.at / 60_000));
  }

  /** shared tells whether there is a key of a track at a time, ms of the session. */
  shared(track: number, at: number): boolean {
    return at >= this.shift && at <= this.end && this.#keys.covers(track, Math.floor((at - this.shift) / 60_000));
  }

  /** known is the time, at most until, up to which there are keys behind a record without a break; ms of the session. */
  known(h: Header, until: number): number {
    let minute = Math.floor(h.at / 60_000);
    while ((minute + 1) * 60_000 + this.shift < until && this.#keys.covers(h.track, minute + 1)) minute++;
    return Math.min(until, (minute + 1) * 60_000 + this.shift);
  }

  /** end is the time up to which anything is known of this segment, ms of the session. */
  get end(): number {
    return this.shift + this.headers.reduce((latest, h) => Math.max(latest, h.at + h.duration), 0);
  }

  /** tracks reads all records of some tracks. */
  async tracks(...tracks: number[]): Promise<Item[]> {
    const wanted = this.headers.filter((h) => h.kind === Kind.data && tracks.includes(h.track));
    if (wanted.length === 0) return [];
    if (!wanted.some((h) => this.#covers(h))) return [];
    const b = await this.#server.records(this.number, tracks);
    const items: Promise<Item | null>[] = [];
    let at = 0;
    for (const known of wanted) {
      if (at + headerSize > b.length) break;
      const h = parseHeader(b, at, known.offset);
      if (h.index !== known.index || h.length !== known.length || at + headerSize + h.length > b.length) throw new Problem("malformed");
      if (this.#covers(h)) items.push(this.#decrypt(h, b.slice(at + headerSize, at + headerSize + h.length)));
      at += headerSize + h.length;
    }
    return (await Promise.all(items)).filter((i) => i !== null);
  }

  /** read reads some records of the picture, by as few requests as make sense. */
  async read(headers: readonly Header[]): Promise<Item[]> {
    const items: Item[] = [];
    for (let i = 0; i < headers.length; ) {
      const first = headers[i] as Header;
      let end = first.offset + headerSize + first.length;
      let j = i + 1;
      for (let h = headers[j]; h !== undefined && h.offset - end <= between && h.offset + h.length - first.offset <= mostAtOnce; h = headers[++j]) end = h.offset + headerSize + h.length;
      const b = await this.#server.range(this.number, first.offset, end);
      const got = headers.slice(i, j).map((h) => {
        const at = h.offset - first.offset + headerSize;
        return at + h.length > b.length ? null : this.#decrypt(h, b.slice(at, at + h.length));
      });
      for (const item of await Promise.all(got)) if (item !== null) items.push(item);
      i = j;
    }
    return items;
  }

  async #decrypt(h: Header, body: Bytes): Promise<Item | null> {
    const key = await this.#keys.of(h.track, Math.floor(h.at / 60_000));
    try {
      const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: body.slice(0, 12), additionalData: concat(this.open.session, h.bound) }, key, body.slice(12));
      return { segment: this.number, header: h, at: h.at + this.shift, body: new Uint8Array(plain) };
    } catch {
      if (!this.damaged.some((d) => d.index === h.index)) this.damaged.push(h);
      return null;
    }
  }
}

/** isInit tells an initialisation segment of the picture. */
export const isInit = (h: Header): boolean => (h.flags & Flag.init) !== 0;
