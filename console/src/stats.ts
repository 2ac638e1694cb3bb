// The figures of the status bar, out of WebRTC's statistics
// (W3C "Identifiers for WebRTC's Statistics API", inbound-rtp and candidate-pair).

export interface Stats {
  /** Milliseconds to the broker and back; null before it is known. */
  roundTrip: number | null;
  framesPerSecond: number;
  /** Milliseconds to decode one frame; null while none comes. */
  decode: number | null;
  width: number;
  height: number;
}

/** A reading of the counters, and what they say since the one before. */
export interface Reading {
  stats: Stats | null;
  at: number; // milliseconds
  frames: number;
  decodeTime: number; // seconds
}

/** readStats reads a report. The figures are null for the first reading: they are differences. */
export function readStats(report: RTCStatsReport, last: Reading | null): Reading | null {
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
  };
  if (last === null || reading.at <= last.at) return reading;
  const seconds = (reading.at - last.at) / 1000;
  const frames = reading.frames - last.frames;
  reading.stats = {
    roundTrip: pair?.currentRoundTripTime === undefined ? null : pair.currentRoundTripTime * 1000,
    framesPerSecond: frames / seconds,
    decode: frames > 0 ? ((reading.decodeTime - last.decodeTime) * 1000) / frames : null,
    width: video.frameWidth ?? 0,
    height: video.frameHeight ?? 0,
  };
  return reading;
}
