// What this browser can decode of what the broker sends (W3C WebRTC, section 5.3).

/** watchable reports whether a picture can be shown at all. */
export function watchable(): boolean {
  return typeof RTCPeerConnection === "function" && decoders().some((c) => /^video\/(av1|vp9)$/i.test(c.mimeType));
}

/** exactable reports whether one can be shown that is exact: AV1 in high profile. */
export function exactable(): boolean {
  return decoders().some((c) => /^video\/av1$/i.test(c.mimeType) && /(^|;)\s*profile=1(;|$)/.test(c.sdpFmtpLine ?? ""));
}

function decoders(): RTCRtpCodec[] {
  if (typeof RTCRtpReceiver !== "function") return [];
  return RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
}
