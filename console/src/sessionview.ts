// A session as the console looks at it.

import type { Session, State } from "./protocol";
import { has, t } from "./text";

/** A session without the nulls that Go writes for empty lists. */
export type SessionView = { [K in keyof Session]: NonNullable<Session[K]> };

export function viewOf(s: Session): SessionView {
  return { ...s, consents: s.consents ?? [], steps: s.steps ?? [], viewers: s.viewers ?? [], ...(s.tools === undefined ? {} : { tools: s.tools ?? [] }) };
}

export const over = (s: State) => s === "Ending" || s === "Closed";

/** crispable: the help program can make the picture exact; a browser that shares cannot. */
export const crispable = (s: SessionView) => s.mine && s.state === "Active" && !s.steps.includes("browser_joined");

/** crispWaits: a picture that is wished exact goes in parts instead, for a narrow network. */
export const crispWaits = (s: SessionView) => s.state === "Active" && s.crisp === true && s.network?.parts === true;

export function reasonText(s: SessionView): string {
  if (s.end_reason === "technician" && !s.mine) return t("reason.technician_other", { name: s.technician.name });
  const key = `reason.${s.end_reason ?? ""}`;
  return has(key) ? t(key) : t("reason.unknown");
}
