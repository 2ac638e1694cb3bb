// The picture on its way out: what the customer chose is captured by the browser
// and sent to the broker, one video without sound.

import { disconnectedTime, gathered } from "../connection";
import type { Source } from "../protocol";
import { delay } from "../retry";

const maxBitrate = 8_000_000; // bits a second, as the help program
const startBitrate = 2_000; // kbit/s, before anything is known of the network

/** The codecs that the broker takes, the best first. */
const codecs = ["video/av1", "video/vp9"];

/** able reports whether this browser can share a screen that the broker understands. */
export function able(): boolean {
  return (
    typeof navigator.mediaDevices?.getDisplayMedia === "function" &&
    typeof RTCPeerConnection === "function" &&
    sendable().length > 0
  );
}

function sendable(): RTCRtpCodec[] {
  const all = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  const plain = (c: RTCRtpCodec) => !/profile(-id)?=[1-9]/.test(c.sdpFmtpLine ?? ""); // 8 bits, 4:2:0
  return codecs.flatMap((wanted) => all.filter((c) => c.mimeType.toLowerCase() === wanted && plain(c)));
}

/** choose has the browser ask what to show. It rejects as getDisplayMedia does (W3C
 * Screen Capture, section 5.1), and has to be called in the press of a button. */
export async function choose(): Promise<MediaStreamTrack> {
  const wish = {
    video: { frameRate: { max: 30 } },
    audio: false,
    // This page in its own picture would be a tunnel of mirrors; and what is
    // shared changes here only, where it is put on the evidence.
    selfBrowserSurface: "exclude",
    surfaceSwitching: "exclude",
    monitorTypeSurfaces: "include",
  };
  const stream = await navigator.mediaDevices.getDisplayMedia(wish);
  const [track] = stream.getVideoTracks();
  if (track === undefined) throw new DOMException("no video", "NotFoundError");
  track.contentHint = "text"; // sharp rather than smooth
  return track;
}

const sources: Record<string, Source> = { monitor: "monitor", window: "window", browser: "tab" };

/** look tells what a track shows and how large it is; 0 if not known. */
export function look(track: MediaStreamTrack): { source: Source; width: number; height: number } {
  const { displaySurface, width = 0, height = 0 } = track.getSettings();
  return { source: sources[displaySurface ?? ""] ?? "unknown", width, height };
}

export class Picture {
  readonly #offer: (sdp: string) => Promise<string>;
  readonly #disturbed: () => void;
  #connection: RTCPeerConnection | null = null;
  #sender: RTCRtpSender | null = null;
  #track: MediaStreamTrack | null = null;
  #codec = "AV1";
  #attempt = 0;
  #timer = 0;
  #over = false;

  /** offer sends an SDP offer to the broker and returns its answer. disturbed is called when the picture does not get through. */
  constructor(offer: (sdp: string) => Promise<string>, disturbed: () => void) {
    this.#offer = offer;
    this.#disturbed = disturbed;
  }

  /** up reports whether there is a connection, and nothing is wrong with it. */
  get up(): boolean {
    return this.#connection?.connectionState === "connected";
  }

  /** stats are the figures of the connection; null while there is none that works. */
  async stats(): Promise<RTCStatsReport | null> {
    return this.up ? ((await this.#connection?.getStats()) ?? null) : null;
  }

  /** connect makes the connection, or makes it anew. Nothing is sent on it before show. */
  connect(): void {
    if (this.#over) return;
    this.#drop();
    const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.#connection = connection;
    connection.onconnectionstatechange = () => this.#changed(connection);
    this.#negotiate(connection).catch(() => this.#failed(connection));
  }

  /** show sends what track shows; null: nothing is sent any more. */
  async show(track: MediaStreamTrack | null): Promise<void> {
    this.#track = track;
    await this.#sender?.replaceTrack(track);
  }

  /** code changes the codec, so that everybody who watches can decode it: W3C WebRTC,
   * section 5.2, codec of an encoding. A browser that cannot goes on as before. */
  code(name: string): void {
    this.#codec = name;
    void this.#recode();
  }

  async #recode(): Promise<void> {
    const sender = this.#sender;
    const codec = sendable().find((c) => c.mimeType.toLowerCase() === `video/${this.#codec.toLowerCase()}`);
    if (sender === null || codec === undefined) return;
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings as (RTCRtpEncodingParameters & { codec?: RTCRtpCodec })[]) encoding.codec = codec;
    await sender.setParameters(parameters).catch(() => {});
  }

  /** close ends the picture for good. */
  close(): void {
    this.#over = true;
    this.#drop();
  }

  async #negotiate(connection: RTCPeerConnection): Promise<void> {
    const transceiver = connection.addTransceiver("video", {
      direction: "sendonly",
      sendEncodings: [{ maxBitrate, scalabilityMode: "L1T1" } as RTCRtpEncodingParameters],
    });
    transceiver.setCodecPreferences(sendable());
    await connection.setLocalDescription();
    await gathered(connection);
    const answer = await this.#offer(connection.localDescription?.sdp ?? "");
    if (connection !== this.#connection) return; // made anew meanwhile
    await connection.setRemoteDescription({ type: "answer", sdp: hasten(answer) });
    const parameters = transceiver.sender.getParameters() as RTCRtpSendParameters & { degradationPreference?: string };
    parameters.degradationPreference = "maintain-resolution";
    await transceiver.sender.setParameters(parameters);
    if (connection !== this.#connection) return;
    this.#sender = transceiver.sender;
    if (this.#codec !== "AV1") await this.#recode();
    await transceiver.sender.replaceTrack(this.#track);
  }

  #changed(connection: RTCPeerConnection): void {
    if (connection !== this.#connection) return;
    clearTimeout(this.#timer);
    if (connection.connectionState === "connected") this.#attempt = 0;
    if (connection.connectionState === "failed") this.#failed(connection);
    if (connection.connectionState === "disconnected") {
      this.#timer = setTimeout(() => this.#failed(connection), disconnectedTime);
      this.#disturbed();
    }
  }

  #failed(connection: RTCPeerConnection): void {
    if (this.#over || connection !== this.#connection) return;
    this.#drop();
    this.#timer = setTimeout(() => this.connect(), delay(this.#attempt++));
  }

  #drop(): void {
    clearTimeout(this.#timer);
    const old = this.#connection;
    this.#connection = this.#sender = null;
    old?.close();
  }
}

/** hasten lets Chromium begin with a picture that can be read, rather than at 300
 * kbit/s. Other browsers pass the parameter over. */
function hasten(answer: string): string {
  return answer.replace(/^(a=fmtp:\d+ .*)$/gm, `$1;x-google-start-bitrate=${startBitrate}`);
}
