// The picture: fragments go into MediaSource as they are needed, around the time that
// is shown.

import type { Bytes } from "../crypto/bytes";
import { Fragment, mimeOf } from "./mp4";
import { Problem } from "./problem";
import type { Piece } from "./recording";

/** How far ahead of what is shown the picture is there, in ms at normal speed. */
const ahead = 15_000;
/** How many fragments are asked for at once. */
const batch = 24;

export class Screen {
  readonly #video: HTMLVideoElement;
  #pieces: Piece[] = [];
  #source: MediaSource | null = null;
  #buffer: SourceBuffer | null = null;
  #mime = "";
  #init: Bytes | null = null; // the form that the buffer was given last
  #next = 0; // the piece to append next
  #turn: Promise<unknown> = Promise.resolve(); // what is appended, one after the other
  #wanted = 0; // counts seeks: a newer one makes an older one give up
  #starts = new Map<Piece, number[]>(); // when the pictures of a piece are shown
  #life = new AbortController(); // of the open stream: close ends it

  constructor(video: HTMLVideoElement) {
    this.#video = video;
  }

  /** open begins to show a stream; its pieces are in the order of time. */
  async open(pieces: Piece[], length: number): Promise<void> {
    this.close();
    this.#pieces = pieces;
    const source = (this.#source = new MediaSource());
    // In turn: nothing can be appended before the source is open.
    await this.#inTurn(async () => {
      if (source !== this.#source) return; // another one was opened meanwhile
      const url = URL.createObjectURL(source);
      const opened = this.#comes(source, "sourceopen");
      this.#video.src = url;
      await opened;
      URL.revokeObjectURL(url);
      if (source === this.#source) source.duration = length / 1000;
    });
  }

  close(): void {
    this.#life.abort();
    this.#life = new AbortController();
    this.#wanted++;
    this.#video.removeAttribute("src");
    this.#video.load();
    this.#pieces = [];
    this.#source = this.#buffer = this.#init = null;
    this.#mime = "";
    this.#next = 0;
    this.#starts = new Map();
  }

  /** pieceAt is the number of the piece that is shown at a time; -1 for none. */
  pieceAt(at: number): number {
    let [low, high] = [0, this.#pieces.length];
    while (low < high) {
      const mid = (low + high) >> 1;
      if ((this.#pieces[mid] as Piece).at <= at) low = mid + 1;
      else high = mid;
    }
    const piece = this.#pieces[low - 1];
    return piece !== undefined && at < piece.end ? low - 1 : -1;
  }

  /**
   * lastUntil is how long the picture of a time stays, if it is the last before a time
   * without one: the video itself comes to rest there, and tells no time any more.
   */
  lastUntil(at: number): number | null {
    const i = this.pieceAt(at);
    const piece = this.#pieces[i];
    const next = this.#pieces[i + 1];
    return piece === undefined || (next !== undefined && next.at <= piece.end + 1) ? null : piece.end;
  }

  /** show brings up the picture of a time; false if there is none, or another was asked for meanwhile. */
  async show(at: number): Promise<boolean> {
    const wanted = ++this.#wanted;
    const i = this.pieceAt(at);
    if (i < 0) return false;
    return this.#inTurn(async () => {
      if (wanted !== this.#wanted) return false;
      const seconds = at / 1000;
      const there = this.#bufferedUntil(seconds);
      if (there === null) {
        const from = this.#keyBefore(i);
        await this.#append(from, i + 1, () => wanted !== this.#wanted);
        if (wanted !== this.#wanted || this.pieceAt(at) < 0) return false;
      } else {
        // What comes behind the part that is here begins with a key frame again.
        const missing = this.#pieces.findIndex((p, n) => n >= i && p.end > there * 1000 + 20);
        if (missing >= 0 && this.#next !== missing) this.#next = this.#keyBefore(missing);
      }
      // A seek before that is none if it leads to the beginning: nothing would ever be "seeked".
      if (this.#video.readyState < HTMLMediaElement.HAVE_METADATA) await this.#comes(this.#video, "loadedmetadata");
      const seeked = this.#comes(this.#video, "seeked");
      this.#video.currentTime = seconds;
      await seeked;
      return wanted === this.#wanted;
    });
  }

  /** feed keeps enough of the picture ahead of a time. */
  feed(at: number, rate: number): void {
    const wanted = this.#wanted;
    const until = at + ahead * Math.max(1, rate);
    const next = this.#pieces[this.#next];
    // The one behind what is shown has to be there however long that stays: else the video would rest.
    const least = this.pieceAt(at) + 2;
    if (next === undefined || (next.at > until && this.#next >= least)) return;
    void this.#inTurn(async () => {
      const from = this.#next;
      let to = from;
      while (to < this.#pieces.length && to - from < batch && (to < least || (this.#pieces[to] as Piece).at <= until)) to++;
      if (wanted === this.#wanted && to > from) await this.#append(from, to, () => wanted !== this.#wanted);
    }).catch(() => undefined); // the next seek tells
  }

  /** step returns when the picture before or after the one at a time is shown. */
  async step(at: number, direction: 1 | -1): Promise<number | null> {
    const i = this.pieceAt(at);
    const here = i < 0 ? this.#pieces.findIndex((p) => p.at > at) : i;
    for (let n = here < 0 ? this.#pieces.length - 1 : here; n >= 0 && n < this.#pieces.length; n += direction) {
      const starts = await this.#startsOf(this.#pieces[n] as Piece);
      const found = direction > 0 ? starts.find((s) => s > at + 0.5) : starts.findLast((s) => s < at - 0.5 && (n < here || s < this.#shown(starts, at)));
      if (found !== undefined) return found;
    }
    return null;
  }

  /** The start of the picture that is shown at a time. */
  #shown(starts: number[], at: number): number {
    return starts.findLast((s) => s <= at + 0.5) ?? at;
  }

  async #startsOf(piece: Piece): Promise<number[]> {
    const known = this.#starts.get(piece);
    if (known !== undefined) return known;
    const [item] = await piece.segment.read([piece.header]);
    const starts = item === undefined ? [] : new Fragment(item.body.slice(1)).starts(piece.at);
    this.#starts.set(piece, starts);
    return starts;
  }

  #keyBefore(i: number): number {
    let k = i;
    while (k > 0 && !(this.#pieces[k] as Piece).key) k--;
    return k;
  }

  #bufferedUntil(seconds: number): number | null {
    const b = this.#buffer?.buffered;
    if (b === undefined) return null;
    for (let i = 0; i < b.length; i++) if (b.start(i) <= seconds + 0.001 && seconds < b.end(i) - 0.001) return b.end(i);
    return null;
  }

  /** Appends pieces from one up to another, unless it is told to give up. */
  async #append(from: number, to: number, giveUp: () => boolean): Promise<void> {
    const source = this.#source;
    for (let i = from; i < to; ) {
      const first = this.#pieces[i] as Piece;
      let end = i;
      while (end < to && (this.#pieces[end] as Piece).segment === first.segment) end++;
      const some = this.#pieces.slice(i, end);
      const items = new Map((await first.segment.read(some.map((p) => p.header))).map((item) => [item.header.index, item]));
      for (const piece of some) {
        if (giveUp()) return;
        const item = items.get(piece.header.index);
        if (item === undefined) return this.#drop(piece); // it did not open: the page says so
        const f = new Fragment(item.body.slice(1));
        f.place(piece.at, piece.end);
        this.#starts.set(piece, f.starts(piece.at));
        await this.#form(piece.init);
        await this.#put(f.bytes);
      }
      if (source !== this.#source) return; // closed meanwhile
      i = end;
      this.#next = end;
    }
  }

  // A piece that did not open leaves a hole up to the next key frame: what lies between cannot be decoded.
  #drop(piece: Piece): void {
    const from = this.#pieces.indexOf(piece);
    let to = from + 1;
    while (to < this.#pieces.length && !(this.#pieces[to] as Piece).key) to++;
    this.#pieces = this.#pieces.toSpliced(from, to - from);
    this.#next = from;
  }

  /** Prepares the buffer for pictures of another form. */
  async #form(init: Bytes): Promise<void> {
    if (init === this.#init) return;
    const mime = mimeOf(init);
    if (!MediaSource.isTypeSupported(mime)) throw new Problem("codec", { codec: mime });
    if (this.#buffer === null) {
      if (this.#source === null) return;
      this.#buffer = this.#source.addSourceBuffer(mime);
    } else if (mime !== this.#mime) this.#buffer.changeType(mime);
    this.#mime = mime;
    const buffer = this.#buffer;
    await this.#put(init);
    if (buffer === this.#buffer) this.#init = init;
  }

  async #put(bytes: Bytes): Promise<void> {
    const buffer = this.#buffer;
    if (buffer === null) return;
    try {
      await this.#settled(buffer, () => buffer.appendBuffer(bytes));
    } catch (e) {
      if (!(e instanceof DOMException) || e.name !== "QuotaExceededError") throw e;
      const now = this.#video.currentTime;
      if (now > 30) await this.#settled(buffer, () => buffer.remove(0, now - 30));
      await this.#settled(buffer, () => buffer.remove(now + 120, Infinity));
      await this.#settled(buffer, () => buffer.appendBuffer(bytes));
    }
  }

  /** Resolves with an event, or when the stream is closed: then it may never come. */
  #comes(target: EventTarget, event: string): Promise<void> {
    const { signal } = this.#life;
    return new Promise((done) => {
      target.addEventListener(event, () => done(), { once: true, signal });
      signal.addEventListener("abort", () => done(), { once: true });
    });
  }

  #settled(buffer: SourceBuffer, act: () => void): Promise<void> {
    const { signal } = this.#life;
    return new Promise((done, failed) => {
      const finish = () => {
        buffer.removeEventListener("updateend", finish);
        signal.removeEventListener("abort", finish);
        if (this.#video.error !== null) failed(new Problem("malformed"));
        else done();
      };
      buffer.addEventListener("updateend", finish);
      signal.addEventListener("abort", finish);
      try {
        act();
      } catch (e) {
        buffer.removeEventListener("updateend", finish);
        signal.removeEventListener("abort", finish);
        failed(e);
      }
    });
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act, act);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}
