// The queue of tickets in the rail: whose turn it is, by the time that is left.

import { useSignalEffect } from "@preact/signals";
import { ticketViews, type DeskTicket } from "../protocol";
import { tabOf } from "../tickets/tab";
import { left, standing, type Standing } from "../tickets/words";
import { d, isolate, number, t } from "../text";
import { useConsole } from "./context";
import { Icon, type IconName } from "./icons";
import { Mark } from "./tabs";

/** RailSwitch chooses between the sessions and the tickets. */
export function RailSwitch() {
  const { desk, layout } = useConsole();
  const fresh = desk.tickets.fresh.value.size;
  const live = desk.sessions.list.value.filter((s) => s.state !== "Closed" && s.state !== "Ending").length;
  return (
    <div class="rail-lists" role="group" aria-label={t("queue.which")}>
      <button type="button" class="button small" aria-pressed={layout.rail.value === "sessions"} onClick={() => (layout.rail.value = "sessions")}>
        {t("queue.sessions")} {live > 0 && <span class="soft figures">{number(live)}</span>}
      </button>
      <button type="button" class="button small" aria-pressed={layout.rail.value === "tickets"} aria-keyshortcuts="U" data-testid="queue" onClick={() => (layout.rail.value = "tickets")}>
        {t("queue.tickets")} {desk.tickets.untaken.value > 0 && fresh === 0 && <span class="soft figures">{number(desk.tickets.untaken.value)}</span>}
        {fresh > 0 && (
          <span class="count" data-testid="fresh">
            {number(fresh)}
            <span class="visually-hidden"> {t("queue.fresh")}</span>
          </span>
        )}
      </button>
    </div>
  );
}

export function Queue() {
  const { desk } = useConsole();
  const { tickets } = desk;
  useSignalEffect(() => {
    if (tickets.fresh.value.size > 0 && document.visibilityState === "visible" && document.hasFocus()) requestAnimationFrame(() => tickets.look());
  });
  const list = tickets.list.value;
  return (
    <>
      <div class="filter queue-filter">
        <label class="small-text" for="queue-view">
          {t("queue.which")}
        </label>
        <select id="queue-view" value={tickets.view.value} onChange={(e) => tickets.narrow({ view: ticketViews.find((v) => v === e.currentTarget.value) ?? "team" })}>
          {ticketViews.map((v) => (
            <option key={v} value={v}>
              {t(`queue.view.${v}`)}
            </option>
          ))}
        </select>
        <label class="small-text" for="filter">
          {t("queue.find")}
        </label>
        <input
          id="filter"
          type="search"
          autocomplete="off"
          maxLength={200}
          value={tickets.text.value}
          aria-keyshortcuts="/"
          onInput={(e) => tickets.narrow({ text: e.currentTarget.value.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, " ") })}
          onKeyDown={(e) => {
            if (e.key === "Escape") tickets.narrow({ text: "" });
            const first = tickets.list.value[0];
            if (e.key === "Enter" && tickets.text.value !== "" && first) desk.openTicket(first.id);
            if (e.key === "ArrowDown") document.querySelector<HTMLElement>(".session-list .row")?.focus();
          }}
        />
        <label class="small-text">
          <input type="checkbox" checked={tickets.ended.value} onChange={(e) => tickets.narrow({ ended: e.currentTarget.checked })} /> {t("queue.ended")}
        </label>
      </div>
      <div class="session-list" data-testid="tickets" aria-busy={tickets.state.value === "loading"}>
        {tickets.state.value === "failed" && (
          <div class="empty" role="alert">
            <p>{t("queue.failed")}</p>
            <button type="button" class="button small" onClick={() => void tickets.load()}>
              {t("queue.again")}
            </button>
          </div>
        )}
        {tickets.state.value === "here" && list.length === 0 && <Empty />}
        <ul aria-label={t("queue.tickets")}>
          {list.map((x) => (
            <Row key={x.id} ticket={x} />
          ))}
        </ul>
        {tickets.more.value !== "" && (
          <button type="button" class="button small" onClick={() => void tickets.further()}>
            {t("queue.more")}
          </button>
        )}
      </div>
    </>
  );
}

/** Empty says what an empty list means, and what to do next. */
function Empty() {
  const { desk } = useConsole();
  const { tickets } = desk;
  if (tickets.text.value !== "") {
    return (
      <div class="empty">
        <p class="soft">{t("rail.no_match", { filter: tickets.text.value })}</p>
        <button type="button" class="button small" onClick={() => tickets.narrow({ text: "" })}>
          {t("rail.clear")}
        </button>
      </div>
    );
  }
  return <p class="soft empty">{t(`queue.empty.${tickets.view.value}`)}</p>;
}

export const standingIcons: Record<Standing, IconName> = { none: "later", paused: "pause", on_time: "clock", warned: "wait", breached: "warn", done: "done" };

function Row({ ticket: x }: { ticket: DeskTicket }) {
  const { desk } = useConsole();
  const now = desk.clock.now.value;
  const how = standing(x, now);
  const time = left(x, now);
  return (
    <li>
      <button type="button" class="row ticket-row" data-ticket={x.ref} data-standing={how} aria-current={desk.tabs.selected.value === tabOf(x.id)} onClick={() => desk.openTicket(x.id)}>
        <span class="row-main">
          <span class="row-state">
            <span class="row-word">{isolate(x.title)}</span>
            {desk.tickets.fresh.value.has(x.id) && <Mark />}
          </span>
          <span class="row-who soft">{[x.ref, x.requester ?? t("ticket.unknown"), x.assignee === undefined ? d(`state.${x.state}`) : x.mine ? t("rail.mine") : x.assignee].map(isolate).join(" · ")}</span>
          <span class="row-left">
            {x.priority !== undefined && <strong>{d(`priority.${x.priority}`)}</strong>}
            <Icon name={standingIcons[how]} />
            <span class="figures">{time === "" ? t("ticket.no_clock") : time}</span>
          </span>
        </span>
      </button>
    </li>
  );
}
