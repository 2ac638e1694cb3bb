// The picture of one session: a WebRTC connection to the broker that receives
// the video, and the data channel with the cursor. It is made again when it
// fails, and let go while nobody looks at it.

import { signal } from "@preact/signals";
import { watchable } from "./codecs";
import { readClip, readTerminal, readTransfer } from "./check";
import { disconnectedTime, gathered } from "./connection";
import { Cursor } from "./cursor";
import type { Size } from "./geometry";
import { type Answer, clipboardChannel, cursorChannel, filesChannel, type Input, inputChannel, shellChannel, type Terminal } from "./protocol";
import { delay } from "./retry";
import { keep, type Reading, readStats, type Stats } from "./stats";
import { Way } from "./way";
import { Refused } from "./wire";

/** Where the picture stands. "waiting": connected, but the customer shares
 * nothing yet. "resting": nobody looks, so nothing is fetched. "unable": this
 * browser cannot show any picture, and no try will change that. */
export type PictureState = "connecting" | "waiting" | "live" | "retrying" | "refused" | "resting" | "unable";

/** How many bytes of input may wait: what comes later than that would hit something else. */
const inputBacklog = 32_000;

/** How many bytes of a terminal may wait: more than anybody types. */
const terminalBacklog = 1_000_000;

/** How many bytes about files, and about clipboards, may wait, beside the windows of the contents themselves. */
const parcelBacklog = 8_000_000;
const boardBacklog = 1_000_000;

/** How long a picture goes on that nobody looks at: going to another session and
 * back at once costs nothing. */
const restAfter = 5_000;

/** What a picture needs of the connection to the broker. */
export interface Source {
  /** offer sends an SDP offer and returns the answer, or rejects with Refused. */
  offer(sdp: string): Promise<Answer>;
  /** stop says that this picture is not looked at any more. */
  stop(): void;
  /** disturbed tells that nothing comes on the picture's own connection. */
  disturbed(): void;
}

export class Picture {
  readonly state = signal<PictureState>("connecting");
  readonly stream = signal<MediaStream | null>(null);
  /** Of the video in pixels; 0 by 0 before the first picture. It outlives a lost connection, as the last picture does. */
  readonly size = signal<Size>({ width: 0, height: 0 });
  readonly stats = signal<Stats | null>(null);
  /** Since when the last picture is all there is, by performance.now(); 0 while it is live. */
  readonly frozen = signal(0);
  /** For how long it was away, in ms, for a little while after it came back; 0 else. */
  readonly back = signal(0);
  /** When the picture changed last, by performance.now(); 0 before the first. */
  changedAt = 0;
  /** freeze keeps what the video shows; whoever shows it sets this. */
  freeze: () => void = () => {};
  readonly cursor = new Cursor();
  /** What shows the session's terminal; whoever does sets this. */
  line: { opened(): void; closed(): void; said(m: Terminal): void } = { opened() {}, closed() {}, said() {} };
  /** The way of the session's files, and that of what is on clipboards. */
  readonly parcels = new Way(filesChannel, parcelBacklog, readTransfer);
  readonly board = new Way(clipboardChannel, boardBacklog, readClip);
  readonly #source: Source;
  #connection: RTCPeerConnection | null = null;
  #input: RTCDataChannel | null = null;
  #terminal: RTCDataChannel | null = null;
  #attempt = 0;
  #timer = 0;
  #meter = 0;
  #resting = 0;
  #told = 0;
  #shown = false; // a frame of this connection was seen
  #looked = false;
  #rested = false; // it is away because nobody looked
  #over = false;

  constructor(source: Source) {
    this.#source = source;
    this.state.value = "resting";
  }

  /** look says whether somebody looks at the picture now. */
  look(looked: boolean): void {
    if (looked === this.#looked || this.#over) return;
    this.#looked = looked;
    clearTimeout(this.#resting);
    if (looked && this.#connection === null) this.start();
    if (!looked) this.#resting = setTimeout(() => this.#rest(), restAfter);
  }

  /** start makes the connection anew, if somebody looks. */
  start(): void {
    if (this.#over) return;
    this.#drop();
    if (!this.#looked) {
      this.state.value = "resting";
      return;
    }
    if (!watchable()) {
      this.state.value = "unable";
      return;
    }
    this.state.value = this.#attempt === 0 && !(this.frozen.value > 0 && !this.#rested) ? "connecting" : "retrying";
    const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.#connection = connection;
    this.#connect(connection).catch((e: unknown) => this.#failed(connection, e));
  }

  /** shown tells that the video element shows pictures of this size. */
  shown(size: Size): void {
    this.size.value = size;
    this.#shown = true;
    this.#update();
  }

  /** changed tells that a new frame is seen. Only then the old one goes. */
  changed(): void {
    this.changedAt = performance.now();
    if (this.frozen.value === 0 || this.state.value !== "live") return;
    if (!this.#rested) this.#tell(this.changedAt - this.frozen.value);
    this.frozen.value = 0;
    this.#rested = false;
  }

  /** input sends what the technician does with mouse and keyboard; false if it cannot go now. */
  input(m: Input): boolean {
    const channel = this.#input;
    if (channel === null || channel.readyState !== "open" || channel.bufferedAmount > inputBacklog) return false;
    channel.send(JSON.stringify(m));
    return true;
  }

  /** say sends a message of the terminal; false if it cannot go now. */
  say(m: Terminal): boolean {
    const channel = this.#terminal;
    if (channel === null || channel.readyState !== "open" || channel.bufferedAmount > terminalBacklog) return false;
    channel.send(JSON.stringify(m));
    return true;
  }

  /** close ends the picture for good. */
  close(): void {
    this.#over = true;
    this.#drop();
    clearTimeout(this.#resting);
    clearTimeout(this.#told);
    this.stream.value = null;
  }

  #rest(): void {
    if (this.parcels.hears.busy() || this.board.hears.busy()) {
      this.#resting = setTimeout(() => this.#rest(), restAfter);
      return;
    }
    this.#rested = true;
    this.#drop();
    this.state.value = "resting";
    this.#source.stop();
  }

  async #connect(connection: RTCPeerConnection): Promise<void> {
    const { receiver } = connection.addTransceiver("video", { direction: "recvonly" });
    receiver.jitterBufferTarget = 0; // the broker's playout-delay extension says the same for each packet
    this.stream.value = new MediaStream([receiver.track]);

    const channel = connection.createDataChannel(cursorChannel, { ordered: true });
    channel.binaryType = "arraybuffer";
    channel.onmessage = (e) => this.cursor.apply(e.data);
    this.#input = connection.createDataChannel(inputChannel, { ordered: true });
    const terminal = connection.createDataChannel(shellChannel, { ordered: true });
    this.#terminal = terminal;
    terminal.onopen = () => terminal === this.#terminal && this.line.opened();
    terminal.onmessage = (e) => {
      const m = typeof e.data === "string" ? readTerminal(e.data) : null;
      if (m !== null && terminal === this.#terminal) this.line.said(m);
    };
    this.parcels.open(connection);
    this.board.open(connection);

    connection.onconnectionstatechange = () => this.#changed(connection);
    await connection.setLocalDescription();
    await gathered(connection);
    const { sdp } = await this.#source.offer(connection.localDescription?.sdp ?? "");
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
        this.#source.disturbed();
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
    this.state.value = this.#shown ? "live" : "waiting";
  }

  /** #tell shows for a while how long the picture was away. */
  #tell(away: number): void {
    this.back.value = away;
    clearTimeout(this.#told);
    this.#told = setTimeout(() => (this.back.value = 0), 8_000);
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
    let readings: Reading[] = [];
    this.#meter = setInterval(() => {
      void connection.getStats().then((report) => {
        if (connection !== this.#connection) return;
        const reading = readStats(report, readings);
        if (reading !== null) readings = keep(readings, reading);
        this.stats.value = reading?.stats ?? null;
      });
    }, 1000);
  }

  #drop(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#meter);
    const old = this.#connection;
    this.#connection = null;
    this.#input = null;
    if (this.#terminal !== null) this.line.closed();
    this.#terminal = null;
    this.parcels.drop();
    this.board.drop();
    if (this.#shown && this.frozen.value === 0) {
      this.freeze(); // while the video still shows it
      this.frozen.value = performance.now();
    }
    this.#shown = false;
    old?.close();
    this.cursor.forget();
    this.stats.value = null;
  }
}
