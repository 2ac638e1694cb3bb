// Why a session ended, what became of the help program, and what to do next.

import { useEffect, useRef } from "preact/hooks";
import { reasonText, type SessionView } from "../sessionview";
import { maxStars } from "../protocol";
import { duration, has, isolate, t, timeOf } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";
import { OfSession } from "./ofsession";

export function Ended({ session }: { session: SessionView }) {
  const { desk, layout } = useConsole();
  const next = `next.${session.end_reason ?? ""}`;
  const mayIssue = desk.welcome.value?.can_issue === true;
  const now = desk.clock.read();
  const heading = useRef<HTMLHeadingElement>(null);
  // Whoever pressed the red X stood on a button that is gone.
  useEffect(() => {
    if (document.activeElement === document.body) heading.current?.focus();
  }, []);
  return (
    <div class="session-body centre">
      <div class="stack">
        <section class="card ended" aria-labelledby="ended-heading">
          <h2 id="ended-heading" ref={heading} tabIndex={-1}>{t("ended.heading")}</h2>
          <p class="lead">{reasonText(session)}</p>
          {session.mine && has(next) && <p>{t(next, { name: session.technician.name })}</p>}
          <dl class="facts">
            {session.reason && (
              <>
                <dt>{t("why.label")}</dt>
                <dd>{isolate(session.reason)}</dd>
              </>
            )}
            <dt>{t("ended.started")}</dt>
            <dd>{timeOf(session.issued_at, now)}</dd>
            {session.active_at && session.ended_at && (
              <>
                <dt>{t("ended.shared")}</dt>
                <dd class="figures">{duration(Date.parse(session.ended_at) - Date.parse(session.active_at))}</dd>
              </>
            )}
            {session.steps.includes("browser_joined") && (
              <>
                <dt>{t("ended.program")}</dt>
                <dd>
                  <Icon name="check" />
                  {t("ended.browser")}
                </dd>
              </>
            )}
            {session.steps.includes("agent_started") && (
              <>
                <dt>{t("ended.program")}</dt>
                <dd>
                  <Icon name={session.removed === true ? "check" : session.removed === false ? "warn" : "wait"} />
                  {removal(session)}
                </dd>
              </>
            )}
            {session.stars !== undefined && session.stars > 0 && (
              <>
                <dt>{t("ended.rating")}</dt>
                <dd>
                  <span class="stars" aria-hidden="true">
                    {"★".repeat(session.stars)}
                    {"☆".repeat(Math.max(0, maxStars - session.stars))}
                  </span>{" "}
                  {t("ended.stars", { stars: session.stars })}
                </dd>
              </>
            )}
          </dl>
          {session.mine && session.summary === "missing" && (
            <div class="notice warn">
              <p>{t("notes.missing")}</p>
            </div>
          )}
          <div class="actions">
            {session.mine && session.summary === "missing" && (
              <button type="button" class="button primary" onClick={() => (layout.drawer.value = "notes")}>
                <Icon name="note" />
                {t("act.notes")}
              </button>
            )}
            {session.mine && session.active_at && session.ended_at && session.test !== true && (
              <a class="button" href={`/survey/${encodeURIComponent(session.id)}`} target="_blank" rel="noopener">
                {t("ended.survey")}
              </a>
            )}
            {mayIssue && session.mine && (
              <button type="button" class="button" onClick={() => void desk.newSession()}>
                <Icon name="plus" />
                {t("new_session")}
              </button>
            )}
            <button type="button" class="button quiet" onClick={() => desk.tabs.close(session.id)}>
              {t("close")}
            </button>
          </div>
        </section>
        <OfSession session={session} />
      </div>
    </div>
  );
}

function removal(s: SessionView): string {
  if (s.removed === true) return t("ended.removed");
  if (s.removed === false) return t("ended.left");
  return t(s.state === "Ending" ? "ended.removing" : "ended.unknown");
}
