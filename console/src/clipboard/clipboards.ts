// The clipboards of one session in this window: each time a person presses for it, what is
// on one goes to the other side, and is looked at before it goes any further.

import { batch, effect, signal } from "@preact/signals";
import type { Picture } from "../picture";
import { type Clip, type ClipCause, clipWindow, maxChunk } from "../protocol";
import type { SessionView } from "../sessionview";
import { type ClipTool, clipTools, consentTo } from "../consent";
import { type Content, Denied, hashOf, own, pasted, put, received, Unfit } from "./content";
import type { Way } from "../way";

/** What is shown of what is, or was, on a clipboard. */
export interface Shown {
  side: "yours" | "theirs";
  content: Content;
}

/** What is on its way. */
interface Work {
  kind: ClipTool;
  epoch: number;
  id: number;
  content: Content | null; // what is sent
  sent: number;
  acked: number;
  offer: Clip | null; // what comes
  got: Uint8Array<ArrayBuffer>;
  at: number;
}

/** Where it stands: of size bytes, 0 while that is not known. */
export interface Progress {
  kind: ClipTool;
  at: number;
  size: number;
}

export class Clipboards {
  readonly online = signal(false);
  /** What the technician is to look at, and to decide about. */
  readonly shown = signal<Shown | null>(null);
  readonly progress = signal<Progress | null>(null);
  /** Why nothing was transferred, or was not put on the technician's own clipboard. */
  readonly trouble = signal<ClipCause | "denied" | "copy_denied" | "">("");
  /** What became of the last one. */
  readonly result = signal<{ word: "sent" | "copied"; content: Content } | null>(null);
  readonly #way: Way<Clip>;
  readonly #session: () => SessionView | undefined;
  readonly #stop: () => void;
  #epochs: Record<ClipTool, number> = { send_clipboard: 0, fetch_clipboard: 0 };
  #ids: Record<ClipTool, number> = { send_clipboard: 0, fetch_clipboard: 0 };
  #work: Work | null = null;

  constructor(picture: Picture, session: () => SessionView | undefined) {
    this.#way = picture.board;
    this.#session = session;
    this.#way.hears = {
      opened: () => (this.online.value = true),
      closed: () => {
        this.online.value = false;
        this.#fail("away");
      },
      said: (m) => this.#said(m),
      part: (epoch, id, at, content) => this.#part(epoch, id, at, content),
      busy: () => this.#work !== null,
    };
    this.#stop = effect(() => {
      const s = this.#session();
      for (const kind of clipTools) {
        const consent = s?.mine === true && s.state === "Active" ? consentTo(s, kind) : undefined;
        const epoch = consent?.state === "given" ? consent.epoch : 0;
        if (epoch === this.#epochs[kind]) continue;
        this.#epochs[kind] = epoch;
        this.#ids[kind] = 0;
        if (this.#work?.kind === kind) this.#fail("withdrawn");
        if (kind === "send_clipboard" && this.shown.peek()?.side === "yours") this.discard();
      }
    });
  }

  /** look shows what is on the technician's clipboard, before any of it goes. */
  async look(): Promise<void> {
    await this.#show(own());
  }

  /** paste shows what the technician pasted instead. */
  async paste(data: DataTransfer): Promise<void> {
    await this.#show(pasted(data));
  }

  async #show(of: Promise<Content>): Promise<void> {
    this.#clear();
    try {
      const content = await of;
      this.shown.value = { side: "yours", content };
    } catch (e) {
      this.trouble.value = e instanceof Denied ? "denied" : e instanceof Unfit ? e.why : "failed";
    }
  }

  /** discard forgets what is shown. */
  discard(): void {
    this.#clear();
  }

  /** send sends what is shown of the technician's clipboard. */
  async send(): Promise<void> {
    const shown = this.shown.peek();
    const epoch = this.#epochs.send_clipboard;
    if (shown?.side !== "yours" || epoch === 0 || this.#work !== null) return;
    const content = shown.content;
    const w = this.#begin("send_clipboard", content);
    const hash = await hashOf(content.bytes);
    if (!this.#goes(w)) return;
    if (!this.#way.say({ kind: "offer", epoch, id: w.id, type: content.type, size: content.bytes.length, hash })) return this.#fail("away");
    this.#pump(w);
  }

  /** get asks for what is on the customer's clipboard. */
  get(): void {
    const epoch = this.#epochs.fetch_clipboard;
    if (epoch === 0 || this.#work !== null) return;
    const w = this.#begin("fetch_clipboard", null);
    if (!this.#way.say({ kind: "get", epoch, id: w.id })) this.#fail("away");
  }

  /** cancel ends what is on its way. */
  cancel(): void {
    const w = this.#work;
    if (w === null) return;
    this.#way.say({ kind: "cancel", epoch: w.epoch, id: w.id });
    this.#fail("cancelled");
  }

  /** copy puts what came from the customer on the technician's own clipboard. */
  async copy(): Promise<void> {
    const shown = this.shown.peek();
    if (shown?.side !== "theirs") return;
    try {
      await put(shown.content);
      batch(() => {
        this.#clear();
        this.result.value = { word: "copied", content: shown.content };
      });
    } catch {
      this.trouble.value = "copy_denied";
    }
  }

  close(): void {
    this.#stop();
    this.#fail("withdrawn");
    this.discard();
  }

  #clear(): void {
    batch(() => {
      this.shown.value = null;
      this.trouble.value = "";
      this.result.value = null;
    });
  }

  #begin(kind: ClipTool, content: Content | null): Work {
    const w: Work = { kind, epoch: this.#epochs[kind], id: ++this.#ids[kind], content, sent: 0, acked: 0, offer: null, got: new Uint8Array(0), at: 0 };
    this.#work = w;
    batch(() => {
      this.#clear();
      this.#moved(w, 0, content?.bytes.length ?? 0);
    });
    return w;
  }

  /** #moved shows how far it is: each byte goes to the broker, and from there. */
  #moved(w: Work, at: number, size: number): void {
    this.progress.value = { kind: w.kind, at: Math.floor(at / 2), size };
  }

  #end(): void {
    this.#work = null;
    this.progress.value = null;
  }

  #goes(w: Work): boolean {
    return this.#work === w;
  }

  #fail(why: ClipCause): void {
    const w = this.#work;
    if (w === null) return;
    batch(() => {
      this.#end();
      this.trouble.value = why;
    });
  }

  #pump(w: Work): void {
    const bytes = w.content?.bytes;
    if (bytes === undefined || this.#work !== w) return;
    while (w.sent < bytes.length && w.sent - w.acked < clipWindow) {
      const part = bytes.subarray(w.sent, Math.min(w.sent + maxChunk, w.acked + clipWindow));
      if (!this.#way.part(w.epoch, w.id, w.sent, part)) return this.#fail("away");
      w.sent += part.length;
    }
  }

  #said(m: Clip): void {
    const w = this.#work;
    if (w === null || m.epoch !== w.epoch || m.id !== w.id) return;
    switch (m.kind) {
      case "failed":
        this.#fail(m.cause ?? "failed");
        break;
      case "ack":
        w.acked = Math.max(w.acked, m.at ?? 0);
        this.#moved(w, w.acked, w.content?.bytes.length ?? 0);
        this.#pump(w);
        break;
      case "moved":
        this.#moved(w, (m.at ?? 0) + (w.kind === "send_clipboard" ? (m.size ?? 0) : 0), m.size ?? 0);
        break;
      case "offer":
        if (w.kind !== "fetch_clipboard" || w.offer !== null) break;
        w.offer = m;
        w.got = new Uint8Array(m.size ?? 0);
        break;
      case "done":
        if (w.kind === "send_clipboard" && w.content !== null) {
          const content = w.content;
          batch(() => {
            this.#end();
            this.result.value = { word: "sent", content };
          });
        }
        break;
      default:
        break;
    }
  }

  #part(epoch: number, id: number, at: number, content: Uint8Array<ArrayBuffer>): void {
    const w = this.#work;
    if (w === null || w.offer === null || epoch !== w.epoch || id !== w.id) return;
    if (at !== w.at || at + content.length > w.got.length) {
      this.#way.say({ kind: "cancel", epoch, id });
      return this.#fail("failed");
    }
    w.got.set(content, at);
    w.at += content.length;
    this.#moved(w, w.got.length + w.at, w.got.length);
    if (w.at - w.acked >= clipWindow / 4 || w.at === w.got.length) {
      w.acked = w.at;
      this.#way.say({ kind: "ack", epoch, id, at: w.at });
    }
    if (w.at === w.got.length) void this.#arrived(w, w.offer);
  }

  /** #arrived checks what came, and shows it: it goes on the technician's clipboard only when that person says so. */
  async #arrived(w: Work, offer: Clip): Promise<void> {
    const hash = await hashOf(w.got);
    if (this.#work !== w) return;
    const stop = (why: ClipCause) => {
      this.#way.say({ kind: "cancel", epoch: w.epoch, id: w.id });
      this.#fail(why);
    };
    if (hash !== offer.hash) return stop("hash");
    try {
      const content = await received(offer.type ?? "text", w.got);
      if (this.#work !== w) return;
      this.#way.say({ kind: "done", epoch: w.epoch, id: w.id, hash });
      batch(() => {
        this.#end();
        this.shown.value = { side: "theirs", content };
      });
    } catch (e) {
      if (this.#work === w) stop(e instanceof Unfit ? e.why : "failed");
    }
  }
}
