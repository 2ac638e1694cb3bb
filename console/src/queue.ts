// The order of the list: what needs the technician first, and there who has
// waited longest.

import type { SessionView } from "./sessionview";

/** The groups of the list, in their order. */
export const groups = ["offered", "lost", "decides", "waiting", "sharing", "team", "summary", "over"] as const;
export type Group = (typeof groups)[number];

export function groupOf(s: SessionView): Group {
  if (s.state === "Ending" || s.state === "Closed") return s.mine && s.summary === "missing" ? "summary" : "over";
  if (s.offer?.mine === true) return "offered";
  if (!s.mine && s.self === undefined) return "team";
  if (s.away_since) return "lost";
  if (s.state === "Active") return "sharing";
  return s.state === "Waiting" ? "decides" : "waiting";
}

/** sinceOf is when what the group says began, as RFC 3339. */
export function sinceOf(s: SessionView): string {
  const group = groupOf(s);
  if (group === "over" || group === "summary") return s.ended_at ?? s.issued_at;
  if (group === "lost" && s.away_since) return s.away_since;
  return s.since ?? s.active_at ?? s.issued_at;
}

/** queue sorts sessions into their groups; empty ones are left out. */
export function queue(sessions: readonly SessionView[]): { group: Group; sessions: SessionView[] }[] {
  return groups
    .map((group) => {
      const own = sessions.filter((s) => groupOf(s) === group);
      const oldest = (a: SessionView, b: SessionView) => Date.parse(sinceOf(a)) - Date.parse(sinceOf(b));
      return { group, sessions: own.sort(group === "over" ? (a, b) => oldest(b, a) : oldest) };
    })
    .filter((g) => g.sessions.length > 0);
}
