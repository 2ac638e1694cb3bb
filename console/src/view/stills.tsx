// Pictures for the record in the drawer: what takes one, and what became of each.

import { useSignal } from "@preact/signals";
import { useConsole } from "./context";
import type { Still } from "../protocol";
import { hidden, type SessionView } from "../sessionview";
import { available } from "../consent";
import { bytesOf, has, t, timeOf } from "../text";
import { Icon } from "./icons";

/** The longest caption, in characters. */
const longest = 100;

/** StillsButton opens the drawer. */
export function StillsButton({ session }: { session: SessionView }) {
  const { desk, layout } = useConsole();
  if (!available(session, desk.welcome.value?.permissions ?? null, "stills")) return null;
  return (
    <button type="button" class="button small" data-testid="stills" aria-pressed={layout.drawer.value === "stills"} title={t("stills.heading")} onClick={() => layout.toggle("stills")}>
      <Icon name="camera" />
      <span class="tool-word">{t("stills.button")}</span>
    </button>
  );
}

export function StillsPanel({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const caption = useSignal("");
  const asking = useSignal(false);
  const stills = session.stills ?? [];
  const last = stills[stills.length - 1];
  const coming = last !== undefined && wordOf(last) === t("stills.coming");
  const able = available(session, desk.welcome.value?.permissions ?? null, "stills") && hidden(session) === null && desk.online.value && session.away_since === undefined;
  const take = async () => {
    if (asking.value || coming || !able) return;
    asking.value = true;
    if (await desk.acts.takeStill(session.id, caption.value.trim())) caption.value = "";
    asking.value = false;
  };
  return (
    <div class="stills" data-testid="stills-panel">
      <p>{t("stills.hint")}</p>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void take();
        }}
      >
        <label for="still-caption">{t("stills.caption")}</label>
        <input id="still-caption" type="text" autocomplete="off" maxLength={longest} value={caption} onInput={(e) => (caption.value = e.currentTarget.value)} />
        <button type="submit" class="button" data-testid="take-still" aria-disabled={!able || coming || asking.value}>
          <Icon name="camera" />
          {t("stills.take")}
        </button>
      </form>
      <ol class="stills-list" aria-live="polite" aria-label={t("stills.heading")}>
        {stills.length === 0 && <li class="soft">{t("stills.none")}</li>}
        {[...stills].reverse().map((s) => (
          <li key={s.n} data-still={s.n} data-state={s.sha256 !== undefined ? "sealed" : s.problem !== undefined ? "problem" : "coming"}>
            <strong>
              {timeOf(s.at, desk.clock.read())}
              {s.caption !== undefined && ` · ${s.caption}`}
            </strong>
            <span>{wordOf(s)}</span>
            {s.sha256 !== undefined && <code title="SHA-256">{s.sha256}</code>}
            {s.sha256 !== undefined && session.ticket !== undefined && <OnTicket session={session} still={s} ticket={session.ticket.ref} />}
          </li>
        ))}
      </ol>
    </div>
  );
}

/** OnTicket names a picture on the session's ticket, or says that it is there. */
function OnTicket({ session, still, ticket }: { session: SessionView; still: Still; ticket: string }) {
  const { desk } = useConsole();
  const asking = useSignal(false);
  if (still.ticket === true) return <span data-testid="on-ticket">{t("stills.on_ticket", { ref: ticket })}</span>;
  if (desk.welcome.value?.tickets !== true || !session.mine || session.state !== "Active") return null;
  const put = async () => {
    if (asking.value || !desk.online.value) return;
    asking.value = true;
    await desk.acts.stillOnTicket(session.id, still.n);
    asking.value = false;
  };
  return (
    <button type="button" class="button small" data-testid="still-to-ticket" title={t("stills.to_ticket.hint")} aria-disabled={asking.value || !desk.online.value} onClick={() => void put()}>
      {t("stills.to_ticket", { ref: ticket })}
    </button>
  );
}

/** wordOf says what became of one. */
function wordOf(s: Still): string {
  if (s.sha256 !== undefined) return t("stills.sealed", { width: s.width ?? 0, height: s.height ?? 0, size: bytesOf(s.size ?? 0) });
  if (s.problem === undefined) return t("stills.coming");
  const word = `stills.problem.${s.problem}`;
  return has(word) ? t(word) : s.problem;
}
