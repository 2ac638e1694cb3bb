// The customer's way to sharing, so that the technician can say what comes next.

import type { SessionView } from "../sessionview";
import { type Step, steps } from "../protocol";
import { t } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";

export function Steps({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const done = new Set<Step>(session.steps);
  // Sharing from the browser stands in the place of the help program, where the customer chose it.
  const browser = done.has("browser_joined");
  const way = steps.filter((s) => {
    if (s === "browser_joined") return browser;
    // Who started the help program some other way did not fetch it from the page.
    if (s === "agent_fetched") return !browser && (done.has(s) || !done.has("agent_started"));
    return s !== "agent_started" || !browser;
  });
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
                {state === "now" && session.mine && (
                  <>
                    <p class="step-say">{t(s === "view_allowed" && browser ? "step.say.view_allowed_browser" : `step.say.${s}`, values)}</p>
                    {s === "agent_fetched" && <p class="step-say soft">{t("step.say.browser_joined")}</p>}
                  </>
                )}
              </div>
            </li>
          );
        })}
      </ol>
    </section>
  );
}
