// Tickets in words: those that the broker's pages use as well.

import type { DeskTicket, TicketEntry, TicketSession } from "../protocol";
import { count, d, endOf, hasDesk, isolate, span, t, timeOf } from "../text";
import type { Problem } from "./opened";

/** How the clock of a ticket stands. */
export type Standing = "none" | "paused" | "on_time" | "warned" | "breached" | "done";

export function standing(x: DeskTicket, now: number): Standing {
  if (x.resolved !== undefined) return "done";
  if (x.waiting !== undefined) return "paused";
  if (x.due === undefined) return "none";
  if (now > Date.parse(x.due)) return "breached";
  return x.warn !== undefined && now >= Date.parse(x.warn) ? "warned" : "on_time";
}

/** Up to when the time that is left is counted down; what is further away has a day. */
const near = 24 * 3_600_000;

/** left says how much time is left, or why no clock runs. */
export function left(x: DeskTicket, now: number): string {
  switch (standing(x, now)) {
    case "done":
      return d(`state.${x.state}`);
    case "paused":
      return d(`waiting.${x.waiting ?? ""}`);
    case "none":
      return "";
    case "breached":
      return t("ticket.overdue", { time: span(now - Date.parse(x.due ?? "")) });
    default: {
      const ms = Date.parse(x.due ?? "") - now;
      return ms < near ? t("ticket.left", { time: span(ms) }) : d("due", { when: timeOf(x.due ?? "", now) });
    }
  }
}

/** did says what was done, without the text that belongs to it. */
export function did(e: TicketEntry): string {
  const detail = {
    categorise: e.category,
    prioritise: e.priority === undefined ? undefined : d(`priority.${e.priority}`),
    escalate: e.team,
    assign: e.assignee ?? t("ticket.nobody"),
    wait: e.waiting === undefined ? undefined : d(`waiting.${e.waiting}`),
    resolve: e.resolution === undefined ? undefined : d(`resolution.${e.resolution}`),
  }[e.kind];
  return detail === undefined || detail === "" ? d(`did.${e.kind}`) : `${d(`did.${e.kind}`)}: ${isolate(detail)}`;
}

/** problemText is the sentence for why something was not done. */
export function problemText(p: Problem): string {
  if (p.key.startsWith("wire.")) return t(p.key === "wire.offline" ? "ticket.offline" : "error.unavailable");
  for (const key of [`error.${p.key}`, `error.${p.field}`]) if (hasDesk(key)) return d(key);
  return d("error.step");
}

/** sessionText says of a session that it was, for how long, and how it ended. */
export function sessionText(s: TicketSession): string {
  if (s.ended === undefined) return d("session.goes_on");
  if (s.shared === undefined) return `${d("session.not_shared")} · ${endOf(s.reason ?? "")}`;
  const minutes = Math.max(1, Math.round((Date.parse(s.ended) - Date.parse(s.shared)) / 60_000));
  return `${d("session.shared", { minutes: count("minutes", minutes) })} · ${endOf(s.reason ?? "")}`;
}
