// What the figures of a picture mean, so that the technician need not know.

import type { Network } from "./protocol";
import type { Stats } from "./stats";

/** A sentence of the language files under health.*, and how bad it is. */
export interface Verdict {
  level: "good" | "fair" | "poor" | "none";
  text: "network.good" | "network.slow" | "network.late" | "network.loss" | "network.loss_high" | "network.gone" | "network.none"
    | "customer.none" | "customer.good" | "customer.slow" | "customer.parts" | "customer.narrow" | "customer.late" | "customer.loss" | "customer.viewers" | "customer.unsaid"
    | "encoder.good" | "encoder.rest" | "encoder.decode" | "encoder.keys" | "encoder.none" | "encoder.slow"
    | "screen.now" | "screen.still" | "screen.old" | "screen.none";
}

/** From here on people notice; from there on it is hard to work. Milliseconds, and shares of 1. */
const slow = 150;
const late = 400;
const someLoss = 0.02;
const muchLoss = 0.08;

/** A link of less, in kbit/s, is very slow: a page of text takes seconds. */
const verySlow = 1_500;

/** The same where the picture does not come in parts, from a browser. */
const verySlowWhole = 500;

/** A frame that takes longer to decode is not shown in time, in ms. */
const slowDecode = 30;

/** A picture that takes longer to make on the customer's computer is late, in ms; and
 *  from this share of a core on, in per cent, fewer are made than the screen changes. */
const slowEncode = 80;
const muchCPU = 70;

/** More whole pictures a minute than these come from loss, not from a new page. */
const manyKeyFrames = 12;

/** For how long a still screen is nothing to speak of, in ms. */
const still = 3_000;

/** network judges the way between the broker and this browser. */
export function network(stats: Stats | null, lost: boolean): Verdict {
  if (lost) return { level: "poor", text: "network.gone" };
  if (stats === null) return { level: "none", text: "network.none" };
  const loss = stats.loss ?? 0;
  const trip = stats.roundTrip ?? 0;
  if (loss > muchLoss) return { level: "poor", text: "network.loss_high" };
  if (trip > late) return { level: "poor", text: "network.late" };
  if (loss > someLoss) return { level: "fair", text: "network.loss" };
  if (trip > slow) return { level: "fair", text: "network.slow" };
  return { level: "good", text: "network.good" };
}

/** customer judges the way between the customer and the broker, by what the agent says of it. */
export function customer(said: Network | undefined): Verdict {
  if (said === undefined) return { level: "none", text: "customer.none" };
  if (said.loss / 100 > muchLoss) return { level: "poor", text: "customer.loss" };
  const narrow = said.limit === "customer";
  if (narrow && said.parts && said.rate < verySlow) return { level: "poor", text: "customer.parts" };
  if (narrow && said.rate > 0 && said.rate < verySlowWhole) return { level: "poor", text: "customer.narrow" };
  if (said.round_trip > late) return { level: "poor", text: "customer.late" };
  if (said.limit === "viewers") return { level: "fair", text: "customer.viewers" };
  if (narrow) return { level: "fair", text: "customer.slow" };
  if (said.limit === "unknown") return { level: "good", text: "customer.unsaid" };
  return { level: "good", text: "customer.good" };
}

/** encoder judges how the picture is made, by what the agent says of it, and shown here. */
export function encoder(stats: Stats | null, said?: Network): Verdict {
  if (stats === null || stats.codec === "") return { level: "none", text: "encoder.none" };
  if (stats.decode !== null && stats.decode > slowDecode) return { level: "fair", text: "encoder.decode" };
  if (said !== undefined && (said.limit === "computer" || said.encode > slowEncode || said.cpu > muchCPU)) return { level: "fair", text: "encoder.slow" };
  if (stats.keyFrames > manyKeyFrames) return { level: "fair", text: "encoder.keys" };
  return { level: "good", text: stats.framesPerSecond < 1 ? "encoder.rest" : "encoder.good" };
}

/** screen judges how old the picture is: age in ms since its last change, null before the first. */
export function screen(age: number | null, live: boolean): Verdict {
  if (age === null) return { level: "none", text: "screen.none" };
  if (!live) return { level: "poor", text: "screen.old" };
  return { level: "good", text: age > still ? "screen.still" : "screen.now" };
}

const ranks = { none: 0, good: 1, fair: 2, poor: 3 } as const;

/** worst is the verdict that matters most. */
export function worst(verdicts: readonly Verdict[]): Verdict | undefined {
  return verdicts.reduce<Verdict | undefined>((w, v) => (w === undefined || ranks[v.level] > ranks[w.level] ? v : w), undefined);
}
