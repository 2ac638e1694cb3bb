// Into which lane of the time line something belongs, and when nothing was shown.

import { Track } from "./record";
import type { Happening } from "./happening";
import type { Recording } from "./recording";
import { say, tell } from "./words";

export const lanes = ["consent", "control", "shell", "files", "clipboard", "chat", "stills", "people", "gaps"] as const;
export type Lane = (typeof lanes)[number] | "other";

const people = /^(viewer\.|guest\.|session\.(offer|handed)|agent\.(joined|fetched|returned)|session\.issued|key\.redeemed|ticket\.refused)/;

/** laneOf sorts a happening. */
export function laneOf(h: Happening): Lane {
  if (h.track === Track.chat) return "chat";
  if (h.track === Track.shell || h.code.startsWith("shell.") || h.code.startsWith("ssh.")) return "shell";
  if (h.track === Track.files || h.code.startsWith("file.")) return "files";
  if (h.code.startsWith("clipboard.")) return "clipboard";
  if (h.code.startsWith("still.")) return "stills";
  if (h.track === Track.control || /^(control|annotate)\./.test(h.code)) return "control";
  if (/^(consent\.|terms\.|name\.|screen\.covered$)/.test(h.code)) return "consent";
  if (hides(h) || h.code === "screen.gap" || h.code === "screen.denied" || h.code.startsWith("restart.") || h.code === "session.suspended" || h.code === "session.resumed") return "gaps";
  return people.test(h.code) ? "people" : "other";
}

/** hides tells what takes the picture away from the technician. */
const hides = (h: Happening) => /^(screen\.(paused|muted|stopped|locked)|agent\.away|session\.ended)$/.test(h.code);
const shows = (h: Happening) => /^(screen\.shown|agent\.returned)$/.test(h.code);

/** A Span is a time without a picture, and why. */
export interface Span {
  from: number;
  to: number;
  why: string;
}

/** spansOf are the times at which nothing was shown, or nothing is known. */
export function spansOf(r: Recording): Span[] {
  const spans: Span[] = r.holes.map((h) => ({ ...h, why: say("audit.js.unknown_time") }));
  let hidden: Happening | null = null;
  for (const h of r.happenings) {
    if (hides(h)) hidden ??= h;
    else if (shows(h) && hidden !== null) {
      spans.push({ from: hidden.at, to: h.at, why: `${say("audit.js.hidden")}. ${tell(hidden)}` });
      hidden = null;
    }
  }
  if (hidden !== null) spans.push({ from: hidden.at, to: r.length, why: `${say("audit.js.hidden")}. ${tell(hidden)}` });
  return spans.sort((a, b) => a.from - b.from);
}
