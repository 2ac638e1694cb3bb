// What the technician has on the desk: the sessions, which are open, their
// keys and pictures, and what can be done with them. Views read the signals.

import { batch, computed, effect, signal, untracked } from "@preact/signals";
import type { Bell } from "./bell";
import type { Incoming } from "./check";
import { Talk } from "./chat/talk";
import { Clock } from "./clock";
import { Drawing } from "./annotate/drawing";
import { Control, controllable, nextStep } from "./control/control";
import { personText } from "./guests";
import { type Happening, happeningOf } from "./happening";
import { Library } from "./library";
import { Note } from "./notes";
import { Picture } from "./picture";
import { type Answer, type ChatLine, type ColleagueList, type Device, type GuestWay, type Permission, type Session, type SessionIssued, type State, states, type VendorInvited, type Welcome } from "./protocol";
import { Clipboards } from "./clipboard/clipboards";
import { Files } from "./files/files";
import { Shell, shellable, shellStep } from "./shell/shell";
import { looksOn, over, reasonText, type SessionView, talksIn, viewOf } from "./sessionview";
import { has, hourOf, instant, t } from "./text";
import { newTicket, tabOf, ticketIn } from "./tickets/tab";
import { Tickets } from "./tickets/tickets";
import { SystemInfo } from "./system/system";
import { Refused, Wire } from "./wire";

/** Whether the picture of a session in this state can be asked for. */
const picturable = (s: State) => s === "Waiting" || s === "Active";

/** How often a working console says that somebody is there, in ms. */
const stayingSignedIn = 5 * 60_000;

/** From how many letters on a line of chat is shortened where it is only told of. */
const shortened = 120;

/** How long a reminder of a missing summary is put off, in ms. */
const putOff = 15 * 60_000;

/** How long it is said that the connection is back, in ms. */
const backShown = 10_000;

export class Desk {
  readonly clock = new Clock();
  readonly library = new Library();
  readonly wire: Wire;
  readonly welcome = signal<Welcome | null>(null);
  /** All visible sessions, newest first. */
  readonly sessions = signal<readonly SessionView[]>([]);
  /** What this window was told when it made a session: the key is said only once. */
  readonly issued = signal<ReadonlyMap<string, SessionIssued>>(new Map());
  /** Ids of the open sessions in the order of their tabs. */
  readonly opened = signal<readonly string[]>([]);
  readonly selected = signal("");
  readonly pictures = signal<ReadonlyMap<string, Picture>>(new Map());
  /** What each picture's session is controlled by. */
  readonly controls = new Map<string, Control>();
  readonly shells = new Map<string, Shell>();
  readonly files = new Map<string, Files>();
  readonly drawings = new Map<string, Drawing>();
  readonly clipboards = new Map<string, Clipboards>();
  readonly notes = new Map<string, Note>();
  /** What is read of each customer's computer. */
  readonly systems = new Map<string, SystemInfo>();
  readonly talks = new Map<string, Talk>();
  /** Counts the changes of all talks: what reads one reads this. */
  readonly talked = signal(0);
  /** The session whose chat is open on the page, "" if none. */
  readonly chatting = signal("");
  /** Sessions in which something happened that the technician has not looked at yet. */
  readonly unread = signal<ReadonlySet<string>>(new Set());
  /** The session whose tab was closed last while it goes on, "" if none. */
  readonly putAside = signal("");
  /** Since when there is no connection, by performance.now(); 0 while there is. */
  readonly lostAt = signal(0);
  /** For how long there was none, in ms, for a little while after it came back; 0 else. */
  readonly back = signal(0);
  /** Sessions whose red X was pressed and that the broker has not ended yet. */
  readonly ending = signal<ReadonlySet<string>>(new Set());
  readonly asking = signal(false); // a new session was asked for
  /** What went wrong, as a sentence, until it is closed or the next act succeeds. */
  readonly trouble = signal("");
  /** What a screen reader is told next, politely. */
  readonly announcement = signal("");

  readonly tickets = new Tickets({
    ask: (type, body) => this.wire.request(type, body),
    team: () => this.welcome.value?.account.team ?? "",
    looking: () => this.#queueShown() && document.visibilityState === "visible" && document.hasFocus(),
    came: (x) => {
      this.say(t("ticket.came", { title: x.title }));
      if (document.visibilityState !== "visible" || !document.hasFocus()) this.#bell.ring(t("ticket.came_short"), x.title, `ticket-${x.id}`, () => this.open(tabOf(x.id)));
    },
  });
  /** The rail shows the queue of tickets; the page says so. */
  #queueShown = () => false;

  readonly current = computed(() => this.sessions.value.find((s) => s.id === this.selected.value));
  readonly online = computed(() => this.wire.line.value.kind === "online");

  /** What was to be done when a missing summary came in between; null: nothing. */
  readonly reminder = signal<{ readonly session: string; then(): void } | null>(null);
  readonly #putOff = new Map<string, number>(); // until when, by performance.now()
  readonly #bell: Bell;
  #backTimer = 0;

  /** queueShown tells whether the queue of tickets is on the page. */
  constructor(url: string, bell: Bell, signedOut: () => void, queueShown: () => boolean = () => false) {
    this.#bell = bell;
    this.#queueShown = queueShown;
    this.wire = new Wire(url, (m) => this.#receive(m), signedOut);
    effect(() => this.#keepPictures());
    effect(() => {
      const kind = this.wire.line.value.kind;
      if (kind === "lost" && this.lostAt.peek() === 0 && this.welcome.peek() !== null) this.lostAt.value = performance.now();
    });
    effect(() => this.#look());
    document.addEventListener("visibilitychange", () => this.#look());
    addEventListener("focus", () => this.#look());
    addEventListener("pagehide", () => this.#saveNotes());
    addEventListener("beforeunload", (e) => {
      this.#saveNotes();
      if ([...this.notes.values()].some((n) => ["failed", "long", "late"].includes(n.state.value)) || this.tickets.typed.peek()) e.preventDefault();
    });
  }

  start(): void {
    this.clock.start();
    this.wire.connect();
    // The sign-in ends when it is idle, and the socket alone does not count.
    setInterval(() => {
      if (this.online.value && this.sessions.value.some((s) => !over(s.state))) void fetch("/console/", { method: "HEAD" }).catch(() => {});
    }, stayingSignedIn);
  }

  /** newSession asks for a session, perhaps for a ticket, and opens it with its key. Of a test it returns the customer's address. */
  async newSession(test = false, ticket = ""): Promise<string | undefined> {
    if (this.asking.value || this.welcome.value?.can_issue === false) return;
    if (!test && this.#reminds(this.sessions.value, () => void this.newSession(test, ticket))) return;
    this.asking.value = true;
    try {
      const m = await this.wire.request("new_session", test ? { test } : ticket !== "" ? { ticket } : { title: t("ticket.fly_title", { time: instant(this.clock.read()) }) });
      this.trouble.value = "";
      return test && m.type === "session_issued" ? m.body.url : undefined;
    } catch (e) {
      this.#fail(e);
    } finally {
      this.asking.value = false;
    }
  }

  /** giveReason says why a session is needed; false if the broker does not take it (any more). */
  async giveReason(id: string, text: string): Promise<boolean> {
    try {
      await this.wire.request("reason", { session: id, text });
      this.trouble.value = "";
      return true;
    } catch (e) {
      this.#fail(e);
      return false;
    }
  }

  /** end is the red X: this window's picture stops at once, also without a connection. */
  end(id: string): void {
    this.#sendEnd(id); // before anything else
    this.ending.value = new Set(this.ending.value).add(id);
  }

  /** crisp wishes a picture that is exact at rest, or no more. */
  crisp(id: string, on: boolean): void {
    this.wire.send("crisp", { session: id, on });
  }

  /** takeStill takes a picture for the record; false if it was not asked for. */
  async takeStill(session: string, caption: string): Promise<boolean> {
    try {
      await this.wire.request("still_request", { session, caption });
      this.trouble.value = "";
      return true;
    } catch (e) {
      this.#fail(e);
      return false;
    }
  }

  /** ask has one more permission put to the customer. */
  ask(id: string, permission: Permission, device?: Device): Promise<void> {
    return this.#consent("consent_request", id, permission, device);
  }

  /** giveBack gives a permission back, or takes its question back. */
  giveBack(id: string, permission: Permission): Promise<void> {
    return this.#consent("consent_return", id, permission);
  }

  /** control asks for control of the open session, or gives the remote side the keyboard where it is given. */
  control(): void {
    const s = this.current.peek();
    if (s === undefined || this.pictures.peek().get(s.id)?.state.peek() !== "live" || !controllable(s, this.welcome.peek()?.permissions ?? null)) return;
    const { state, ask } = nextStep(s);
    if (ask) void this.ask(s.id, "control");
    else if (state === "given") this.controls.get(s.id)?.take();
  }

  /** shell asks for the command line of the open session, or gives it the keyboard where it is given. */
  shell(): void {
    const s = this.current.peek();
    if (s === undefined || this.pictures.peek().get(s.id)?.state.peek() !== "live" || !shellable(s, this.welcome.peek()?.permissions ?? null, "shell")) return;
    const { state, ask } = shellStep(s, "shell");
    if (ask) void this.ask(s.id, "shell");
    else if (state === "given") this.shells.get(s.id)?.focus();
  }

  /** joinLive asks to come into a colleague's session. */
  joinLive(session: string, way: GuestWay): Promise<void> {
    return this.#live(() => this.wire.request("guest_join", { session, way }));
  }

  /** leaveLive ends somebody's place in a session, or the question about them. */
  leaveLive(session: string, epoch: number): Promise<void> {
    return this.#live(() => this.wire.request("guest_leave", { session, epoch }));
  }

  /** colleagues are to whom a session can be handed; null if that is not to be had. */
  async colleagues(): Promise<ColleagueList | null> {
    try {
      const m = await this.wire.request("colleagues", {});
      return m.type === "colleague_list" ? m.body : null;
    } catch (e) {
      this.#fail(e);
      return null;
    }
  }

  /** offerLive offers a session to a colleague or a team: the ticket's escalation does the latter. */
  offerLive(session: string, to: { account?: string; team?: string; words?: string }): Promise<void> {
    return this.#live(() => this.wire.request("live_offer", { session, ...to }));
  }

  /** endOffer withdraws an offer, or declines it. */
  endOffer(session: string): Promise<void> {
    return this.#live(() => this.wire.request("live_offer_end", { session }));
  }

  /** invite makes a link for one person from outside; null if there is none. */
  async invite(session: string): Promise<VendorInvited | null> {
    try {
      const m = await this.wire.request("vendor_invite", { session });
      this.trouble.value = "";
      return m.type === "vendor_invited" ? m.body : null;
    } catch (e) {
      this.#fail(e);
      return null;
    }
  }

  /** withdrawInvites makes links good for nothing that nobody has opened. */
  withdrawInvites(session: string): Promise<void> {
    return this.#live(() => this.wire.request("vendor_withdraw", { session }));
  }

  async #live(ask: () => Promise<unknown>): Promise<void> {
    try {
      await ask();
      this.trouble.value = "";
    } catch (e) {
      if (e instanceof Refused && e.code === "not_now") this.trouble.value = t("error.ask_later");
      else this.#fail(e);
    }
  }

  async #consent(type: "consent_request" | "consent_return", session: string, permission: Permission, device?: Device): Promise<void> {
    try {
      await this.wire.request(type, { session, permission, ...(device === undefined ? {} : { device }) });
      this.trouble.value = "";
    } catch (e) {
      if (type === "consent_request" && e instanceof Refused && e.code === "not_now") this.trouble.value = t("error.ask_later");
      else this.#fail(e);
    }
  }

  open(id: string): void {
    batch(() => {
      if (!this.opened.value.includes(id)) this.opened.value = [...this.opened.value, id];
      if (this.putAside.value === id) this.putAside.value = "";
      this.selected.value = id;
    });
  }

  /** openTicket opens a ticket in a tab of its own. */
  openTicket(id: string): void {
    if (this.welcome.value?.tickets !== true) return;
    this.tickets.ticket(id);
    this.open(tabOf(id));
  }

  /** The ticket that is open on the page, if this person may begin a session for it. */
  readonly ticketAtHand = computed(() => {
    const id = ticketIn(this.selected.value);
    const shown = id === null ? undefined : this.tickets.opened.get(id)?.shown.value;
    return shown?.works === true && shown.ticket.resolved === undefined ? shown.ticket : undefined;
  });

  /** sessionFor begins a session for the ticket that is open, or one of its own. */
  sessionFor(): Promise<string | undefined> {
    return this.newSession(false, this.ticketAtHand.value?.id ?? "");
  }

  /** newTicket opens the form of a new ticket. */
  newTicket(): void {
    if (this.welcome.value?.tickets === true && this.tickets.works.value) this.open(newTicket);
  }

  /** leave goes back to the list; the open sessions stay open. */
  leave(): void {
    this.selected.value = "";
  }

  /** close puts a session off the desk; it goes on, and that is said. Of one whose summary is missing it reminds first. */
  close(id: string): void {
    if (this.#reminds(this.sessions.value.filter((s) => s.id === id), () => this.close(id))) return;
    batch(() => {
      const at = this.opened.value.indexOf(id);
      const rest = this.opened.value.filter((o) => o !== id);
      this.opened.value = rest;
      if (this.selected.value === id) this.selected.value = rest[Math.min(at, rest.length - 1)] ?? "";
      const s = this.sessions.value.find((x) => x.id === id);
      this.putAside.value = s?.mine === true && !over(s.state) ? id : "";
    });
  }

  /** #reminds: one of the sessions lacks its summary, and nobody has put that off. What was to be done waits for an answer. */
  #reminds(among: readonly SessionView[], then: () => void): boolean {
    const now = performance.now();
    const s = among.find((x) => x.mine && x.summary === "missing" && (this.#putOff.get(x.id) ?? 0) <= now);
    if (s !== undefined) this.reminder.value = { session: s.id, then };
    return s !== undefined;
  }

  /** remindLater puts the reminder off, for all summaries that are missing now, and goes on with what was to be done. */
  remindLater(): void {
    const then = this.reminder.value?.then;
    this.reminder.value = null;
    for (const s of this.sessions.value) if (s.mine && s.summary === "missing") this.#putOff.set(s.id, performance.now() + putOff);
    then?.();
  }

  /** note is what the technician writes about a session. */
  note(session: SessionView): Note {
    const known = this.notes.get(session.id);
    if (known !== undefined) return known;
    const note = new Note(session, async (text, base, done) => {
      const m = await this.wire.request("note", { session: session.id, text, ...(base === undefined ? {} : { base }), ...(done ? { done } : {}) });
      if (m.type !== "session_changed") throw new Refused("unknown_state");
      return m.body.session;
    });
    this.notes.set(session.id, note);
    return note;
  }

  /** system is what is read of a session's computer. */
  system(id: string): SystemInfo {
    const known = this.systems.get(id);
    if (known !== undefined) return known;
    const ask = async (asked: Promise<Incoming>) => {
      try {
        const m = await asked;
        this.trouble.value = "";
        return m.type === "system_started" ? m.body : null;
      } catch (e) {
        this.#fail(e);
        return null;
      }
    };
    const info = new SystemInfo({
      session: () => this.sessions.value.find((s) => s.id === id),
      online: () => this.online.value,
      read: async (sections) => (await ask(this.wire.request("system_request", { session: id, sections: [...sections] })))?.snapshot ?? 0,
      follow: async (on) => (await ask(this.wire.request("system_follow", { session: id, on })))?.watch ?? 0,
    });
    this.systems.set(id, info);
    return info;
  }

  /** talk is the chat of a session. */
  talk(id: string): Talk {
    const known = this.talks.get(id);
    if (known !== undefined) return known;
    const talk = new Talk(
      "technician",
      {
        say: async (key, text) => {
          const m = await this.wire.request("chat_say", { session: id, key, text });
          if (m.type !== "chat_said") throw new Refused("unknown_state");
          return m.body;
        },
        since: async (after) => {
          const m = await this.wire.request("chat_since", { session: id, after });
          if (m.type !== "chat") throw new Refused("unknown_state");
          return m.body;
        },
      },
      () => this.#readsChat(id),
      (came) => this.#talked(id, came),
      (line) => {
        const s = this.sessions.value.find((x) => x.id === id);
        return line.from === "technician" && (line.guest ?? 0) === (s?.self ?? 0);
      },
    );
    this.talks.set(id, talk);
    void talk.pull();
    return talk;
  }

  /** unheard counts what the customer wrote in a session while nobody looked. */
  unheard(id: string): number {
    void this.talked.value;
    return this.talks.get(id)?.unread ?? 0;
  }

  #readsChat(id: string): boolean {
    return this.chatting.value === id && this.selected.value === id && document.visibilityState === "visible" && document.hasFocus();
  }

  /** #talked tells of a line that came: the log itself speaks while it is open. */
  #talked(id: string, came: ChatLine | null): void {
    this.talked.value++;
    const s = this.sessions.value.find((x) => x.id === id);
    if (came === null || s === undefined || this.#readsChat(id)) return;
    const text = t("chat.came", { text: came.text.length > shortened ? `${came.text.slice(0, shortened)}…` : came.text });
    if (this.chatting.value !== id || this.selected.value !== id) this.say(this.selected.value === id ? text : `${this.nameOf(s)}: ${text}`);
    if (this.selected.value !== id || document.visibilityState !== "visible" || !document.hasFocus()) {
      this.unread.value = new Set(this.unread.value).add(id);
      this.#bell.ring(this.nameOf(s), t("chat.came_short"), `chat-${id}`, () => this.open(id));
    }
  }

  /** #keepTalks has a talk for each live session of this person's that the customer is in. */
  #keepTalks(): void {
    for (const s of this.sessions.value) {
      if (!talksIn(s) || !picturable(s.state)) continue;
      const known = this.talks.get(s.id);
      if (known === undefined) this.talk(s.id);
      else if (!known.allowed) void known.pull(); // the customer has just come
    }
  }

  /** nameOf is what a session is called: its time, exact to the second where two would be called the same. */
  nameOf(s: SessionView): string {
    const now = this.clock.read();
    const time = hourOf(s.issued_at, now, false);
    const twin = this.sessions.value.some((x) => x.id !== s.id && hourOf(x.issued_at, now, false) === time);
    return t(s.test === true ? "test_session" : "session", { time: twin ? hourOf(s.issued_at, now, true) : time });
  }

  say(text: string): void {
    this.announcement.value = text;
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
        if (m.ref === 0 && m.body.session !== undefined) this.talks.get(m.body.session)?.take(m.body);
        break;
      case "guest_ended": {
        const { session, cause } = m.body;
        const s = this.sessions.value.find((x) => x.id === session);
        if (s === undefined || cause === "went" || !has(`guest.ended.${cause}`)) break;
        this.trouble.value = `${this.nameOf(s)}: ${t(`guest.ended.${cause}`)}`;
        break;
      }
      case "session_issued":
        batch(() => {
          this.#changed(m.body.session);
          this.issued.value = new Map(this.issued.value).set(m.body.session.id, m.body);
          this.open(m.body.session.id);
        });
        this.say(t("say.issued"));
        break;
      case "ticket_changed":
      case "ticket_gone":
      case "desk_changed":
        this.tickets.receive(m);
        break;
      case "system_part":
        if (this.#mine(m.body.session)) this.system(m.body.session).part(m.body);
        break;
      case "system_changes":
        if (this.#mine(m.body.session)) this.system(m.body.session).changes(m.body);
        break;
      case "error": // one that answers something nobody waits for is of no use to a person
        if (m.ref === 0) this.#fail(new Refused(m.body.code));
        break;
    }
  }

  #mine(id: string | undefined): id is string {
    return this.sessions.value.some((s) => s.id === id && s.mine && !over(s.state));
  }

  #welcomed(welcome: Welcome): void {
    const first = this.welcome.value === null;
    void this.library.load();
    const before = this.sessions.value;
    batch(() => {
      this.clock.set(welcome.now);
      this.welcome.value = welcome;
      this.sessions.value = (welcome.sessions ?? []).map(viewOf).sort(newestFirst);
      this.opened.value = this.opened.value.filter((id) => ticketIn(id) !== null || this.sessions.value.some((s) => s.id === id));
      this.wire.answered();
      this.trouble.value = "";
      for (const s of this.sessions.value) this.notes.get(s.id)?.arrived(s);
      // After a reload the work goes on where it was.
      if (first) {
        const mine = this.sessions.value.filter((s) => s.mine && !over(s.state));
        this.opened.value = mine.map((s) => s.id).reverse();
        this.selected.value = (mine.find((s) => s.state === "Active") ?? mine[0])?.id ?? "";
      } else if (!this.opened.value.includes(this.selected.value)) {
        this.selected.value = this.opened.value[0] ?? "";
      }
    });
    if (welcome.tickets === true) this.tickets.again();
    if (!first) this.#returned(before);
    else this.#keepTalks();
    const live = new Set(this.sessions.value.filter((s) => !over(s.state)).map((s) => s.id));
    this.ending.value = new Set([...this.ending.value].filter((id) => live.has(id)));
    for (const id of this.ending.value) this.#sendEnd(id);
  }

  /** #returned makes good what a lost connection left. */
  #returned(before: readonly SessionView[]): void {
    // The broker dropped this window's pictures together with its socket.
    for (const p of this.pictures.value.values()) p.start();
    for (const n of this.notes.values()) n.online();
    for (const s of this.systems.values()) s.lost();
    for (const [id, talk] of this.talks) if (this.sessions.value.some((s) => s.id === id && !over(s.state))) void talk.pull();
    this.#keepTalks();
    if (this.lostAt.value > 0) {
      this.back.value = performance.now() - this.lostAt.value;
      this.lostAt.value = 0;
      clearTimeout(this.#backTimer);
      this.#backTimer = setTimeout(() => (this.back.value = 0), backShown);
    }
    for (const s of this.sessions.value) this.#notice(before.find((b) => b.id === s.id), s);
  }

  #changed(session: Session): void {
    const next = viewOf(session);
    const before = this.sessions.value.find((s) => s.id === next.id);
    if (before && rank(before.state) > rank(next.state)) return; // the only way is forward
    const foreign = !next.mine && next.self === undefined && (next.may ?? []).length === 0 && next.offer?.mine !== true;
    if (foreign && !(over(next.state) && this.opened.value.includes(next.id))) { // it is none of this person's any more
      batch(() => {
        this.sessions.value = this.sessions.value.filter((s) => s.id !== next.id);
        if (this.opened.value.includes(next.id)) this.close(next.id);
      });
      return;
    }
    this.sessions.value = [next, ...this.sessions.value.filter((s) => s.id !== next.id)].sort(newestFirst);
    if (over(next.state) && this.ending.value.has(next.id)) {
      this.ending.value = new Set([...this.ending.value].filter((id) => id !== next.id));
    }
    if (next.state !== "Issued" && this.issued.value.has(next.id)) { // its key is used up
      const issued = new Map(this.issued.value);
      issued.delete(next.id);
      this.issued.value = issued;
    }
    this.notes.get(next.id)?.arrived(next);
    if (before !== undefined && talksIn(before) && !talksIn(next)) { // nothing of it stays here
      this.talks.get(next.id)?.end();
      this.talks.delete(next.id);
    }
    if (before?.state !== next.state || before.self !== next.self || talksIn(before) !== talksIn(next)) {
      this.#keepTalks();
      if (over(next.state)) this.talks.get(next.id)?.end();
    }
    if (over(next.state)) {
      this.systems.get(next.id)?.close();
      this.systems.delete(next.id);
    }
    if (over(next.state) && this.putAside.value === next.id) this.putAside.value = "";
    this.#notice(before, next);
  }

  /** #notice says what the technician would otherwise not notice: to a screen
   * reader, on the tab and, to who looks elsewhere, by the bell. */
  #notice(before: SessionView | undefined, next: SessionView): void {
    const what = happeningOf(before, next);
    const looking = this.selected.value === next.id && document.visibilityState === "visible" && document.hasFocus();
    if (what !== null) {
      const text = happened(what, next);
      this.say(this.selected.value === next.id ? text : `${this.nameOf(next)}: ${text}`);
      const own = what === "ended" && next.end_reason === "technician";
      if (!looking && !own) {
        this.unread.value = new Set(this.unread.value).add(next.id);
        this.#bell.ring(this.nameOf(next), text, next.id, () => this.open(next.id));
      }
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
      this.unread.value = new Set(this.unread.value).add(next.id);
      this.#bell.ring(this.nameOf(next), text, next.id, () => this.open(next.id));
    }
    const step = next.steps.at(-1);
    if (this.selected.value === next.id && step && before && step !== before.steps.at(-1) && has(`step.done.${step}`)) {
      this.say(t(`step.done.${step}`));
    }
  }

  /** #look marks as read what is looked at. */
  #look(): void {
    const id = this.selected.value;
    if (this.#readsChat(id)) this.talks.get(id)?.read();
    if (!this.unread.value.has(id) || document.visibilityState !== "visible" || !document.hasFocus()) return;
    this.unread.value = new Set([...this.unread.value].filter((x) => x !== id));
  }

  #saveNotes(): void {
    for (const n of this.notes.values()) void n.flush();
  }

  /** #keepPictures holds a picture for each open session of this person that can have one. */
  #keepPictures(): void {
    const wanted = this.opened.value.filter((id) => {
      const s = this.sessions.value.find((x) => x.id === id);
      return s !== undefined && (s.mine || looksOn(s)) && picturable(s.state) && !this.ending.value.has(id);
    });
    const had = this.pictures.peek();
    const selected = this.selected.value;
    if (this.welcome.value === null) return;
    if (wanted.length === had.size && wanted.every((id) => had.has(id))) {
      untracked(() => had.forEach((p, id) => p.look(id === selected)));
      return;
    }
    untracked(() => {
      const next = new Map<string, Picture>();
      for (const id of wanted) next.set(id, had.get(id) ?? this.#picture(id));
      for (const [id, p] of had) {
        if (next.has(id)) continue;
        this.controls.get(id)?.close();
        this.controls.delete(id);
        this.shells.get(id)?.close();
        this.shells.delete(id);
        this.files.get(id)?.close();
        this.files.delete(id);
        this.drawings.get(id)?.close();
        this.drawings.delete(id);
        this.clipboards.get(id)?.close();
        this.clipboards.delete(id);
        p.close();
        // Who ends a session does not have to stop watching it as well.
        const s = this.sessions.peek().find((x) => x.id === id);
        if (s && !over(s.state) && !this.ending.peek().has(id)) this.wire.send("stop_watching", { session: id });
      }
      this.pictures.value = next;
      next.forEach((p, id) => p.look(id === selected));
    });
  }

  #picture(id: string): Picture {
    const picture = new Picture({
      offer: (sdp) => this.#offer(id, sdp),
      stop: () => void this.wire.send("stop_watching", { session: id }),
      disturbed: () => this.wire.probe(),
    });
    this.controls.set(id, new Control(picture, () => this.sessions.value.find((s) => s.id === id)));
    this.shells.set(id, new Shell(picture, () => this.sessions.value.find((s) => s.id === id)));
    this.files.set(id, new Files(picture, () => this.sessions.value.find((s) => s.id === id)));
    this.drawings.set(id, new Drawing(() => this.sessions.value.find((s) => s.id === id), () => picture.size.peek(), (m) => this.wire.send("annotate", { session: id, ...m })));
    this.clipboards.set(id, new Clipboards(picture, () => this.sessions.value.find((s) => s.id === id)));
    return picture;
  }

  async #offer(session: string, sdp: string): Promise<Answer> {
    const m = await this.wire.request("offer", { session, sdp });
    if (m.type !== "answer") throw new Refused("unknown_state");
    return m.body;
  }

  #sendEnd(id: string): void {
    // The answer is the session's change; only a refusal, or no connection, comes back here.
    this.wire.request("end_session", { session: id }).catch((e: unknown) => {
      const code = e instanceof Refused ? e.code : "unavailable";
      const s = this.sessions.value.find((x) => x.id === id);
      if (s === undefined || over(s.state) || code === "timeout") return;
      if (code === "offline") {
        this.trouble.value = t("trouble.end_offline"); // sent again after the next welcome
        return;
      }
      this.ending.value = new Set([...this.ending.value].filter((x) => x !== id));
      this.#fail(e);
    });
  }

  #fail(e: unknown): void {
    const key = `error.${e instanceof Refused ? e.code : "unavailable"}`;
    this.trouble.value = has(key) ? t(key) : t("error.unavailable");
  }
}

/** happened says what happened in a session, in a sentence. */
export function happened(what: Happening, s: SessionView): string {
  return what === "ended" ? `${t("ended.heading")}. ${reasonText(s)}` : t(`happened.${what}`);
}

/** reasonText says in the technician's words why a session ended. */
const rank = (s: State) => states.indexOf(s);
const newestFirst = (a: SessionView, b: SessionView) => (a.issued_at < b.issued_at ? 1 : a.issued_at > b.issued_at ? -1 : 0);
