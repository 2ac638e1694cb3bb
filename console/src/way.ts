// A data channel on which contents go in parts, between messages about them: files, clipboards.
// It is made anew with each connection of the picture.

import { chunkHeader, readChunk } from "./check";

/** What is done with what comes. */
export interface Hears<M> {
  opened(): void;
  closed(): void;
  said(m: M): void;
  part(epoch: number, id: number, at: number, content: Uint8Array<ArrayBuffer>): void;
  /** The connection stays, also if nobody looks. */
  busy(): boolean;
}

export class Way<M> {
  /** Whoever exchanges something sets this. */
  hears: Hears<M> = { opened() {}, closed() {}, said() {}, part() {}, busy: () => false };
  readonly #label: string;
  readonly #backlog: number;
  readonly #read: (data: string) => M | null;
  #channel: RTCDataChannel | null = null;

  /** backlog is how many bytes may wait, beside the windows of the contents; read checks a message, null for a malformed one. */
  constructor(label: string, backlog: number, read: (data: string) => M | null) {
    this.#label = label;
    this.#backlog = backlog;
    this.#read = read;
  }

  /** open makes the channel on a new connection. */
  open(connection: RTCPeerConnection): void {
    const channel = connection.createDataChannel(this.#label, { ordered: true });
    channel.binaryType = "arraybuffer";
    this.#channel = channel;
    channel.onopen = () => channel === this.#channel && this.hears.opened();
    channel.onmessage = (e: MessageEvent<unknown>) => {
      if (channel !== this.#channel) return;
      if (e.data instanceof ArrayBuffer) {
        const c = readChunk(e.data);
        if (c !== null) this.hears.part(c.epoch, c.id, c.at, c.content);
        return;
      }
      const m = typeof e.data === "string" ? this.#read(e.data) : null;
      if (m !== null) this.hears.said(m);
    };
  }

  /** drop forgets the channel: its connection is gone. */
  drop(): void {
    if (this.#channel !== null) this.hears.closed();
    this.#channel = null;
  }

  /** say sends a message; false if it cannot go now. */
  say(m: M): boolean {
    return this.#send(JSON.stringify(m));
  }

  /** part sends a part of a content, which stands at a byte of it; false if it cannot go now. */
  part(epoch: number, id: number, at: number, content: Uint8Array): boolean {
    const data = new Uint8Array(chunkHeader + content.length);
    const view = new DataView(data.buffer);
    view.setUint32(0, epoch);
    view.setUint32(4, id);
    view.setBigUint64(8, BigInt(at));
    data.set(content, chunkHeader);
    return this.#send(data);
  }

  #send(data: string | Uint8Array<ArrayBuffer>): boolean {
    const channel = this.#channel;
    if (channel === null || channel.readyState !== "open" || channel.bufferedAmount > this.#backlog) return false;
    if (typeof data === "string") channel.send(data);
    else channel.send(data);
    return true;
  }
}
