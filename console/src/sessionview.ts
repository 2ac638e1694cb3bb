// A session as the console looks at it.

import type { Guest, Session, State } from "./protocol";
import { has, t } from "./text";

/** A session without the nulls that Go writes for empty lists. */
export type SessionView = { [K in keyof Session]: NonNullable<Session[K]> };

export function viewOf(s: Session): SessionView {
  return { ...s, consents: s.consents ?? [], steps: s.steps ?? [], viewers: s.viewers ?? [], ...(s.guests === undefined ? {} : { guests: s.guests ?? [] }), ...(s.may === undefined ? {} : { may: s.may ?? [] }), ...(s.tools === undefined ? {} : { tools: s.tools ?? [] }) };
}

/** selfIn is who reads this, as a guest of the session; undefined if they are none. */
export const selfIn = (s: SessionView): Guest | undefined => (s.self === undefined ? undefined : s.guests?.find((g) => g.epoch === s.self));

/** looksOn: a guest whom the customer has let in. */
export const looksOn = (s: SessionView) => selfIn(s)?.state === "given";

/** talksIn: the technician, or a guest who reads and writes the chat. */
export const talksIn = (s: SessionView) => s.mine || (looksOn(s) && selfIn(s)?.way !== "supervise");

export const over = (s: State) => s === "Ending" || s === "Closed";

/** Why nothing is to be seen. */
export type Hidden = "paused" | "muted" | "stopped" | "denied" | "locked";

/** hidden says why the picture is not to be seen, though the view is allowed; null when it is. */
export function hidden(s: SessionView): Hidden | null {
  const state = s.sharing?.state ?? "shown";
  if (s.state !== "Active" || state === "shown") return null;
  return state;
}

/** picturable: the picture of a session in this state can be asked for. */
export const picturable = (s: State) => s === "Waiting" || s === "Active";

/** crispable: the help program can make the picture exact; a browser that shares cannot. */
export const crispable = (s: SessionView) => s.mine && s.state === "Active" && !s.steps.includes("browser_joined");

/** crispWaits: a picture that is wished exact goes in parts instead, for a narrow network. */
export const crispWaits = (s: SessionView) => s.state === "Active" && s.crisp === true && s.network?.parts === true;

export function reasonText(s: SessionView): string {
  if (s.end_reason === "technician" && !s.mine) return t("reason.technician_other", { name: s.technician.name });
  const key = `reason.${s.end_reason ?? ""}`;
  return has(key) ? t(key) : t("reason.unknown");
}
