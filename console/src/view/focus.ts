// Moving the focus to where a key leads.

import type { Desk } from "../desk/desk";
import type { Settings } from "../settings";

/** focusFilter goes to the filter; on a narrow page the list with it comes first. */
export function focusFilter(desk: Desk, settings: Settings): void {
  const filter = document.querySelector<HTMLInputElement>("#filter");
  if (filter === null) return;
  if (filter.offsetParent === null && !settings.rail.value) settings.toggleRail();
  requestAnimationFrame(() => {
    if (filter.offsetParent === null) desk.tabs.leave();
    requestAnimationFrame(() => filter.select());
  });
}

/** moveInList goes to the next or the previous session of the list. */
export function moveInList(by: number): void {
  const items = [...document.querySelectorAll<HTMLElement>(".session-list .row")];
  const from = items.indexOf(document.activeElement as HTMLElement);
  const open = items.findIndex((i) => i.getAttribute("aria-current") === "true");
  const to = from < 0 ? Math.max(open, 0) : Math.min(Math.max(from + by, 0), items.length - 1);
  items[to]?.focus();
}
