// What is open on the desk, sessions and tickets, each in a tab; and the reminder of a missing
// summary, which stands before a session is put away.

import { batch, computed, signal } from "@preact/signals";
import { over, type SessionView } from "../sessionview";
import { ticketIn } from "../tickets/tab";
import type { Sessions } from "./sessions";

/** How long a reminder of a missing summary is put off, in ms. */
const putOff = 15 * 60_000;

export class Tabs {
  /** Ids in the order of the tabs; see tickets/tab for those of tickets. */
  readonly opened = signal<readonly string[]>([]);
  readonly selected = signal("");
  /** The session whose tab was closed last while it goes on, "" if none. */
  readonly putAside = signal("");
  /** What was to be done when a missing summary came in between; null: nothing. */
  readonly reminder = signal<{ readonly session: string; then(): void } | null>(null);
  /** The session that is on the page. */
  readonly current = computed(() => this.#sessions.find(this.selected.value));
  readonly #sessions: Sessions;
  readonly #putOff = new Map<string, number>(); // until when, by performance.now()

  constructor(sessions: Sessions) {
    this.#sessions = sessions;
  }

  open(id: string): void {
    batch(() => {
      if (!this.opened.value.includes(id)) this.opened.value = [...this.opened.value, id];
      if (this.putAside.value === id) this.putAside.value = "";
      this.selected.value = id;
    });
  }

  /** leave goes back to the list; the open sessions stay open. */
  leave(): void {
    this.selected.value = "";
  }

  /** close puts a session off the desk; it goes on, and that is said. Of one whose summary is missing it reminds first. */
  close(id: string): void {
    if (this.reminds(this.#sessions.list.value.filter((s) => s.id === id), () => this.close(id))) return;
    batch(() => {
      const at = this.opened.value.indexOf(id);
      const rest = this.opened.value.filter((o) => o !== id);
      this.opened.value = rest;
      if (this.selected.value === id) this.selected.value = rest[Math.min(at, rest.length - 1)] ?? "";
      const s = this.#sessions.find(id);
      this.putAside.value = s?.mine === true && !over(s.state) ? id : "";
    });
  }

  /** again brings the tabs in line after a welcome; the first one goes on where the work was before the page was loaded. */
  again(first: boolean): void {
    this.opened.value = this.opened.value.filter((id) => ticketIn(id) !== null || this.#sessions.find(id) !== undefined);
    if (first) {
      const mine = this.#sessions.list.value.filter((s) => s.mine && !over(s.state));
      this.opened.value = mine.map((s) => s.id).reverse();
      this.selected.value = (mine.find((s) => s.state === "Active") ?? mine[0])?.id ?? "";
    } else if (!this.opened.value.includes(this.selected.value)) {
      this.selected.value = this.opened.value[0] ?? "";
    }
  }

  /** reminds: one of the sessions lacks its summary, and nobody has put that off. What was to be done waits for an answer. */
  reminds(among: readonly SessionView[], then: () => void): boolean {
    const now = performance.now();
    const s = among.find((x) => x.mine && x.summary === "missing" && (this.#putOff.get(x.id) ?? 0) <= now);
    if (s !== undefined) this.reminder.value = { session: s.id, then };
    return s !== undefined;
  }

  /** remindLater puts the reminder off, for all summaries that are missing now, and goes on with what was to be done. */
  remindLater(): void {
    const then = this.reminder.value?.then;
    this.reminder.value = null;
    for (const s of this.#sessions.list.value) if (s.mine && s.summary === "missing") this.#putOff.set(s.id, performance.now() + putOff);
    then?.();
  }
}
