// What the technician has on the desk: the sessions and tickets, what is open of them, and
// what is known of each, kept in step with the broker. Views read the signals.

import { batch, computed, effect, signal } from "@preact/signals";
import type { Bell } from "../bell";
import type { Incoming } from "../check";
import { Clock } from "../clock";
import { available, stepOf, type Tool } from "../consent";
import { Library } from "../library";
import type { Session, SessionIssued, Welcome } from "../protocol";
import { over, type SessionView, viewOf } from "../sessionview";
import { has, instant, t } from "../text";
import { newTicket, tabOf, ticketIn } from "../tickets/tab";
import { Tickets } from "../tickets/tickets";
import { Refused, Wire } from "../wire";
import { Acts, troubleOf } from "./acts";
import { Kept } from "./kept";
import { looking, Notices } from "./notices";
import { type Live, Pictures } from "./pictures";
import { RedX } from "./redx";
import { outdated, Sessions } from "./sessions";
import { Tabs } from "./tabs";
import { Talks } from "./talks";

/** How often a working console says that somebody is there, in ms. */
const stayingSignedIn = 5 * 60_000;

/** How long it is said that the connection is back, in ms. */
const backShown = 10_000;

export class Desk {
  readonly clock = new Clock();
  readonly library = new Library();
  readonly wire: Wire;
  readonly welcome = signal<Welcome | null>(null);
  readonly sessions = new Sessions(this.clock);
  readonly tabs = new Tabs(this.sessions);
  /** What was told when this window made a session: the key is said only once. */
  readonly issued = signal<ReadonlyMap<string, SessionIssued>>(new Map());
  readonly asking = signal(false); // a new session was asked for
  /** What went wrong, as a sentence, until it is closed or the next act succeeds. */
  readonly trouble = signal("");
  /** Since when there is no connection, by performance.now(); 0 while there is. */
  readonly lostAt = signal(0);
  /** For how long there was none, in ms, for a little while after it came back; 0 else. */
  readonly back = signal(0);
  readonly online = computed(() => this.wire.line.value.kind === "online");
  readonly acts: Acts;
  readonly redX: RedX;
  readonly notices: Notices;
  readonly talks: Talks;
  readonly pictures: Pictures;
  readonly kept: Kept;
  readonly tickets: Tickets;
  #backTimer = 0;

  /** queueShown tells whether the queue of tickets is on the page. */
  constructor(url: string, bell: Bell, signedOut: () => void, queueShown: () => boolean = () => false) {
    this.wire = new Wire(url, (m) => this.#receive(m), signedOut);
    this.acts = new Acts(this.wire, this.trouble);
    this.redX = new RedX(this.wire, this.sessions, this.trouble);
    this.notices = new Notices(bell, this.sessions, this.tabs);
    this.talks = new Talks(this.wire, this.sessions, this.tabs, this.notices);
    this.pictures = new Pictures(this.wire, this.sessions, this.tabs, this.redX, computed(() => this.welcome.value !== null));
    this.kept = new Kept(this.wire, this.sessions, this.acts);
    this.tickets = new Tickets({
      ask: (type, body) => this.wire.request(type, body),
      team: () => this.welcome.value?.account.team ?? "",
      looking: () => queueShown() && looking(),
      came: (x) => {
        this.notices.say(t("ticket.came", { title: x.title }));
        if (!looking()) bell.ring(t("ticket.came_short"), x.title, `ticket-${x.id}`, () => this.tabs.open(tabOf(x.id)));
      },
    });
    effect(() => {
      const kind = this.wire.line.value.kind;
      if (kind === "lost" && this.lostAt.peek() === 0 && this.welcome.peek() !== null) this.lostAt.value = performance.now();
    });
    addEventListener("pagehide", () => this.kept.save());
    addEventListener("beforeunload", (e) => {
      this.kept.save();
      if (this.kept.unsaved() || this.tickets.typed.peek()) e.preventDefault();
    });
  }

  start(): void {
    this.clock.start();
    this.wire.connect();
    // The sign-in ends when it is idle, and the socket alone does not count.
    setInterval(() => {
      if (this.online.value && this.sessions.list.value.some((s) => !over(s.state))) void fetch("/console/", { method: "HEAD" }).catch(() => {});
    }, stayingSignedIn);
  }

  /** newSession asks for a session, perhaps for a ticket, and opens it with its key. Of a test it returns the customer's address. */
  async newSession(test = false, ticket = ""): Promise<string | undefined> {
    if (this.asking.value || this.welcome.value?.can_issue === false) return;
    if (!test && this.tabs.reminds(this.sessions.list.value, () => void this.newSession(test, ticket))) return;
    this.asking.value = true;
    const m = await this.acts.done(this.wire.request("new_session", test ? { test } : ticket !== "" ? { ticket } : { title: t("ticket.fly_title", { time: instant(this.clock.read()) }) }));
    this.asking.value = false;
    return test && m?.type === "session_issued" ? m.body.url : undefined;
  }

  /** The ticket that is open on the page, if this person may begin a session for it. */
  readonly ticketAtHand = computed(() => {
    const id = ticketIn(this.tabs.selected.value);
    const shown = id === null ? undefined : this.tickets.opened.get(id)?.shown.value;
    return shown?.works === true && shown.ticket.resolved === undefined ? shown.ticket : undefined;
  });

  /** sessionFor begins a session for the ticket that is open, or one of its own. */
  sessionFor(): Promise<string | undefined> {
    return this.newSession(false, this.ticketAtHand.value?.id ?? "");
  }

  /** openTicket opens a ticket in a tab of its own. */
  openTicket(id: string): void {
    if (this.welcome.value?.tickets !== true) return;
    this.tickets.ticket(id);
    this.tabs.open(tabOf(id));
  }

  /** newTicket opens the form of a new ticket. */
  newTicket(): void {
    if (this.welcome.value?.tickets === true && this.tickets.works.value) this.tabs.open(newTicket);
  }

  /** control asks for control of the open session, or gives the remote side the keyboard where it is given. */
  control(): void {
    this.#askOrUse("control", (live) => live.control.take());
  }

  /** shell asks for the command line of the open session, or gives it the keyboard where it is given. */
  shell(): void {
    this.#askOrUse("shell", (live) => live.shell.focus());
  }

  /** #askOrUse asks for a tool of the open session while its picture is there, or uses it where it is given. */
  #askOrUse(tool: Tool, use: (live: Live) => void): void {
    const s = this.tabs.current.peek();
    const live = this.pictures.live.peek().get(s?.id ?? "");
    if (s === undefined || live?.picture.state.peek() !== "live" || !available(s, this.welcome.peek()?.permissions ?? null, tool)) return;
    const { state, ask } = stepOf(s, tool);
    if (ask) void this.acts.ask(s.id, tool);
    else if (state === "given") use(live);
  }

  #receive(m: Incoming): void {
    switch (m.type) {
      case "welcome":
        this.#welcomed(m.body);
        break;
      case "session_changed":
        if (m.body.now !== undefined) this.clock.set(m.body.now);
        this.#changed(m.body.session);
        break;
      case "chat":
        if (m.ref === 0) this.talks.take(m.body);
        break;
      case "guest_ended": {
        const { session, cause } = m.body;
        const s = this.sessions.find(session);
        if (s === undefined || cause === "went" || !has(`guest.ended.${cause}`)) break;
        this.trouble.value = `${this.sessions.nameOf(s)}: ${t(`guest.ended.${cause}`)}`;
        break;
      }
      case "session_issued":
        batch(() => {
          this.#changed(m.body.session);
          this.issued.value = new Map(this.issued.value).set(m.body.session.id, m.body);
          this.tabs.open(m.body.session.id);
        });
        this.notices.say(t("say.issued"));
        break;
      case "ticket_changed":
      case "ticket_gone":
      case "desk_changed":
        this.tickets.receive(m);
        break;
      case "system_part":
        if (this.#mine(m.body.session)) this.kept.system(m.body.session).part(m.body);
        break;
      case "system_changes":
        if (this.#mine(m.body.session)) this.kept.system(m.body.session).changes(m.body);
        break;
      case "error": // one that answers something nobody waits for is of no use to a person
        if (m.ref === 0) this.trouble.value = troubleOf(new Refused(m.body.code));
        break;
    }
  }

  #mine(id: string | undefined): id is string {
    const s = this.sessions.find(id);
    return s !== undefined && s.mine && !over(s.state);
  }

  #welcomed(welcome: Welcome): void {
    const first = this.welcome.value === null;
    void this.library.load();
    const before = this.sessions.list.value;
    batch(() => {
      this.clock.set(welcome.now);
      this.welcome.value = welcome;
      this.sessions.set((welcome.sessions ?? []).map(viewOf));
      this.wire.answered();
      this.trouble.value = "";
      for (const s of this.sessions.list.value) this.kept.arrived(s);
      this.tabs.again(first);
    });
    if (welcome.tickets === true) this.tickets.again();
    if (!first) this.#returned(before);
    else this.talks.keep();
    this.redX.again();
  }

  /** #returned makes good what a lost connection left. */
  #returned(before: readonly SessionView[]): void {
    this.pictures.again();
    this.kept.again();
    this.talks.again();
    if (this.lostAt.value > 0) {
      this.back.value = performance.now() - this.lostAt.value;
      this.lostAt.value = 0;
      clearTimeout(this.#backTimer);
      this.#backTimer = setTimeout(() => (this.back.value = 0), backShown);
    }
    for (const s of this.sessions.list.value) this.notices.changed(before.find((b) => b.id === s.id), s);
  }

  #changed(session: Session): void {
    const next = viewOf(session);
    const before = this.sessions.find(next.id);
    if (before !== undefined && outdated(next.state, before.state)) return;
    const open = this.tabs.opened.value.includes(next.id);
    const foreign = !next.mine && next.self === undefined && (next.may ?? []).length === 0 && next.offer?.mine !== true;
    if (foreign && !(over(next.state) && open)) { // it is none of this person's any more
      batch(() => {
        this.sessions.drop(next.id);
        if (open) this.tabs.close(next.id);
      });
      return;
    }
    this.sessions.put(next);
    if (next.state !== "Issued" && this.issued.value.has(next.id)) { // its key is used up
      const issued = new Map(this.issued.value);
      issued.delete(next.id);
      this.issued.value = issued;
    }
    this.kept.arrived(next);
    this.talks.sessionChanged(before, next);
    if (over(next.state)) this.#ended(next.id);
    this.notices.changed(before, next);
  }

  #ended(id: string): void {
    this.redX.ended(id);
    this.kept.ended(id);
    if (this.tabs.putAside.value === id) this.tabs.putAside.value = "";
  }
}
