// The queue with the filter over it, and the way to a new session.

import { computed, useComputed, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { over, type SessionView } from "../sessionview";
import { type Group as GroupName, queue, sinceOf } from "../queue";
import { d, duration, isolate, t, timeOf } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";
import { Queue, RailSwitch } from "./queue";
import { stateIcon } from "./state";
import { Mark } from "./tabs";

/** How many sessions that are over are listed. */
const pastShown = 20;

export function Rail() {
  const { desk, layout } = useConsole();
  const filter = useSignal("");
  const found = useMemo(
    () => computed(() => desk.sessions.list.value.filter((s) => matches(s, filter.value, desk.clock.read()))),
    [],
  );
  const account = desk.welcome.value?.account;
  const mayIssue = desk.welcome.value?.can_issue === true;
  const order = queue(found.value);
  const live = order.some((g) => !["over", "summary", "team"].includes(g.group));

  return (
    <nav id="rail" class="rail" aria-label={t("rail.label")}>
      <header class="rail-head">
        <span class="brand">
          <img src="/assets/icon.svg" width="28" height="28" alt="" />
          Consento
        </span>
        <button type="button" class="button quiet small icon-only" aria-label={t("help.open_help")} title={`${t("help.open_help")} (?)`} onClick={() => (layout.help.value = true)}>
          <Icon name="help" />
        </button>
      </header>

      <button
        type="button"
        class="button primary new-session"
        aria-keyshortcuts="N"
        aria-disabled={!mayIssue || !desk.online.value || desk.asking.value}
        onClick={() => mayIssue && desk.online.value && void desk.sessionFor()}
      >
        <Icon name="plus" />
        {desk.ticketAtHand.value === undefined ? t("new_session") : t("ticket.start_for", { ref: desk.ticketAtHand.value.ref })} <kbd aria-hidden="true">N</kbd>
      </button>
      {desk.welcome.value !== null && !mayIssue && <p class="small-text soft">{t("rail.may_not_issue")}</p>}

      {desk.welcome.value?.tickets === true && (
        <>
          {desk.tickets.works.value && (
            <button type="button" class="button new-ticket-button" aria-keyshortcuts="A" aria-disabled={!desk.online.value} onClick={() => desk.newTicket()}>
              <Icon name="note" />
              {d("new")} <kbd aria-hidden="true">A</kbd>
            </button>
          )}
          <RailSwitch />
        </>
      )}
      {desk.welcome.value?.tickets === true && layout.rail.value === "tickets" ? (
        <Queue />
      ) : (
        <>
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
              onKeyDown={(e) => {
                if (e.key === "Escape") filter.value = "";
                const first = order[0]?.sessions[0];
                if (e.key === "Enter" && filter.value !== "" && first) desk.tabs.open(first.id);
                if (e.key === "ArrowDown") document.querySelector<HTMLElement>(".session-list .row")?.focus();
              }}
            />
          </div>

          <div class="session-list">
            {desk.welcome.value !== null && !live && filter.value === "" && (
              <p class="soft empty">{t(mayIssue ? "rail.empty" : "rail.empty_watch")}</p>
            )}
            {desk.welcome.value !== null && found.value.length === 0 && filter.value !== "" && (
              <div class="empty">
                <p class="soft">{t("rail.no_match", { filter: filter.value })}</p>
                <button type="button" class="button small" onClick={() => (filter.value = "")}>
                  {t("rail.clear")}
                </button>
              </div>
            )}
            {order.map((g) => (
              <Group key={g.group} group={g.group} sessions={g.group === "over" ? g.sessions.slice(0, pastShown) : g.sessions} />
            ))}
          </div>

        </>
      )}

      {account && (
        <form class="account" method="post" action="/signout">
          <p>
            <strong>{isolate(account.name)}</strong>
            <span class="soft">{[account.team, account.office].filter(Boolean).map(isolate).join(" · ")}</span>
          </p>
          <div class="account-acts">
            <a class="small-text" href="/summaries" target="_blank" rel="noopener">
              {t("rail.summaries")} <span class="visually-hidden">{t("rail.new_tab")}</span>
            </a>
            <a class="small-text" href="/shared" target="_blank" rel="noopener">
              {t("rail.shared")} <span class="visually-hidden">{t("rail.new_tab")}</span>
            </a>
            <a class="small-text" href="/account" target="_blank" rel="noopener">
              {t("rail.account")} <span class="visually-hidden">{t("rail.new_tab")}</span>
            </a>
            <button type="submit" class="button quiet small">
              {t("rail.sign_out")}
            </button>
          </div>
        </form>
      )}
    </nav>
  );
}

function Group({ group, sessions }: { group: GroupName; sessions: readonly SessionView[] }) {
  return (
    <section data-group={group}>
      <h2 class="group">
        {t(`rail.group.${group}`)} <span class="soft">{sessions.length}</span>
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
  const away = s.away_since !== undefined && !over(s.state);
  return (
    <li>
      <button
        type="button"
        class="row"
        data-state={s.state}
        data-away={away}
        aria-current={desk.tabs.selected.value === s.id}
        onClick={() => desk.tabs.open(s.id)}
      >
        <span class="row-icon">
          <Icon name={away ? "lost" : stateIcon(s.state)} />
        </span>
        <span class="row-main">
          <span class="row-state">
            <span class="row-word">{away ? t("rail.away") : s.mine && s.summary === "missing" ? t("rail.group.summary") : t(`state.${s.state}`)}</span>
            {desk.notices.unread.value.has(s.id) && <Mark />}
          </span>
          <span class="row-who soft">
            {[s.test === true ? t("try.mark") : "", timeOf(s.issued_at, desk.clock.read()), s.mine ? t("rail.mine") : s.technician.name, s.system].filter(Boolean).map(isolate).join(" · ")}
          </span>
        </span>
        {!over(s.state) && <Waited since={sinceOf(s)} />}
      </button>
    </li>
  );
}

/** Waited is for how long it has been so. */
function Waited({ since }: { since: string }) {
  const { desk } = useConsole();
  const text = useComputed(() => duration(desk.clock.now.value - Date.parse(since)));
  return (
    <span class="row-waited figures" title={t("rail.waited")}>
      <span class="visually-hidden">{t("rail.waited")} </span>
      {text}
    </span>
  );
}

function matches(s: SessionView, filter: string, now: number): boolean {
  const text = [s.note ?? "", s.technician.name, s.technician.team, s.system, t(`state.${s.state}`), timeOf(s.issued_at, now)].join(" ").toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
