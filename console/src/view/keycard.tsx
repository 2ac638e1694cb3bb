// The session key, large, as it is read out on the phone.

import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { firstGroup, spell } from "../alphabet";
import type { SessionView } from "../sessionview";
import { duration, t } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";
import { OpenCustomer } from "./try";

export function KeyCard({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const issued = desk.issued.value.get(session.id);
  if (issued === undefined) {
    return (
      <section class="card key-card">
        <h2>{t("key.heading")}</h2>
        <p>{t("key.elsewhere")}</p>
        <Countdown until={session.key_expires} />
      </section>
    );
  }
  return (
    <section class="card key-card" aria-labelledby="key-heading">
      <h2 id="key-heading">{t("key.heading")}</h2>
      <p class="key-address">
        {t("key.address")} <strong>{readable(issued.address)}</strong>
      </p>
      {/* The text is the key and nothing else; the gap between the groups is only seen. */}
      <p class="key" data-testid="session-key">
        {[...issued.key].map((c, i) => (
          <span key={i} class={i === firstGroup ? "gap" : undefined}>
            {c}
          </span>
        ))}
      </p>
      <Countdown until={session.key_expires} />
      {session.test === true && <OpenCustomer url={issued.url} />}
      <ol class="spelling" aria-label={t("key.spelling")}>
        {spell(issued.key).map(({ character, word }, i) => (
          <li key={i}>
            <span class="letter">{character}</span> {word}
          </li>
        ))}
      </ol>
      <div class="actions">
        <Copy text={issued.url} icon="link" label={t("key.copy_link")} />
        <Copy text={issued.key} icon="copy" label={t("key.copy_key")} />
      </div>
    </section>
  );
}

/** readable leaves out of an address what nobody has to type. */
function readable(address: string): string {
  return address.replace(/^https:\/\//, "").replace(/\/$/, "");
}

function Copy({ text, icon, label }: { text: string; icon: "link" | "copy"; label: string }) {
  const { desk } = useConsole();
  const done = useSignal(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      done.value = true;
      desk.notices.say(t("key.copied"));
      setTimeout(() => (done.value = false), 2500);
    } catch {
      desk.trouble.value = t("trouble.copy", { text });
    }
  };
  return (
    <button type="button" class="button" onClick={() => void copy()}>
      <Icon name={done.value ? "check" : icon} />
      {done.value ? t("key.copied") : label}
    </button>
  );
}

/** The seconds left from which on a screen reader is told, once each. */
const toldAt = [300, 120, 60, 30];

function Countdown({ until }: { until: string }) {
  const { desk } = useConsole();
  const left = useComputed(() => Math.max(0, Date.parse(until) - desk.clock.now.value));
  const text = useComputed(() => duration(left.value));
  const ending = useComputed(() => left.value < 60_000);
  useEffect(() => {
    // A busy or hidden page does not see every second.
    let before = Math.round(left.peek() / 1000);
    return left.subscribe((ms) => {
      const seconds = Math.round(ms / 1000);
      if (toldAt.some((at) => seconds <= at && at < before)) desk.notices.say(t("key.left", { time: duration(ms) }));
      before = seconds;
    });
  }, [left]);
  return (
    <p class="countdown" data-ending={ending.value}>
      <Icon name="clock" />
      {left.value > 0 ? (
        <>
          {t("key.expires")} <span class="figures">{text}</span>
        </>
      ) : (
        t("key.expired")
      )}
    </p>
  );
}
