// What asks for a restart of the customer's computer, and says how far it is.

import { useComputed } from "@preact/signals";
import { consentTo, stepOf } from "../consent";
import type { Restarting } from "../protocol";
import type { SessionView } from "../sessionview";
import { duration, has, t } from "../text";
import { useConsole } from "./context";
import { ToolButton } from "./tool";

/** RestartButton asks for a restart, among the tools of what is seen; in the head it takes the question back, or stops the restart. */
export function RestartButton({ session, place }: { session: SessionView; place: "menu" | "head" }) {
  if (stepOf(session, "reboot").ask !== (place === "menu") || session.away_since !== undefined) return null;
  return <ToolButton session={session} tool="reboot" />;
}

/** RestartStrip stands over the picture while a restart is asked for or under way, and for its end. */
export function RestartStrip({ session }: { session: SessionView }) {
  const consent = consentTo(session, "reboot");
  if (session.state !== "Active" || consent === undefined || session.away_since !== undefined) return null; // the picture says it then
  const cause = `control.cause.${consent.cause ?? ""}`;
  const word =
    consent.state === "asked" ? t("restart.asking")
    : consent.state === "given" ? (session.restart === undefined ? t("restart.preparing") : null)
    : has(cause) ? t(cause) : t(`consent.${consent.state}`);
  return (
    <div class="control-strip" data-testid="restart-strip" data-state={consent.state} data-restart={session.restart?.state} role="group" aria-label={t("restart.label")}>
      {word === null
        ? session.restart !== undefined && <Progress restart={session.restart} />
        : <><strong>{t("permission.reboot")}</strong> <span role="status">{word}</span></>}
    </div>
  );
}

function Progress({ restart }: { restart: Restarting }) {
  const { desk } = useConsole();
  const left = useComputed(() => duration(Math.max(0, Date.parse(restart.at) - desk.clock.now.value)));
  if (restart.state === "counting") return <span role="timer" class="figures">{t("restart.counting", { time: left.value })}</span>;
  return (
    <div>
      <span role="status">{t(restart.state === "going" ? "restart.going" : "restart.by_hand")}</span> <Until restart={restart} />
    </div>
  );
}

/** Until says for how long the session is held open. */
export function Until({ restart }: { restart: Restarting }) {
  const { desk } = useConsole();
  const left = useComputed(() => duration(Math.max(0, Date.parse(restart.until) - desk.clock.now.value)));
  return <span role="timer" class="figures">{t("restart.until", { time: left.value })}</span>;
}
