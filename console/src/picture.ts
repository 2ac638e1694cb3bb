// The picture of one session: a WebRTC connection to the broker that receives
// the video, and the data channel with the cursor. It is made again when it fails.

import { signal } from "@preact/signals";
import { Cursor } from "./cursor";
import type { Size } from "./geometry";
import { type Answer, cursorChannel } from "./protocol";
import { type Reading, readStats, type Stats } from "./stats";
import { delay, Refused } from "./wire";

/** Where the picture stands. "waiting": connected, but the customer shares nothing yet. */
export type PictureState = "connecting" | "waiting" | "live" | "retrying" | "refused";

/** How long to gather candidates before the offer leaves. The broker's own are in
 * its answer and it learns ours from the first packet, so few are enough. */
const gatherTime = 500;

/** How long a connection may be "disconnected" before it is made anew. */
const disconnectedTime = 3_000;

export class Picture {
  readonly state = signal<PictureState>("connecting");
  readonly stream = signal<MediaStream | null>(null);
  /** Of the video in pixels; 0 by 0 before the first picture. */
  readonly size = signal<Size>({ width: 0, height: 0 });
  readonly stats = signal<Stats | null>(null);
  readonly cursor = new Cursor();
  readonly #offer: (sdp: string) => Promise<Answer>;
  #connection: RTCPeerConnection | null = null;
  #attempt = 0;
  #timer = 0;
  #meter = 0;
  #over = false;

  /** offer sends an SDP offer to the broker and returns its answer, or rejects with Refused. */
  constructor(offer: (sdp: string) => Promise<Answer>) {
    this.#offer = offer;
    this.start();
  }

  /** start makes the connection anew. */
  start(): void {
    if (this.#over) return;
    this.#drop();
    this.state.value = this.#attempt === 0 ? "connecting" : "retrying";
    const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.#connection = connection;
    this.#connect(connection).catch((e: unknown) => this.#failed(connection, e));
  }

  /** shown tells that the video element shows pictures of this size. */
  shown(size: Size): void {
    this.size.value = size;
    this.#update();
  }

  /** close ends the picture for good. */
  close(): void {
    this.#over = true;
    this.#drop();
    this.stream.value = null;
  }

  async #connect(connection: RTCPeerConnection): Promise<void> {
    const { receiver } = connection.addTransceiver("video", { direction: "recvonly" });
    receiver.jitterBufferTarget = 0; // the broker's playout-delay extension says the same for each packet
    this.stream.value = new MediaStream([receiver.track]);

    const channel = connection.createDataChannel(cursorChannel, { ordered: true });
    channel.binaryType = "arraybuffer";
    channel.onmessage = (e) => this.cursor.apply(e.data);

    connection.onconnectionstatechange = () => this.#changed(connection);
    await connection.setLocalDescription();
    await gathered(connection);
    const { sdp } = await this.#offer(connection.localDescription?.sdp ?? "");
    if (connection !== this.#connection) return; // made anew meanwhile
    await connection.setRemoteDescription({ type: "answer", sdp });
    this.#measure(connection);
  }

  #changed(connection: RTCPeerConnection): void {
    if (connection !== this.#connection) return;
    clearTimeout(this.#timer);
    switch (connection.connectionState) {
      case "connected":
        this.#attempt = 0;
        this.#update();
        break;
      case "disconnected": // often comes back by itself
        this.#timer = setTimeout(() => this.#failed(connection), disconnectedTime);
        break;
      case "failed":
      case "closed":
        this.#failed(connection);
        break;
      default:
        break;
    }
  }

  #update(): void {
    if (this.#connection?.connectionState !== "connected") return;
    this.state.value = this.size.value.width > 0 ? "live" : "waiting";
  }

  #failed(connection: RTCPeerConnection, e?: unknown): void {
    if (this.#over || connection !== this.#connection) return;
    this.#drop();
    if (e instanceof Refused && (e.code === "not_allowed" || e.code === "no_session")) {
      this.state.value = "refused"; // asking again changes nothing
      return;
    }
    this.state.value = "retrying";
    this.#timer = setTimeout(() => this.start(), delay(this.#attempt++));
  }

  #measure(connection: RTCPeerConnection): void {
    let last: Reading | null = null;
    this.#meter = setInterval(() => {
      void connection.getStats().then((report) => {
        if (connection !== this.#connection) return;
        const reading = readStats(report, last);
        last = reading;
        this.stats.value = reading?.stats ?? null;
      });
    }, 1000);
  }

  #drop(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#meter);
    const old = this.#connection;
    this.#connection = null;
    old?.close();
    this.cursor.forget();
    this.size.value = { width: 0, height: 0 };
    this.stats.value = null;
  }
}

/** gathered resolves when all candidates are known, or enough time was given. */
function gathered(connection: RTCPeerConnection): Promise<void> {
  if (connection.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, gatherTime);
    connection.addEventListener("icegatheringstatechange", () => {
      if (connection.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}
