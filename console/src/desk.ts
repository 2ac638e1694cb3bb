// What the technician has on the desk: the sessions, which are open, their
// keys and pictures, and what can be done with them. Views read the signals.

import { batch, computed, effect, signal, untracked } from "@preact/signals";
import type { Incoming } from "./check";
import { Clock } from "./clock";
import { Picture } from "./picture";
import { type Answer, type Session, type SessionIssued, type State, states, type Welcome } from "./protocol";
import { has, t } from "./text";
import { Refused, Wire } from "./wire";

/** A session without the nulls that Go writes for empty lists. */
export type SessionView = { [K in keyof Session]: NonNullable<Session[K]> };

/** Whether the picture of a session in this state can be asked for. */
const picturable = (s: State) => s === "Waiting" || s === "Active";
export const over = (s: State) => s === "Ending" || s === "Closed";

/** How often a working console says that somebody is there, in ms. */
const stayingSignedIn = 5 * 60_000;

export class Desk {
  readonly clock = new Clock();
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
  /** Sessions whose red X was pressed and that the broker has not ended yet. */
  readonly ending = signal<ReadonlySet<string>>(new Set());
  readonly asking = signal(false); // a new session was asked for
  /** What went wrong, as a sentence, until it is closed or the next act succeeds. */
  readonly trouble = signal("");
  /** What a screen reader is told next, politely. */
  readonly announcement = signal("");

  readonly current = computed(() => this.sessions.value.find((s) => s.id === this.selected.value));
  readonly online = computed(() => this.wire.line.value.kind === "online");

  constructor(url: string, signedOut: () => void) {
    this.wire = new Wire(url, (m) => this.#receive(m), signedOut);
    effect(() => this.#keepPictures());
  }

  start(): void {
    this.clock.start();
    this.wire.connect();
    // The sign-in ends when it is idle, and the socket alone does not count.
    setInterval(() => {
      if (this.online.value && this.sessions.value.some((s) => !over(s.state))) void fetch("/console/", { method: "HEAD" }).catch(() => {});
    }, stayingSignedIn);
  }

  /** newSession asks for a session and opens it with its key. */
  async newSession(): Promise<void> {
    if (this.asking.value || this.welcome.value?.can_issue === false) return;
    this.asking.value = true;
    try {
      await this.wire.request("new_session", {});
      this.trouble.value = "";
    } catch (e) {
      this.#fail(e);
    } finally {
      this.asking.value = false;
    }
  }

  /** end is the red X: this window's picture stops at once, also without a connection. */
  end(id: string): void {
    this.#sendEnd(id); // before anything else
    this.ending.value = new Set(this.ending.value).add(id);
  }

  open(id: string): void {
    batch(() => {
      if (!this.opened.value.includes(id)) this.opened.value = [...this.opened.value, id];
      this.selected.value = id;
    });
  }

  /** leave goes back to the list; the open sessions stay open. */
  leave(): void {
    this.selected.value = "";
  }

  /** close puts a session off the desk; it goes on. */
  close(id: string): void {
    batch(() => {
      const at = this.opened.value.indexOf(id);
      const rest = this.opened.value.filter((o) => o !== id);
      this.opened.value = rest;
      if (this.selected.value === id) this.selected.value = rest[Math.min(at, rest.length - 1)] ?? "";
      // The key goes with it: it was to be read out once.
      const issued = new Map(this.issued.value);
      if (issued.delete(id)) this.issued.value = issued;
    });
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
        this.#changed(m.body.session);
        break;
      case "session_issued":
        batch(() => {
          this.#changed(m.body.session);
          this.issued.value = new Map(this.issued.value).set(m.body.session.id, m.body);
          this.open(m.body.session.id);
        });
        this.say(t("say.issued"));
        break;
      case "error": // one that answers something nobody waits for is of no use to a person
        if (m.ref === 0) this.#fail(new Refused(m.body.code));
        break;
    }
  }

  #welcomed(welcome: Welcome): void {
    const first = this.welcome.value === null;
    batch(() => {
      this.clock.set(welcome.now);
      this.welcome.value = welcome;
      this.sessions.value = (welcome.sessions ?? []).map(view).sort(newestFirst);
      this.opened.value = this.opened.value.filter((id) => this.sessions.value.some((s) => s.id === id));
      this.wire.answered();
      this.trouble.value = "";
      // After a reload the work goes on where it was.
      if (first) {
        const mine = this.sessions.value.filter((s) => s.mine && !over(s.state));
        this.opened.value = mine.map((s) => s.id).reverse();
        this.selected.value = (mine.find((s) => s.state === "Active") ?? mine[0])?.id ?? "";
      } else if (!this.opened.value.includes(this.selected.value)) {
        this.selected.value = this.opened.value[0] ?? "";
      }
    });
    // The broker dropped this window's pictures together with its socket.
    if (!first) for (const p of this.pictures.value.values()) p.start();
    const live = new Set(this.sessions.value.filter((s) => !over(s.state)).map((s) => s.id));
    this.ending.value = new Set([...this.ending.value].filter((id) => live.has(id)));
    for (const id of this.ending.value) this.#sendEnd(id);
  }

  #changed(session: Session): void {
    const next = view(session);
    const before = this.sessions.value.find((s) => s.id === next.id);
    if (before && rank(before.state) > rank(next.state)) return; // the only way is forward
    this.sessions.value = [next, ...this.sessions.value.filter((s) => s.id !== next.id)].sort(newestFirst);
    if (over(next.state) && this.ending.value.has(next.id)) {
      this.ending.value = new Set([...this.ending.value].filter((id) => id !== next.id));
    }
    this.#announce(before, next);
  }

  /** #announce says what a screen reader's user would otherwise not notice. */
  #announce(before: SessionView | undefined, next: SessionView): void {
    if (!this.opened.value.includes(next.id)) return;
    const step = next.steps.at(-1);
    if (next.state !== before?.state && over(next.state)) {
      this.say(`${t("ended.heading")}. ${reasonText(next)}`);
    } else if (step && step !== before?.steps.at(-1) && has(`step.done.${step}`)) {
      this.say(t(`step.done.${step}`));
    }
  }

  /** #keepPictures holds a picture for each open session of this person that can have one. */
  #keepPictures(): void {
    const wanted = this.opened.value.filter((id) => {
      const s = this.sessions.value.find((x) => x.id === id);
      return s?.mine === true && picturable(s.state) && !this.ending.value.has(id);
    });
    const had = this.pictures.peek();
    if (this.welcome.value === null || (wanted.length === had.size && wanted.every((id) => had.has(id)))) return;
    untracked(() => {
      const next = new Map<string, Picture>();
      for (const id of wanted) next.set(id, had.get(id) ?? new Picture((sdp) => this.#offer(id, sdp)));
      for (const [id, p] of had) {
        if (next.has(id)) continue;
        p.close();
        // Who ends a session does not have to stop watching it as well.
        const s = this.sessions.peek().find((x) => x.id === id);
        if (s && !over(s.state) && !this.ending.peek().has(id)) this.wire.send("stop_watching", { session: id });
      }
      this.pictures.value = next;
    });
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

/** reasonText says in the technician's words why a session ended. */
export function reasonText(s: SessionView): string {
  if (s.end_reason === "technician" && !s.mine) return t("reason.technician_other", { name: s.technician.name });
  const key = `reason.${s.end_reason ?? ""}`;
  return has(key) ? t(key) : t("reason.unknown");
}

function view(s: Session): SessionView {
  return { ...s, consents: s.consents ?? [], steps: s.steps ?? [], viewers: s.viewers ?? [] };
}

const rank = (s: State) => states.indexOf(s);
const newestFirst = (a: SessionView, b: SessionView) => (a.issued_at < b.issued_at ? 1 : a.issued_at > b.issued_at ? -1 : 0);
