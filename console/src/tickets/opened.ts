// One ticket that is open on the page: what is shown of it, and what is being typed.

import { computed, signal } from "@preact/signals";
import type { Incoming } from "../check";
import type { Messages, TicketAct, TicketEntry, TicketRefused, TicketShown } from "../protocol";
import { Refused } from "../wire";

/** ask sends a message and waits for its answer, or rejects with Refused. */
export type Ask = <T extends keyof Messages>(type: T, body: Messages[T]) => Promise<Incoming>;

/** Why an act was not done: the problem as a key, and the field that it is about. */
export interface Problem {
  key: string;
  field: string;
}

/** problemOf is what a refusal says. */
export function problemOf({ problem, field = "", code = "" }: TicketRefused): Problem {
  return { key: problem === "invalid" ? `${field}.${code}` : problem === "needs" ? `needs.${field}` : problem, field };
}

export class OpenTicket {
  readonly id: string;
  readonly shown = signal<TicketShown | null>(null);
  /** It is none that this person may read any more. */
  readonly gone = signal(false);
  readonly failed = signal(false);
  /** The act whose form is open, "" if none is. */
  readonly kind = signal("");
  readonly fields = signal<Readonly<Record<string, string>>>({});
  readonly problem = signal<Problem | null>(null);
  /** What others did since the form was begun: the newest first. */
  readonly news = signal<readonly TicketEntry[]>([]);
  readonly busy = signal(false);
  /** Something was typed that is not sent. */
  readonly typed = computed(() => Object.entries(this.fields.value).some(([name, v]) => v.trim() !== "" && v !== this.#first[name]));
  readonly #ask: Ask;
  #first: Readonly<Record<string, string>> = {}; // what the form began with
  #loading = false;
  #again = false;

  constructor(id: string, ask: Ask) {
    this.id = id;
    this.#ask = ask;
  }

  /** load asks for the ticket as it is now; what is typed stays. */
  async load(): Promise<void> {
    if (this.#loading || this.busy.value) {
      this.#again = true;
      return;
    }
    this.#loading = true;
    try {
      const m = await this.#ask("ticket_open", { ticket: this.id });
      if (m.type === "ticket_shown") this.#take(m.body);
    } catch (e) {
      this.#lost(e);
    } finally {
      this.#loading = false;
    }
    this.#next();
  }

  #next(): void {
    if (!this.#again) return;
    this.#again = false;
    void this.load();
  }

  /** changed tells of a version that there is. How a session goes on makes none. */
  changed(version: number): void {
    const now = this.shown.value;
    if (version > (now?.ticket.version ?? 0) || now?.sessions?.some((s) => s.ended === undefined) === true) void this.load();
  }

  /** note adds a note, whatever others did meanwhile; true if it is there. */
  async note(text: string): Promise<boolean> {
    for (let tries = 0; tries < 4; tries++) {
      if (this.shown.value === null || tries > 0) await this.load();
      const seen = this.shown.value;
      if (seen === null) return false;
      try {
        const m = await this.#ask("ticket_do", { ticket: this.id, version: seen.ticket.version, act: { kind: "comment", text } });
        if (m.type === "ticket_shown") this.#take(m.body, true);
        if (m.type !== "ticket_refused") return true;
        if (m.body.problem !== "stale") return false;
      } catch {
        return false;
      }
    }
    return false;
  }

  /** earlier adds the part of the history before what is shown. */
  async earlier(): Promise<void> {
    const now = this.shown.value;
    if (now?.earlier === undefined) return;
    try {
      const m = await this.#ask("ticket_open", { ticket: this.id, before: now.earlier });
      const then = this.shown.value;
      if (m.type !== "ticket_shown" || then === null || then.earlier !== now.earlier) return;
      const { earlier: _, ...rest } = then;
      this.shown.value = { ...rest, history: [...(then.history ?? []), ...(m.body.history ?? [])], ...(m.body.earlier === undefined ? {} : { earlier: m.body.earlier }) };
    } catch (e) {
      this.#lost(e);
    }
  }

  /** choose opens the form of an act, with what stands there now; the same again closes it. */
  choose(kind: string, fields: Record<string, string> = {}): void {
    this.problem.value = null;
    this.news.value = [];
    this.#first = { ...fields };
    this.kind.value = this.kind.value === kind ? "" : kind;
    this.fields.value = this.kind.value === "" ? {} : { ...fields };
  }

  type(field: string, value: string): void {
    this.fields.value = { ...this.fields.value, [field]: value };
    if (this.problem.value?.field === field) this.problem.value = null;
  }

  /** send does an act with the ticket as it was seen; true if it is done. Then the form is closed. */
  send(act: TicketAct): Promise<boolean> {
    return this.sendAll([act]);
  }

  /** sendAll does acts one after the other, as far as they go; true if all are done. What is typed of something else is kept. */
  async sendAll(acts: readonly TicketAct[], keep = false): Promise<boolean> {
    if (this.shown.value === null || this.busy.value) return false;
    this.busy.value = true;
    this.problem.value = null;
    let done = 0;
    try {
      for (const act of acts) {
        const m = await this.#ask("ticket_do", { ticket: this.id, version: this.shown.value.ticket.version, act });
        if (m.type === "ticket_refused") {
          this.problem.value = problemOf(m.body);
          if (m.body.problem === "stale") this.#again = true;
          break;
        }
        done++;
        if (done === acts.length && !keep) this.#close();
        if (m.type === "ticket_shown") this.#take(m.body, true);
        if (m.type === "ticket_gone") this.gone.value = true;
      }
    } catch (e) {
      const code = e instanceof Refused ? e.code : "unavailable";
      if (code === "no_ticket") this.gone.value = true;
      else this.problem.value = { key: `wire.${code}`, field: "" };
    } finally {
      this.busy.value = false;
    }
    this.#next();
    return done === acts.length;
  }

  #close(): void {
    this.kind.value = "";
    this.fields.value = this.#first = {};
    this.problem.value = null;
    this.news.value = [];
  }

  #take(next: TicketShown, own = false): void {
    const before = this.shown.value;
    if (before !== null && next.ticket.version < before.ticket.version) return;
    if (before !== null && !own && this.kind.value !== "") {
      const news = (next.history ?? []).filter((e) => e.n > before.ticket.version);
      if (news.length > 0) this.news.value = [...news, ...this.news.value];
    }
    this.failed.value = this.gone.value = false;
    this.shown.value = next;
  }

  #lost(e: unknown): void {
    if (e instanceof Refused && e.code === "no_ticket") this.gone.value = true;
    else this.failed.value = true;
  }
}
