// A session's state, consents and recording, each as a word with a drawing.

import type { SessionView } from "../sessionview";
import { type Consent, type Permission, permissions, type PermissionSet, type State } from "../protocol";
import { number, t } from "../text";
import { Icon, type IconName } from "./icons";
import { Menu } from "./menu";

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
 * Consents is a badge that says what the customer allows at present, and opens the list of all that the technician's
 * profile holds with the answer to each; what was not asked for yet comes last.
 */
export function Consents({ session, allowed }: { session: SessionView; allowed: PermissionSet }) {
  const answers = permissions
    .filter((p) => p !== "chat" && p !== "stills" && allowed?.[p] === true) // which nobody is asked for
    .map((p) => ({ p, answer: answerOf(session, p) }));
  const given = answers.filter((a) => a.answer === "given").map(({ p }) => t(`permission.${p}`));
  const asked = answers.some((a) => a.answer === "asked");
  const badge = (
    <>
      <Icon name={consentIcons[asked ? "asked" : given.length > 0 ? "given" : "none"]} />
      <span>{t("consents.allowed", { n: number(given.length) })}</span>
      {given.length > 0 && <span class="rights-names">{given.join(", ")}</span>}
    </>
  );
  return (
    <Menu id="rights" class="rights" label={t("consents.label")} button={badge}>
      <ul class="consents" data-testid="consents" aria-label={t("consents.label")} tabIndex={0}>
        {[...answers.filter((a) => a.answer !== "none"), ...answers.filter((a) => a.answer === "none")].map(({ p, answer }) => (
          <li key={p} class="consent" data-permission={p} data-state={answer}>
            <Icon name={consentIcons[answer]} />
            <span>
              {t(`permission.${p}`)}: <strong>{t(`consent.${answer}`)}</strong>
            </span>
          </li>
        ))}
      </ul>
    </Menu>
  );
}

/** answerOf is the newest answer to a permission: the one of the highest epoch. */
function answerOf(s: SessionView, p: Permission): Answer {
  let newest: Consent | undefined;
  for (const c of s.consents) {
    if (c.permission === p && (newest === undefined || c.epoch >= newest.epoch)) newest = c;
  }
  if (newest?.cause === "reboot") return "none"; // nobody took it back: it has to be asked for anew
  return newest?.state ?? "none";
}
