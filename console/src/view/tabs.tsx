// The open sessions, one tab each.

import { t, timeOf } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";
import { stateIcon } from "./state";

export function Tabs() {
  const { desk } = useConsole();
  const sessions = desk.opened.value.map((id) => desk.sessions.value.find((s) => s.id === id)).filter((s) => s !== undefined);
  const close = (id: string) => {
    desk.close(id);
    // The button that had the focus is gone with its tab.
    requestAnimationFrame(() => document.querySelector<HTMLElement>('.tab[data-current="true"] .tab-name, .new-session')?.focus());
  };
  if (sessions.length === 0) return null;
  return (
    <nav class="tabs" aria-label={t("tabs.label")}>
      <button type="button" class="button quiet small back" onClick={() => desk.leave()}>
        <Icon name="back" />
        {t("tabs.back")}
      </button>
      <ul>
        {sessions.map((s, i) => {
          const name = t("session", { time: timeOf(s.issued_at, desk.clock.read()) });
          return (
            <li key={s.id} class="tab" data-current={s.id === desk.selected.value}>
              <button type="button" class="tab-name" aria-current={s.id === desk.selected.value} onClick={() => desk.open(s.id)}>
                <Icon name={stateIcon(s.state)} />
                {name}
                <span class="visually-hidden">, {t(`state.${s.state}`)}</span>
                {i < 9 && sessions.length > 1 && <kbd aria-hidden="true">{i + 1}</kbd>}
              </button>
              <button type="button" class="tab-close" aria-label={t("tabs.close", { session: name })} title={t("tabs.close_hint")} onClick={() => close(s.id)}>
                <Icon name="cross" />
              </button>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
