// What the technician would otherwise not notice: said to a screen reader, marked on the tab
// and, to who looks elsewhere, told by the bell.

import { effect, signal } from "@preact/signals";
import type { Bell } from "../bell";
import { personText } from "../guests";
import { type Happening, happeningOf } from "../happening";
import { reasonText, type SessionView } from "../sessionview";
import { has, t } from "../text";
import type { Sessions } from "./sessions";
import type { Tabs } from "./tabs";

/** looking: the page is in front of somebody. */
export const looking = () => document.visibilityState === "visible" && document.hasFocus();

/** atEachLook runs what depends on looking: now, with each signal that it reads, and when somebody looks here again. */
export function atEachLook(run: () => void): void {
  effect(run);
  document.addEventListener("visibilitychange", run);
  addEventListener("focus", run);
}

export class Notices {
  /** What a screen reader is told next, politely. */
  readonly announcement = signal("");
  /** Sessions in which something happened that the technician has not looked at yet. */
  readonly unread = signal<ReadonlySet<string>>(new Set());
  readonly #bell: Bell;
  readonly #sessions: Sessions;
  readonly #tabs: Tabs;

  constructor(bell: Bell, sessions: Sessions, tabs: Tabs) {
    this.#bell = bell;
    this.#sessions = sessions;
    this.#tabs = tabs;
    atEachLook(() => this.#look());
  }

  say(text: string): void {
    this.announcement.value = text;
  }

  /** sayOf says something of a session, by its name where it is not on the page. */
  sayOf(s: SessionView, text: string): void {
    this.say(this.#tabs.selected.value === s.id ? text : `${this.#sessions.nameOf(s)}: ${text}`);
  }

  /** mark marks a session as one to look at, and rings; tag tells what one ring takes the place of. */
  mark(s: SessionView, text: string, tag = s.id): void {
    this.unread.value = new Set(this.unread.value).add(s.id);
    this.#bell.ring(this.#sessions.nameOf(s), text, tag, () => this.#tabs.open(s.id));
  }

  /** changed tells what is new in a session. */
  changed(before: SessionView | undefined, next: SessionView): void {
    const what = happeningOf(before, next);
    if (what !== null) {
      const text = happened(what, next);
      this.sayOf(next, text);
      const own = what === "ended" && next.end_reason === "technician";
      if (!own && !(this.#tabs.selected.value === next.id && looking())) this.mark(next, text);
      return;
    }
    if (next.mine && before !== undefined) {
      for (const g of next.guests ?? []) if (before.guests?.find((b) => b.epoch === g.epoch)?.state !== g.state) this.say(personText(g));
      for (const g of before.guests ?? []) if (!(next.guests ?? []).some((x) => x.epoch === g.epoch)) this.say(t("guest.gone", { name: g.name }));
    }
    if (next.mine && before !== undefined && !before.mine) this.say(t("guest.yours"));
    if (next.offer?.mine === true && before?.offer?.mine !== true) {
      const text = t("offer.in", { by: next.offer.by });
      this.say(text);
      this.mark(next, text);
    }
    const step = next.steps.at(-1);
    if (this.#tabs.selected.value === next.id && step && before && step !== before.steps.at(-1) && has(`step.done.${step}`)) {
      this.say(t(`step.done.${step}`));
    }
  }

  /** #look marks as read what is looked at. */
  #look(): void {
    const id = this.#tabs.selected.value;
    if (!this.unread.value.has(id) || !looking()) return;
    this.unread.value = new Set([...this.unread.value].filter((x) => x !== id));
  }
}

/** happened says what happened in a session, in a sentence. */
function happened(what: Happening, s: SessionView): string {
  return what === "ended" ? `${t("ended.heading")}. ${reasonText(s)}` : t(`happened.${what}`);
}
