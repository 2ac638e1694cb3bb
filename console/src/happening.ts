// What happened in a session that its technician may be waiting for.

import { over, type SessionView } from "./sessionview";

/** Each has a sentence: happened.* in the language files. */
export type Happening = "joined" | "asked" | "allowed" | "lost" | "back" | "paused" | "resumed" | "ended";

/** happeningOf compares a session with what it was; null when nothing of the kind happened. */
export function happeningOf(before: SessionView | undefined, next: SessionView): Happening | null {
  if (!next.mine || before === undefined) return null;
  if (over(next.state)) return over(before.state) ? null : "ended";
  if (next.state !== before.state) {
    if (next.state === "Active") return "allowed";
    return next.state === "Waiting" ? "asked" : next.state === "Joined" ? "joined" : null;
  }
  if ((next.away_since === undefined) !== (before.away_since === undefined)) return next.away_since ? "lost" : "back";
  const shown = (s: SessionView) => s.sharing === undefined || s.sharing.state === "shown";
  if (shown(next) !== shown(before)) return shown(next) ? "resumed" : "paused";
  return null;
}
