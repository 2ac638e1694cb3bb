// Comes between the technician and the next session, or a tab that is to be closed,
// while the summary of one that is over is missing. It can be put off.

import { useRef } from "preact/hooks";
import { useSignalEffect } from "@preact/signals";
import { t } from "../text";
import { useConsole } from "./context";

export function Reminder() {
  const { desk, layout } = useConsole();
  const dialog = useRef<HTMLDialogElement>(null);
  useSignalEffect(() => {
    if (desk.tabs.reminder.value !== null) dialog.current?.showModal();
    else dialog.current?.close();
  });
  const session = desk.sessions.find(desk.tabs.reminder.value?.session);
  const write = () => {
    desk.tabs.reminder.value = null;
    if (session === undefined) return;
    desk.tabs.open(session.id);
    layout.drawer.value = "notes";
  };
  return (
    <dialog ref={dialog} class="remind" data-testid="reminder" aria-labelledby="remind-heading" aria-describedby="remind-what" onClose={() => dialog.current?.open || (desk.tabs.reminder.value = null)}>
      <h2 id="remind-heading">{t("remind.heading")}</h2>
      <p id="remind-what">{session !== undefined && t("remind.what", { session: desk.sessions.nameOf(session) })}</p>
      <div class="actions">
        <button type="button" class="button primary" data-testid="remind-now" autofocus onClick={write}>
          {t("remind.now")}
        </button>
        <button type="button" class="button" data-testid="remind-later" onClick={() => desk.tabs.remindLater()}>
          {t("remind.later")}
        </button>
      </div>
    </dialog>
  );
}
