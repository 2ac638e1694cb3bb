// The customer's way to sharing, so that the technician can say what comes next.

import type { SessionView } from "../desk";
import { type Step, steps } from "../protocol";
import { t } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";

export function Steps({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const done = new Set<Step>(session.steps);
  // Who started the help program some other way did not fetch it from the page.
  const way = steps.filter((s) => s !== "agent_fetched" || done.has(s) || !done.has("agent_started"));
  const now = way.find((s) => !done.has(s));
  const address = desk.issued.value.get(session.id)?.address ?? `${location.origin}/`;
  const values = { address: address.replace(/^https:\/\//, "").replace(/\/$/, ""), name: session.technician.name };
  return (
    <section class="card steps-card" aria-labelledby="steps-heading">
      <h2 id="steps-heading">{t("steps.heading")}</h2>
      <ol class="steps">
        {way.map((s) => {
          const state = done.has(s) ? "done" : s === now ? "now" : "later";
          return (
            <li key={s} data-state={state} aria-current={state === "now" ? "step" : undefined}>
              <Icon name={state === "done" ? "check" : state} />
              <div>
                <p class="step-name">{t(`step.${state === "done" ? "done" : "todo"}.${s}`)}</p>
                {state === "now" && session.mine && <p class="step-say">{t(`step.say.${s}`, values)}</p>}
              </div>
            </li>
          );
        })}
      </ol>
    </section>
  );
}
