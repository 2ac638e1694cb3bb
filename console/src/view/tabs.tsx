// The open sessions, one tab each.

import { useEffect, useRef } from "preact/hooks";
import { over } from "../sessionview";
import { d, t } from "../text";
import type { Desk } from "../desk/desk";
import { ticketIn } from "../tickets/tab";
import { useConsole } from "./context";
import { Icon, type IconName } from "./icons";
import { stateIcon } from "./state";

export function Tabs() {
  const { desk, settings, layout } = useConsole();
  const open = desk.tabs.opened.value.map((id) => tabOf(desk, id)).filter((tab) => tab !== null);
  const close = (id: string) => {
    desk.tabs.close(id);
    // The button that had the focus is gone with its tab.
    requestAnimationFrame(() => document.querySelector<HTMLElement>('.tab[data-current="true"] .tab-name, .new-session')?.focus());
  };
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => list.current?.querySelector('[data-current="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" }), [desk.tabs.selected.value]);
  if (open.length === 0) return null;
  return (
    <nav class="tabs" aria-label={t("tabs.label")}>
      <button type="button" class="button quiet small back" onClick={() => desk.tabs.leave()}>
        <Icon name="back" />
        {t(layout.rail.value === "tickets" && desk.welcome.value?.tickets === true ? "queue.tickets" : "tabs.back")}
        <Unread count={[...desk.notices.unread.value].filter((id) => id !== desk.tabs.selected.value).length} />
      </button>
      {desk.tabs.selected.value !== "" && (
        <button
          type="button"
          class="button quiet small icon-only rail-switch"
          aria-keyshortcuts="L"
          aria-label={t("help.rail")}
          aria-expanded={settings.rail}
          aria-controls="rail"
          title={`${t("help.rail")} (L)`}
          onClick={() => settings.toggleRail()}
        >
          <Icon name="list" />
        </button>
      )}
      <ul ref={list}>
        {open.map(({ id, icon, name, state, hint }, i) => {
          const unread = desk.notices.unread.value.has(id);
          return (
            <li key={id} class="tab" data-current={id === desk.tabs.selected.value} data-unread={unread}>
              <button type="button" class="tab-name" aria-current={id === desk.tabs.selected.value} onClick={() => desk.tabs.open(id)}>
                <Icon name={icon} />
                <span class="tab-words">{name}</span>
                {state !== "" && <span class="visually-hidden">, {state}</span>}
                {unread && <Mark />}
                {i < 9 && open.length > 1 && <kbd aria-hidden="true">{i + 1}</kbd>}
              </button>
              <button type="button" class="tab-close" aria-label={t("tabs.close", { session: name })} title={hint} onClick={() => close(id)}>
                <Icon name="cross" />
              </button>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}

/** tabOf is what a tab says; null of a session that is not there any more. */
function tabOf(desk: Desk, id: string): { id: string; icon: IconName; name: string; state: string; hint: string | undefined } | null {
  const ticket = ticketIn(id);
  if (ticket !== null) return { id, icon: "note", name: ticket === "new" ? d("new") : desk.tickets.name(ticket), state: "", hint: undefined };
  const s = desk.sessions.find(id);
  if (s === undefined) return null;
  return { id, icon: stateIcon(s.state), name: desk.sessions.nameOf(s), state: t(`state.${s.state}`), hint: over(s.state) || !s.mine ? undefined : t("tabs.close_hint") };
}

/** Mark says that something happened which was not looked at yet. */
export function Mark() {
  return (
    <span class="mark">
      <span class="visually-hidden">{t("unread")}</span>
    </span>
  );
}

function Unread({ count }: { count: number }) {
  if (count === 0) return null;
  return (
    <span class="count">
      {count}
      <span class="visually-hidden"> {t("unread")}</span>
    </span>
  );
}
