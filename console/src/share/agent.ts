// The session's agent, played by this page: terms, consent, picture and end, in
// the order that package protocol sets. Evidence first: no pixel leaves before the
// broker has said that it is recorded what is shown.

import { Talk } from "../chat/talk";
import { type Chat, type ChatSaid, currentVersion, type EndReason, type GuestAnswer, type Messages, returnLimitMs, type SharingState, type Source } from "../protocol";
import { delay, tryFor } from "../retry";
import type { ChatBox } from "./chat";
import type { GuestBox } from "./guests";
import { type Incoming, Link, Refused } from "./link";
import { Gauge, networkInterval } from "./network";
import type { Page } from "./page";
import { choose, look, Picture } from "./picture";

/** What the page says about itself and its session. */
export interface Settings {
  url: string; // of the WebSocket
  software: string;
  system: string;
  language: string;
  ticket: string;
  terms: string; // version of the terms that the page shows
}

/** How long this page may not run before it counts as a sleep, in milliseconds. */
const sleepsOver = 10_000;

/** The longest sleep that can be told. */
const maxSlept = 31 * 24 * 3600 * 1000;

export class Agent {
  readonly #page: Page;
  readonly #settings: Settings;
  readonly #picture: Picture;
  readonly #box: ChatBox;
  readonly #guests: GuestBox;
  readonly #talk: Talk;
  #link: Link | null = null; // made when the customer answers the terms
  #returning: Link | null = null; // with which it is tried to come back
  #terms: string;
  #session = "";
  #secret = ""; // not empty: joined
  #accepted = false;
  #epoch = 0; // of the question for the view
  #given = false;
  #recorded: (() => void) | null = null; // who waits for the consent to be on the evidence
  #track: MediaStreamTrack | null = null;
  #state: SharingState = "stopped";
  #shape = { source: "unknown" as Source, width: 0, height: 0 };
  #began = 0;
  #clock = 0;
  #away = false; // coming back
  #took = 0; // until the last connection was of use, in milliseconds
  #ticked = 0; // by the wall clock, which goes on while the computer sleeps
  #slept = { n: 0, ms: 0 }; // the last sleep
  readonly #gauge = new Gauge();
  #gauged = 0; // when, by performance.now
  #over = false;

  constructor(page: Page, box: ChatBox, guests: GuestBox, settings: Settings) {
    this.#page = page;
    this.#box = box;
    this.#guests = guests;
    this.#talk = new Talk("customer", { say: (key, text) => this.#saying(key, text), since: (after) => this.#since(after) }, () => box.looking(), () => box.draw());
    this.#settings = settings;
    this.#terms = settings.terms;
    this.#picture = new Picture((sdp) => this.#offer(sdp), () => this.#link?.probe());
  }

  /** joined tells whether this page is a session's agent: leaving it ends the session. */
  get joined(): boolean {
    return this.#secret !== "" && !this.#over;
  }

  /** answerTerms joins the session and answers for the customer, who pressed a button. */
  async answerTerms(accepted: boolean): Promise<void> {
    this.#page.to("wait");
    try {
      if (this.#secret === "" && !(await this.#join())) return;
    } catch (e) {
      void this.#link?.close();
      this.#page.to("terms");
      this.#page.problem(e instanceof Refused && e.code === "key" ? "used" : "unreachable");
      return;
    }
    this.#accepted = accepted;
    if (!accepted && this.#away) return this.end("terms_declined");
    this.#send("terms_answer", { version: this.#terms, accepted });
    if (accepted) this.#picture.connect(); // while the customer reads
    else await this.#leave();
  }

  /** share has the browser ask what to show, and says yes for the customer to what was chosen. */
  async share(): Promise<void> {
    const track = await this.#choose("denied");
    if (track === null) return;
    this.#page.to("wait");
    const recorded = new Promise<void>((resolve) => (this.#recorded = resolve));
    this.#given = true;
    this.#send("consent_answer", { permission: "view_screen", state: "given", epoch: this.#epoch });
    await recorded;
    if (this.#over) return track.stop();
    this.#began = performance.now();
    this.#page.to("live");
    this.#ticked = Date.now();
    this.#clock = setInterval(() => this.#tick(), 1000);
    await this.#use(track);
  }

  /** refuse says no for the customer. */
  async refuse(): Promise<void> {
    if (this.#away) return this.end("consent_refused");
    this.#send("consent_answer", { permission: "view_screen", state: "refused", epoch: this.#epoch });
    await this.#leave();
  }

  /** pause hides the picture: nothing is sent. */
  async pause(): Promise<void> {
    if (this.#track === null || this.#state === "paused") return;
    this.#track.enabled = false;
    const hidden = this.#picture.show(null);
    this.#say("paused");
    await hidden;
  }

  /** resume shows it again. */
  async resume(): Promise<void> {
    if (this.#track !== null && this.#state === "paused") await this.#show(this.#track);
  }

  /** change has the browser ask anew; what was shown stays until something else was chosen. */
  async change(): Promise<void> {
    const track = await this.#choose("unchanged");
    if (track !== null) await this.#use(track);
  }

  /** answerGuest says what the customer wants of a person. */
  answerGuest(answer: GuestAnswer): void {
    this.#send("guest_answer", answer);
  }

  /** end is the red X: first nothing is sent any more, then the broker is told. */
  async end(reason: EndReason): Promise<void> {
    if (this.#over) return;
    this.#stop();
    this.#page.to("over");
    if (this.#secret !== "" && (this.#away || !this.#link?.send("ended", { reason }))) await this.#tellLater(reason);
    await this.#leave();
  }

  /** #tellLater tells a broker that is away now why it is over, as soon as it is back. */
  async #tellLater(reason: EndReason): Promise<void> {
    const until = performance.now() + returnLimitMs;
    for (let attempt = 0; performance.now() < until; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, delay(attempt)));
      const link = new Link(this.#settings.url, () => undefined, tryFor(attempt, this.#took));
      try {
        await this.#hello(link);
        await link.request("resume", { session: this.#session, secret: this.#secret });
        link.send("ended", { reason });
        this.#link = link; // closed when all is sent
        return;
      } catch (e) {
        void link.close();
        if (e instanceof Refused && e.code !== "offline" && e.code !== "unavailable") return; // it is over already
      }
    }
  }

  /** abandon ends the session while the page goes away, and there is time for nothing else. */
  abandon(): void {
    if (this.#over || this.#secret === "") return;
    this.#stop();
    this.#send("ended", { reason: "customer" });
    // Where the socket had no time left: the same way that the page's button goes.
    navigator.sendBeacon("/session/stop", new URLSearchParams());
  }

  #dial(): Link {
    const link = new Link(this.#settings.url, (m) => this.#receive(m));
    link.lost = () => this.#lost(link);
    this.#link = link;
    return link;
  }

  // While the page comes back nothing else is said: it is said again after that.

  #send<T extends keyof Messages>(type: T, body: Messages[T]): void {
    if (!this.#away) this.#link?.send(type, body);
  }

  #ask<T extends keyof Messages>(type: T, body: Messages[T]): Promise<Incoming> {
    if (this.#away || this.#link === null) return Promise.reject(new Refused("offline"));
    return this.#link.request(type, body);
  }

  #hello(link: Link): Promise<Incoming> {
    const { software, system, language } = this.#settings;
    return link.request("hello", { version: currentVersion, software, system, language });
  }

  /** #join uses the ticket up. It reports whether the terms are those that were read. */
  async #join(): Promise<boolean> {
    const link = this.#dial();
    const dialled = performance.now();
    await this.#hello(link);
    const joined = await link.request("join", { ticket: this.#settings.ticket, languages: [this.#settings.language], guests: true });
    if (joined.type !== "joined") throw new Refused("malformed");
    this.#session = joined.body.session;
    this.#secret = joined.body.resume;
    this.#took = performance.now() - dialled;
    link.keep();
    if (joined.body.chat === true) this.#box.begin(this.#talk);
    const { version, text } = joined.body.terms;
    if (version === this.#terms) return true;
    this.#terms = version;
    this.#page.terms(text);
    this.#page.to("terms");
    this.#page.problem("terms_changed");
    return false;
  }

  #receive(m: Incoming): void {
    if (this.#over) return;
    switch (m.type) {
      case "consent_ask":
        if (m.body.permission !== "view_screen") return;
        if (this.#given && m.body.epoch === this.#epoch) {
          // The yes was lost on the way.
          this.#send("consent_answer", { permission: "view_screen", state: "given", epoch: this.#epoch });
          return;
        }
        this.#epoch = m.body.epoch;
        if (!this.#given) this.#page.to("ask");
        return;
      case "consent_recorded":
        if (m.body.permission === "view_screen") this.#recorded?.();
        return;
      case "guest_ask":
        if (this.#began > 0) this.#guests.ask(m.body.guest);
        else this.answerGuest({ epoch: m.body.guest.epoch, state: "refused", cause: "unable" });
        return;
      case "guest_recorded":
        this.#guests.recorded(m.body.epoch);
        return;
      case "handed_over":
        if (!this.#guests.handed(m.body)) void this.end("consent_withdrawn"); // a stranger
        return;
      case "guest_ended":
        this.#guests.ended(m.body.epoch);
        return;
      case "picture":
        this.#picture.code(m.body.codec);
        return;
      case "chat":
        if (m.ref === 0) this.#talk.take(this.#heard(m.body));
        return;
      case "ended":
        this.#stop();
        void this.#leave();
        return;
      default:
        return; // answers and what a newer broker sends
    }
  }

  /** #heard leaves out lines of people whom the customer has not let in here. */
  #heard(chat: Chat): Chat {
    return { ...chat, lines: (chat.lines ?? []).filter((l) => (l.guest ?? 0) === 0 || this.#guests.may(l.guest ?? 0)) };
  }

  async #saying(key: string, text: string): Promise<ChatSaid> {
    const m = await this.#ask("chat_say", { key, text });
    if (m.type !== "chat_said") throw new Refused("malformed");
    return m.body;
  }

  async #since(after: number): Promise<Chat> {
    const m = await this.#ask("chat_since", { after });
    if (m.type !== "chat") throw new Refused("malformed");
    return this.#heard(m.body);
  }

  async #offer(sdp: string): Promise<string> {
    const answer = await this.#ask("offer", { sdp });
    if (answer.type !== "answer") throw new Refused("malformed");
    return answer.body.sdp;
  }

  /** #choose returns what the customer chose, null if nothing was. */
  async #choose(otherwise: "denied" | "unchanged"): Promise<MediaStreamTrack | null> {
    this.#page.problem(null);
    this.#page.choosing(true);
    try {
      const track = await choose();
      if (!this.#over) return track;
      track.stop(); // ended while the customer chose
    } catch (e) {
      if (this.#over) return null;
      const no = e instanceof DOMException && (e.name === "NotAllowedError" || e.name === "AbortError");
      this.#page.problem(no ? otherwise : "failed");
      this.#send("sharing", { state: "denied", source: "unknown", width: 0, height: 0 });
    } finally {
      this.#page.choosing(false);
    }
    return null;
  }

  /** #use shows track in place of what was shown before. */
  async #use(track: MediaStreamTrack): Promise<void> {
    const old = this.#track;
    this.#track = track;
    await this.#picture.show(null);
    old?.stop();
    track.onended = () => track === this.#track && this.#gone();
    track.onmute = () => track === this.#track && this.#state === "shown" && this.#say("muted");
    track.onunmute = () => track === this.#track && this.#state === "muted" && void this.#show(track);
    await this.#show(track);
  }

  /** #show lets the picture go once it is on the evidence what it shows. */
  async #show(track: MediaStreamTrack): Promise<void> {
    this.#shape = look(track);
    this.#state = "shown";
    try {
      await this.#ask("sharing", { state: "shown", ...this.#shape });
    } catch {
      return; // the connection is lost: it is said again when it is back
    }
    if (this.#over || track !== this.#track || this.#state !== "shown") return;
    track.enabled = true;
    await this.#picture.show(track);
    this.#page.state("shown", this.#shape.source);
  }

  /** #gone: the window was closed, or the browser's own button pressed. */
  #gone(): void {
    this.#track = null;
    void this.#picture.show(null);
    this.#say("stopped");
  }

  #say(state: SharingState): void {
    this.#state = state;
    this.#send("sharing", { state, ...this.#shape });
    this.#page.state(state, this.#shape.source);
  }

  #tick(): void {
    const now = Date.now();
    if (now - this.#ticked > sleepsOver) {
      this.#slept = { n: this.#slept.n + 1, ms: Math.min(now - this.#ticked, maxSlept) };
      if (!this.#away) this.#send("slept", this.#slept); // else it is said after the return
    }
    this.#ticked = now;
    const clock = performance.now();
    this.#page.time((clock - this.#began) / 1000);
    if (clock - this.#gauged >= networkInterval - 100) { // ticks come early and late
      this.#gauged = clock;
      void this.#measure();
    }
    if (this.#track === null || this.#state !== "shown") return;
    const { width, height } = look(this.#track);
    if (width === this.#shape.width && height === this.#shape.height) return;
    this.#shape = { ...this.#shape, width, height };
    this.#send("sharing", { state: "shown", ...this.#shape });
  }

  /** #measure tells how the network bears the picture, for the technician who wonders. */
  async #measure(): Promise<void> {
    if (this.#state !== "shown" || this.#away) return;
    const report = await this.#picture.stats().catch(() => null); // its connection is going away
    if (report === null || this.#over || this.#away) return;
    const said = this.#gauge.next(report);
    if (said !== null) this.#send("network", said);
  }

  /** #lost comes back to the session; the picture goes on meanwhile if it can. */
  #lost(link: Link): void {
    if (this.#over || link !== this.#link || this.#secret === "") return;
    this.#away = true;
    this.#page.problem("away");
    void this.#comeBack(performance.now() + returnLimitMs);
  }

  async #comeBack(until: number): Promise<void> {
    for (let attempt = 0; !this.#over; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, delay(attempt)));
      if (this.#over) return;
      if (performance.now() > until) return this.end("network_lost");
      const link = new Link(this.#settings.url, (m) => this.#receive(m), tryFor(attempt, this.#took));
      this.#returning = link;
      const dialled = performance.now();
      try {
        await this.#hello(link);
        const resumed = await link.request("resume", { session: this.#session, secret: this.#secret });
        if (resumed.type !== "resumed") throw new Refused("malformed");
        if (this.#over) return void link.close();
        link.lost = () => this.#lost(link);
        link.keep();
        this.#link = link;
        this.#returning = null;
        this.#took = performance.now() - dialled;
        this.#away = false;
        this.#gauge.forget();
        this.#page.problem(null);
        this.#box.returned();
        if (resumed.body.handed !== undefined && !this.#guests.handed(resumed.body.handed)) return void this.end("consent_withdrawn");
        this.#guests.returned(resumed.body.guests ?? []);
        if (this.#slept.n > 0) link.send("slept", this.#slept);
        if (!resumed.body.accepted && this.#accepted) link.send("terms_answer", { version: this.#terms, accepted: true });
        if ((resumed.body.consents ?? []).some((c) => c.permission === "view_screen" && c.state === "given")) this.#recorded?.();
        if (!(resumed.body.picture && this.#picture.up) && this.#accepted) this.#picture.connect();
        if (this.#began === 0) return;
        if (this.#state === "shown" && this.#track !== null) await this.#show(this.#track);
        else this.#say(this.#state);
        return;
      } catch (e) {
        void link.close();
        if (e instanceof Refused && e.code !== "offline" && e.code !== "unavailable") {
          this.#stop(); // the session is over
          return this.#leave();
        }
      }
    }
  }

  /** #stop sends nothing any more, at once. */
  #stop(): void {
    this.#over = true;
    this.#box.end();
    this.#guests.end();
    void this.#returning?.close();
    clearInterval(this.#clock);
    this.#picture.close();
    this.#track?.stop();
    this.#track = null;
    this.#recorded?.();
  }

  /** #leave goes on to the page that says how it ended. */
  async #leave(): Promise<void> {
    this.#stop();
    this.#page.to("over");
    await this.#link?.close();
    location.replace("/session");
  }
}
