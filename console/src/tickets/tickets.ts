// The queue of tickets, and those that are open on the page.

import { computed, signal } from "@preact/signals";
import type { Incoming } from "../check";
import type { DeskTicket, TicketNew, TicketView } from "../protocol";
import { type Ask, OpenTicket, type Problem, problemOf } from "./opened";

/** How long nothing is typed before what was typed is looked for, in ms. */
const rest = 300;

/** What the list needs of the desk. */
export interface Around {
  ask: Ask;
  /** Of this person. */
  team(): string;
  /** The list is on the page and looked at. */
  looking(): boolean;
  /** A ticket came that nobody has in hand. */
  came(ticket: DeskTicket): void;
}

export class Tickets {
  readonly view = signal<TicketView>("team");
  readonly text = signal("");
  readonly ended = signal(false);
  readonly list = signal<readonly DeskTicket[]>([]);
  readonly more = signal("");
  /** How many of the team's nobody has in hand. */
  readonly untaken = signal(0);
  readonly works = signal(false);
  /** "": not asked for yet. */
  readonly state = signal<"" | "loading" | "here" | "failed">("");
  /** Those that came since the list was looked at. */
  readonly fresh = signal<ReadonlySet<string>>(new Set());
  readonly opened = new Map<string, OpenTicket>();
  /** How many of these there are: what looks into the map reads it. */
  readonly known = signal(0);
  /** What is typed of a new one. */
  readonly draft = new Draft(this);
  /** Something is typed on the page that is not sent. */
  readonly typed = computed(() => this.draft.typed.value || this.known.value >= 0 && [...this.opened.values()].some((t) => t.typed.value));
  readonly around: Around;
  #timer = 0;
  #asked = 0;

  constructor(around: Around) {
    this.around = around;
  }

  ticket(id: string): OpenTicket {
    const known = this.opened.get(id);
    if (known !== undefined) return known;
    const ticket = new OpenTicket(id, this.around.ask);
    this.opened.set(id, ticket);
    this.known.value++;
    void ticket.load();
    return ticket;
  }

  /** name is what a ticket is called, as far as it is known. */
  name(id: string): string {
    const t = this.opened.get(id)?.shown.value?.ticket ?? this.list.value.find((x) => x.id === id);
    return t === undefined ? "…" : `${t.ref} ${t.title}`;
  }

  narrow(to: { view?: TicketView; text?: string; ended?: boolean }): void {
    if (to.view !== undefined) this.view.value = to.view;
    if (to.ended !== undefined) this.ended.value = to.ended;
    if (to.text !== undefined) {
      this.text.value = to.text;
      this.#later();
    } else void this.load();
  }

  /** look marks as seen what came. */
  look(): void {
    if (this.fresh.value.size > 0) this.fresh.value = new Set();
  }

  /** load asks for the list anew; further pages are gone then. */
  async load(): Promise<void> {
    clearTimeout(this.#timer);
    const asked = ++this.#asked;
    if (this.state.value !== "here") this.state.value = "loading";
    try {
      const m = await this.around.ask("tickets", this.#query());
      if (asked !== this.#asked || m.type !== "ticket_list") return;
      this.list.value = m.body.tickets ?? [];
      this.more.value = m.body.more ?? "";
      this.untaken.value = m.body.untaken;
      this.works.value = m.body.works;
      this.state.value = "here";
    } catch {
      if (asked === this.#asked) this.state.value = "failed";
    }
  }

  async further(): Promise<void> {
    const after = this.more.value;
    const asked = this.#asked;
    if (after === "") return;
    try {
      const m = await this.around.ask("tickets", { ...this.#query(), after });
      if (asked !== this.#asked || m.type !== "ticket_list") return;
      const have = new Set(this.list.value.map((t) => t.id));
      this.list.value = [...this.list.value, ...(m.body.tickets ?? []).filter((t) => !have.has(t.id))];
      this.more.value = m.body.more ?? "";
    } catch {
      this.state.value = "failed";
    }
  }

  /** again asks for everything anew: after a lost connection, or when rights have changed. */
  again(): void {
    void this.load();
    for (const t of this.opened.values()) void t.load();
  }

  receive(m: Incoming): void {
    switch (m.type) {
      case "ticket_changed":
        this.#changed(m.body.ticket);
        break;
      case "ticket_gone": {
        this.list.value = this.list.value.filter((t) => t.id !== m.body.ticket);
        const t = this.opened.get(m.body.ticket);
        if (t !== undefined) t.gone.value = true;
        break;
      }
      case "desk_changed":
        this.again();
        break;
    }
  }

  #query() {
    return { view: this.view.value, ...(this.text.value === "" ? {} : { text: this.text.value }), ...(this.ended.value ? { ended: true } : {}) };
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.load(), rest);
  }

  #changed(next: DeskTicket): void {
    this.opened.get(next.id)?.changed(next.version);
    const before = this.list.value.find((t) => t.id === next.id);
    if (before !== undefined && before.version > next.version) return;
    const free = next.team === this.around.team() && next.assignee === undefined && next.resolved === undefined;
    if (before === undefined && free && !next.mine) {
      if (!this.around.looking()) this.fresh.value = new Set(this.fresh.value).add(next.id);
      this.around.came(next);
    }
    if (!free && this.fresh.value.has(next.id)) this.fresh.value = new Set([...this.fresh.value].filter((id) => id !== next.id));
    // Which words it has, the broker knows; and the count of what is free it says with the list.
    this.#later();
    if (this.text.value !== "" || this.ended.value) return;
    this.list.value = place(this.list.value, next, this.#holds(next), this.more.value !== "");
  }

  #holds(t: DeskTicket): boolean {
    if (t.resolved !== undefined) return false;
    return this.view.value === "all" || (this.view.value === "mine" ? t.mine === true : t.team === this.around.team());
  }
}

/** place puts a ticket where it belongs in a queue. Behind the last one, where there are further ones, the broker knows best. */
export function place(list: readonly DeskTicket[], t: DeskTicket, holds: boolean, more: boolean): DeskTicket[] {
  const rest = list.filter((x) => x.id !== t.id);
  if (!holds) return rest;
  const at = rest.findIndex((x) => t.turn < x.turn || (t.turn === x.turn && t.id < x.id));
  if (at < 0) return more ? rest : [...rest, t];
  return [...rest.slice(0, at), t, ...rest.slice(at)];
}

const blank = { type: "incident", channel: "phone", title: "", text: "", name: "", phone: "", email: "", area: "" };
export type DraftFields = typeof blank;

/** Draft is a new ticket that is being typed. */
export class Draft {
  readonly fields = signal<DraftFields>(blank);
  readonly problem = signal<Problem | null>(null);
  readonly busy = signal(false);
  readonly typed = computed(() => (["title", "text", "name", "phone", "email", "area"] as const).some((f) => this.fields.value[f].trim() !== ""));
  readonly #tickets: Tickets;

  constructor(tickets: Tickets) {
    this.#tickets = tickets;
  }

  type(field: keyof DraftFields, value: string): void {
    this.fields.value = { ...this.fields.value, [field]: value };
    if (this.problem.value?.field === field) this.problem.value = null;
  }

  /** make makes the ticket and returns its id; "" if it was refused, and what was typed stays. */
  async make(language: string): Promise<string> {
    if (this.busy.value) return "";
    this.busy.value = true;
    const { type, channel, title, text, name, phone, email, area } = this.fields.value;
    const given = (of: Record<string, string>) => Object.fromEntries(Object.entries(of).filter(([, v]) => v.trim() !== ""));
    const m: TicketNew = { type, channel, title, language, ...given({ text, area }), requester: { name, ...given({ phone, email }) } };
    try {
      const answer = await this.#tickets.around.ask("ticket_new", m);
      if (answer.type === "ticket_shown") {
        this.fields.value = blank;
        this.problem.value = null;
        return answer.body.ticket.id;
      }
      if (answer.type === "ticket_refused") this.problem.value = problemOf(answer.body);
    } catch {
      this.problem.value = { key: "wire.unavailable", field: "" };
    } finally {
      this.busy.value = false;
    }
    return "";
  }
}
