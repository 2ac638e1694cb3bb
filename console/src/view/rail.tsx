// The list of sessions with the filter over it, and the way to a new one.

import { computed, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { over, type SessionView } from "../desk";
import { t, timeOf } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";
import { stateIcon } from "./state";

/** How many sessions that are over are listed. */
const pastShown = 20;

export function Rail({ onHelp }: { onHelp: () => void }) {
  const { desk } = useConsole();
  const filter = useSignal("");
  const found = useMemo(
    () => computed(() => desk.sessions.value.filter((s) => matches(s, filter.value, desk.clock.read()))),
    [],
  );
  const account = desk.welcome.value?.account;
  const mayIssue = desk.welcome.value?.can_issue === true;
  const live = found.value.filter((s) => !over(s.state));
  const past = found.value.filter((s) => over(s.state)).slice(0, pastShown);

  return (
    <nav class="rail" aria-label={t("rail.label")}>
      <header class="rail-head">
        <span class="brand">
          <img src="/assets/icon.svg" width="28" height="28" alt="" />
          Consento
        </span>
        <button type="button" class="button quiet small icon-only" aria-label={t("help.open_help")} title={`${t("help.open_help")} (?)`} onClick={onHelp}>
          <Icon name="help" />
        </button>
      </header>

      <button
        type="button"
        class="button primary new-session"
        aria-keyshortcuts="N"
        aria-disabled={!mayIssue || !desk.online.value || desk.asking.value}
        onClick={() => mayIssue && desk.online.value && void desk.newSession()}
      >
        <Icon name="plus" />
        {t("new_session")} <kbd aria-hidden="true">N</kbd>
      </button>
      {desk.welcome.value !== null && !mayIssue && <p class="small-text soft">{t("rail.may_not_issue")}</p>}

      <div class="filter">
        <label class="small-text" for="filter">
          {t("rail.filter")}
        </label>
        <input
          id="filter"
          type="search"
          autocomplete="off"
          value={filter}
          aria-keyshortcuts="/"
          onInput={(e) => (filter.value = e.currentTarget.value)}
          onKeyDown={(e) => e.key === "Escape" && (filter.value = "")}
        />
      </div>

      <div class="session-list">
        {found.value.length === 0 && desk.welcome.value !== null && (
          <p class="soft">{filter.value === "" ? t("rail.empty") : t("rail.no_match", { filter: filter.value })}</p>
        )}
        <Group heading={t("rail.now")} sessions={live} />
        <Group heading={t("rail.past")} sessions={past} />
      </div>

      {account && (
        <form class="account" method="post" action="/signout">
          <p>
            <strong>{account.name}</strong>
            <span class="soft">{[account.team, account.office].filter(Boolean).join(" · ")}</span>
          </p>
          <button type="submit" class="button quiet small">
            {t("rail.sign_out")}
          </button>
        </form>
      )}
    </nav>
  );
}

function Group({ heading, sessions }: { heading: string; sessions: readonly SessionView[] }) {
  if (sessions.length === 0) return null;
  return (
    <section>
      <h2 class="group">
        {heading} <span class="soft">{sessions.length}</span>
      </h2>
      <ul>
        {sessions.map((s) => (
          <Row key={s.id} session={s} />
        ))}
      </ul>
    </section>
  );
}

function Row({ session: s }: { session: SessionView }) {
  const { desk } = useConsole();
  return (
    <li>
      <button type="button" class="row" data-state={s.state} aria-current={desk.selected.value === s.id} onClick={() => desk.open(s.id)}>
        <span class="row-icon">
          <Icon name={stateIcon(s.state)} />
        </span>
        <span class="row-main">
          <span class="row-state">{t(`state.${s.state}`)}</span>
          <span class="row-who soft">
            {[timeOf(s.issued_at, desk.clock.read()), s.mine ? t("rail.mine") : s.technician.name, s.system].filter(Boolean).join(" · ")}
          </span>
        </span>
      </button>
    </li>
  );
}

function matches(s: SessionView, filter: string, now: number): boolean {
  const text = [s.technician.name, s.technician.team, s.system, t(`state.${s.state}`), timeOf(s.issued_at, now)].join(" ").toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
