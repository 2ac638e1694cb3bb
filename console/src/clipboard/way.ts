// The data channel of the clipboard, which is made anew with each connection of the picture.

import { chunkHeader, readChunk, readClip } from "../check";
import { type Clip, clipboardChannel, maxChunk } from "../protocol";

/** How many bytes may wait, beside the window. */
const backlog = 1_000_000;

/** What is done with what comes. */
export interface Hears {
  opened(): void;
  closed(): void;
  said(m: Clip): void;
  part(epoch: number, id: number, at: number, content: Uint8Array<ArrayBuffer>): void;
  /** The connection stays, also if nobody looks. */
  busy(): boolean;
}

export class Way {
  hears: Hears = { opened() {}, closed() {}, said() {}, part() {}, busy: () => false };
  #channel: RTCDataChannel | null = null;

  /** open makes the channel on a new connection. */
  open(connection: RTCPeerConnection): void {
    const channel = connection.createDataChannel(clipboardChannel, { ordered: true });
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
      const m = typeof e.data === "string" ? readClip(e.data) : null;
      if (m !== null) this.hears.said(m);
    };
  }

  /** drop forgets the channel: its connection is gone. */
  drop(): void {
    if (this.#channel !== null) this.hears.closed();
    this.#channel = null;
  }

  /** say sends a message; false if it cannot go now. */
  say(m: Clip): boolean {
    return this.#send(JSON.stringify(m));
  }

  /** chunk sends a part of the content, at most maxChunk bytes of it from at on, and returns how many; 0 if it cannot go now. */
  chunk(epoch: number, id: number, at: number, content: Uint8Array, most: number): number {
    const part = content.subarray(at, at + Math.min(maxChunk, most));
    const data = new Uint8Array(chunkHeader + part.length);
    const view = new DataView(data.buffer);
    view.setUint32(0, epoch);
    view.setUint32(4, id);
    view.setBigUint64(8, BigInt(at));
    data.set(part, chunkHeader);
    return this.#send(data) ? part.length : 0;
  }

  #send(data: string | Uint8Array<ArrayBuffer>): boolean {
    const channel = this.#channel;
    if (channel === null || channel.readyState !== "open" || channel.bufferedAmount > backlog) return false;
    if (typeof data === "string") channel.send(data);
    else channel.send(data);
    return true;
  }
}
