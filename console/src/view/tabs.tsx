// The open sessions, one tab each.

import { useEffect, useRef } from "preact/hooks";
import { over } from "../sessionview";
import { t } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";
import { stateIcon } from "./state";

export function Tabs() {
  const { desk, settings } = useConsole();
  const sessions = desk.opened.value.map((id) => desk.sessions.value.find((s) => s.id === id)).filter((s) => s !== undefined);
  const close = (id: string) => {
    desk.close(id);
    // The button that had the focus is gone with its tab.
    requestAnimationFrame(() => document.querySelector<HTMLElement>('.tab[data-current="true"] .tab-name, .new-session')?.focus());
  };
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => list.current?.querySelector('[data-current="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" }), [desk.selected.value]);
  if (sessions.length === 0) return null;
  return (
    <nav class="tabs" aria-label={t("tabs.label")}>
      <button type="button" class="button quiet small back" onClick={() => desk.leave()}>
        <Icon name="back" />
        {t("tabs.back")}
        <Unread count={[...desk.unread.value].filter((id) => id !== desk.selected.value).length} />
      </button>
      {desk.selected.value !== "" && (
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
        {sessions.map((s, i) => {
          const name = desk.nameOf(s);
          const unread = desk.unread.value.has(s.id);
          return (
            <li key={s.id} class="tab" data-current={s.id === desk.selected.value} data-unread={unread}>
              <button type="button" class="tab-name" aria-current={s.id === desk.selected.value} onClick={() => desk.open(s.id)}>
                <Icon name={stateIcon(s.state)} />
                {name}
                <span class="visually-hidden">, {t(`state.${s.state}`)}</span>
                {unread && <Mark />}
                {i < 9 && sessions.length > 1 && <kbd aria-hidden="true">{i + 1}</kbd>}
              </button>
              <button type="button" class="tab-close" aria-label={t("tabs.close", { session: name })} title={over(s.state) || !s.mine ? undefined : t("tabs.close_hint")} onClick={() => close(s.id)}>
                <Icon name="cross" />
              </button>
            </li>
          );
        })}
      </ul>
    </nav>
  );
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
