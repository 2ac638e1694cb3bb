// How the customer's network and computer bear the picture that this page sends, out
// of WebRTC's statistics (W3C "Identifiers for WebRTC's Statistics API": outbound-rtp,
// remote-inbound-rtp, candidate-pair). What a browser does not say is not guessed.

import type { Network } from "../protocol";

/** What is read; no browser has all of it. */
interface Sent extends RTCStats {
  packetsSent?: number;
  retransmittedPacketsSent?: number;
  framesEncoded?: number;
  totalEncodeTime?: number; // seconds
  qpSum?: number; // of AV1 and VP9, 0 to 255 each
  qualityLimitationReason?: string;
}

interface Arrived extends RTCStats {
  packetsLost?: number;
  roundTripTime?: number; // seconds
}

/** A reading of the counters. */
interface Reading {
  at: number; // milliseconds
  sent: number;
  lost: number;
  again: number;
  frames: number;
  encode: number;
  coarseness: number;
}

/** Over how many readings loss is counted, and what it takes to make a picture. */
const readings = 4;

/** A link that carries less reduces the picture, in bits a second. */
const narrowBelow = 1_500_000;

/** How often the broker is told at most, in milliseconds. */
export const networkInterval = 2_000;

export class Gauge {
  #readings: Reading[] = [];
  #told: Network | null = null;

  /** next reads a report and returns what to tell; null: nothing that a person would notice has changed. */
  next(report: RTCStatsReport): Network | null {
    let video: Sent | undefined;
    let arrived: Arrived | undefined;
    let pair: RTCIceCandidatePairStats | undefined;
    report.forEach((s: RTCStats) => {
      if (s.type === "outbound-rtp") video = s as Sent;
      else if (s.type === "remote-inbound-rtp") arrived = s as Arrived;
      else if (s.type === "candidate-pair" && (s as RTCIceCandidatePairStats).nominated) pair = s as RTCIceCandidatePairStats;
    });
    if (video === undefined) return null;
    const now: Reading = {
      at: video.timestamp,
      sent: video.packetsSent ?? 0,
      lost: arrived?.packetsLost ?? 0,
      again: video.retransmittedPacketsSent ?? 0,
      frames: video.framesEncoded ?? 0,
      encode: video.totalEncodeTime ?? 0,
      coarseness: video.qpSum ?? 0,
    };
    const last = this.#readings.at(-1);
    if (last !== undefined && (now.at <= last.at || now.sent < last.sent)) this.#readings = []; // another connection
    const since = this.#readings[0];
    this.#readings = [...this.#readings, now].slice(-readings);
    if (since === undefined) return null; // the figures are differences
    const said = figures(now, since, this.#told, video, pair?.currentRoundTripTime ?? arrived?.roundTripTime, pair?.availableOutgoingBitrate);
    if (this.#told !== null && !differ(said, this.#told)) return null;
    this.#told = said;
    return said;
  }

  /** forget has everything told anew: who came back may not have heard it. */
  forget(): void {
    this.#told = null;
  }
}

function figures(now: Reading, since: Reading, told: Network | null, video: Sent, trip?: number, room?: number): Network {
  const frames = now.frames - since.frames;
  const spent = Math.max(0, now.encode - since.encode) * 1000;
  // What was sent again was lost once, whether or not the other side counts it.
  const lost = Math.max(now.lost - since.lost, now.again - since.again);
  const sent = now.sent - since.sent;
  const limit = limitOf(video.qualityLimitationReason, room);
  return {
    limit,
    rate: limit === "customer" && room !== undefined ? whole(room / 1000, 1, 1_000_000) : 0,
    loss: sent > 0 ? whole((100 * lost) / sent, 0, 100) : 0,
    round_trip: trip === undefined ? 0 : whole(trip * 1000, 1, 60_000),
    parts: false,
    encode: frames > 0 ? whole(spent / frames, 0, 60_000) : (told?.encode ?? 0),
    cpu: whole((100 * spent) / (now.at - since.at), 0, 6_400),
    quantizer: frames > 0 ? whole((now.coarseness - since.coarseness) / frames / 4, 0, 63) : (told?.quantizer ?? 0),
  };
}

/** limitOf says what makes the picture smaller: reason is the browser's own word, room what its link carries. */
function limitOf(reason: string | undefined, room: number | undefined): Network["limit"] {
  if (reason === "cpu") return "computer";
  if (reason === "bandwidth" || (room !== undefined && room < narrowBelow)) return "customer";
  return reason === undefined && room === undefined ? "unknown" : "none";
}

function whole(n: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, Math.round(n)));
}

/** differ is the help program's: less nobody would notice. */
function differ(a: Network, b: Network): boolean {
  const apart = (x: number, y: number, least: number) => Math.abs(x - y) > Math.max(least, y / 4);
  return (
    a.limit !== b.limit || apart(a.rate, b.rate, 50) || apart(a.loss, b.loss, 2) || apart(a.round_trip, b.round_trip, 40) ||
    apart(a.encode, b.encode, 20) || apart(a.cpu, b.cpu, 15) || apart(a.quantizer, b.quantizer, 12)
  );
}
