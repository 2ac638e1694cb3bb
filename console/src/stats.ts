// The figures of a picture, out of WebRTC's statistics (W3C "Identifiers for
// WebRTC's Statistics API": inbound-rtp, candidate-pair, candidates, codec).

export interface Stats {
  /** Milliseconds to the broker and back; null before it is known. */
  roundTrip: number | null;
  /** Share of the packets that did not come, 0 to 1, over the last seconds; null while none came. */
  loss: number | null;
  /** Of the picture, in bits per second. */
  bitrate: number;
  /** The way to the broker: "udp" or "tcp", and whether a relay lies between. */
  path: { protocol: string; relayed: boolean } | null;
  /** The codec's name, such as AV1; "" before the first picture. */
  codec: string;
  framesPerSecond: number;
  /** Milliseconds to decode one frame; null while none comes. */
  decode: number | null;
  /** Whole pictures of the last minute; all others carry only what changed. */
  keyFrames: number;
  width: number;
  height: number;
}

/** A reading of the counters, and what they say since those before. */
export interface Reading {
  stats: Stats | null;
  at: number; // milliseconds
  frames: number;
  decodeTime: number; // seconds
  received: number; // packets
  lost: number;
  asked: number; // how often for packets that did not come
  bytes: number;
  keyFrames: number;
}

/** Over how many readings loss is counted, and key frames. One comes a second. */
const lossReadings = 5;
const keyReadings = 60;

/** How long a browser waits until it asks once more for a packet, in ms. */
const askedEvery = 100;

/**
 * readStats reads a report. before holds the readings so far, the newest last;
 * the figures are null for the first: they are differences.
 */
export function readStats(report: RTCStatsReport, before: readonly Reading[]): Reading | null {
  let video: RTCInboundRtpStreamStats | undefined;
  let pair: RTCIceCandidatePairStats | undefined;
  report.forEach((s: RTCStats) => {
    if (s.type === "inbound-rtp") video = s as RTCInboundRtpStreamStats;
    else if (s.type === "candidate-pair" && (s as RTCIceCandidatePairStats).nominated) pair = s as RTCIceCandidatePairStats;
  });
  if (video === undefined) return null;
  const reading: Reading = {
    stats: null,
    at: video.timestamp,
    frames: video.framesDecoded ?? 0,
    decodeTime: video.totalDecodeTime ?? 0,
    received: video.packetsReceived ?? 0,
    lost: video.packetsLost ?? 0,
    asked: video.nackCount ?? 0,
    bytes: video.bytesReceived ?? 0,
    keyFrames: video.keyFramesDecoded ?? 0,
  };
  const last = before.at(-1);
  if (last === undefined || reading.at <= last.at) return reading;
  const seconds = (reading.at - last.at) / 1000;
  const frames = reading.frames - last.frames;
  const since = before.at(-lossReadings) ?? before[0] ?? last;
  const trip = pair?.currentRoundTripTime === undefined ? null : pair.currentRoundTripTime * 1000;
  // A packet that was sent again counts as received, and so loss that is made good
  // shows only in how often was asked. On a long way that is done again meanwhile.
  const again = (reading.asked - since.asked) / Math.max(1, (trip ?? 0) / askedEvery);
  const lost = Math.max(0, reading.lost - since.lost, again);
  const all = lost + Math.max(0, reading.received - since.received);
  const minute = before.at(-keyReadings) ?? before[0] ?? last;
  reading.stats = {
    roundTrip: trip,
    loss: all > 0 ? lost / all : null,
    bitrate: ((reading.bytes - last.bytes) * 8) / seconds,
    path: pathOf(report, pair),
    codec: codecOf(report, video),
    framesPerSecond: frames / seconds,
    decode: frames > 0 ? ((reading.decodeTime - last.decodeTime) * 1000) / frames : null,
    keyFrames: reading.keyFrames - minute.keyFrames,
    width: video.frameWidth ?? 0,
    height: video.frameHeight ?? 0,
  };
  return reading;
}

/** keep adds a reading, and lets go of what no figure needs any more. */
export function keep(before: readonly Reading[], reading: Reading): Reading[] {
  return [...before, reading].slice(-keyReadings);
}

function codecOf(report: RTCStatsReport, video: RTCInboundRtpStreamStats): string {
  if (video.codecId === undefined) return "";
  const codec = report.get(video.codecId) as { mimeType?: string } | undefined;
  return codec?.mimeType?.split("/")[1] ?? "";
}

function pathOf(report: RTCStatsReport, pair: RTCIceCandidatePairStats | undefined): Stats["path"] {
  if (pair === undefined) return null;
  const local = report.get(pair.localCandidateId) as { protocol?: string; candidateType?: string } | undefined;
  const remote = report.get(pair.remoteCandidateId) as { candidateType?: string } | undefined;
  const relayed = local?.candidateType === "relay" || remote?.candidateType === "relay";
  return { protocol: local?.protocol ?? "udp", relayed };
}
