// What has to be done with a ticket before something else can be: the acts on the way.

import type { TicketAct, TicketShown } from "../protocol";

/** Impact and urgency, where they are not known yet. */
export interface Grade {
  impact: number;
  urgency: number;
}

/** categorise sets the category; one that nobody has in hand is taken first. */
export function categorise(s: TicketShown, category: string): TicketAct[] {
  return [...taken(s), { kind: "categorise", category }];
}

/** escalate hands a ticket with a category on to a team, in one go. */
export function escalate(s: TicketShown, team: string, text: string, grade: Grade): TicketAct[] {
  const { state, priority } = s.ticket;
  return [
    ...taken(s),
    ...(priority === undefined ? [{ kind: "prioritise", ...grade }] : []),
    ...(["diagnosis", "escalated", "investigation"].includes(state) ? [] : [{ kind: "diagnose" }]),
    { kind: "escalate", team, text },
  ];
}

const taken = (s: TicketShown): TicketAct[] => (s.ticket.state === "identified" ? [{ kind: "take" }] : []);

const order = ["L1", "L2", "L3", "LX"];

/** nextTeam is whom the matrix names for the category and level, or else the first team of the next level there is. */
export function nextTeam(s: TicketShown): string {
  const teams = s.choices.teams ?? [];
  if (s.choices.team !== undefined && teams.some((x) => x.id === s.choices.team)) return s.choices.team;
  const above = teams.filter((x) => order.indexOf(x.detail ?? "") > order.indexOf(s.ticket.level));
  above.sort((a, b) => order.indexOf(a.detail ?? "") - order.indexOf(b.detail ?? ""));
  return (above[0] ?? teams[0])?.id ?? "";
}
