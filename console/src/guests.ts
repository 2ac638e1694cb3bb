// Others in a session: what is said of them, and the ways in.

import type { Guest, GuestWay } from "./protocol";
import { selfIn, type SessionView } from "./sessionview";
import { isolate, t } from "./text";

/** personText says what a person is in the session. */
export function personText(g: Guest): string {
  return t(g.state === "asked" ? "guest.is_asked" : `guest.is_${g.way}`, { name: isolate(g.name), team: isolate(g.team) });
}

/** The ways that one can ask for. */
export type Door = Exclude<GuestWay, "former" | "vendor">;

/** doorsOf are the ways that are open now. An onlooker has to leave before another one. */
export function doorsOf(s: SessionView): Door[] {
  const self = selfIn(s);
  if (s.mine || s.state !== "Active" || self?.state === "asked" || self?.way === "supervise") return [];
  const offered = s.offer?.mine === true;
  return (s.may ?? []).filter((way): way is Door => way !== "former" && way !== "vendor" && (way !== "transfer" || offered));
}
