// A session's state, consents and recording, each as a word with a drawing.

import type { SessionView } from "../sessionview";
import { type Consent, type Permission, permissions, type PermissionSet, type State } from "../protocol";
import { t } from "../text";
import { Icon, type IconName } from "./icons";

const stateIcons: Record<State, IconName> = {
  Issued: "key",
  Joined: "page",
  Waiting: "wait",
  Active: "screen",
  Ending: "leaving",
  Closed: "done",
};

export function stateIcon(s: State): IconName {
  return stateIcons[s] ?? "ask"; // a newer broker may know more states
}

export function StateMark({ state }: { state: State }) {
  return (
    <span class="state" data-testid="session-state" data-state={state}>
      <Icon name={stateIcon(state)} />
      {t(`state.${state}`)}
    </span>
  );
}

type Answer = Consent["state"] | "none";

const consentIcons: Record<Answer, IconName> = { none: "later", asked: "ask", given: "check", refused: "no", withdrawn: "no" };

/**
 * Consents lists what the technician's profile allows, and what the customer said to
 * each. What was not asked for yet comes last, named together.
 */
export function Consents({ session, allowed }: { session: SessionView; allowed: PermissionSet }) {
  const answers = permissions
    .filter((p) => p !== "chat" && allowed?.[p] === true) // which nobody is asked for
    .map((p) => ({ p, answer: answerOf(session, p) }));
  const none = answers.filter((a) => a.answer === "none");
  return (
    <ul class="consents" data-testid="consents" aria-label={t("consents.label")}>
      {[...answers.filter((a) => a.answer !== "none"), ...none].map(({ p, answer }) => (
        <li key={p} class="consent" data-permission={p} data-state={answer}>
          {(answer !== "none" || p === none[0]?.p) && <Icon name={consentIcons[answer]} />}
          <span>
            {answer === "none" && p === none[0]?.p && <span aria-hidden="true">{t("consents.none")} </span>}
            {t(`permission.${p}`)}
            <span class={answer === "none" ? "visually-hidden" : undefined}>
              : <strong>{t(`consent.${answer}`)}</strong>
            </span>
          </span>
        </li>
      ))}
    </ul>
  );
}

/** answerOf is the newest answer to a permission: the one of the highest epoch. */
function answerOf(s: SessionView, p: Permission): Answer {
  let newest: Consent | undefined;
  for (const c of s.consents) {
    if (c.permission === p && (newest === undefined || c.epoch >= newest.epoch)) newest = c;
  }
  return newest?.state ?? "none";
}
