// The chats of the sessions, and who is told that something was said.

import { signal } from "@preact/signals";
import { Talk } from "../chat/talk";
import type { Chat, ChatLine } from "../protocol";
import { over, picturable, type SessionView, talksIn } from "../sessionview";
import { t } from "../text";
import { Refused, type Wire } from "../wire";
import { atEachLook, looking, type Notices } from "./notices";
import type { Sessions } from "./sessions";
import type { Tabs } from "./tabs";

/** From how many letters on a line of chat is shortened where it is only told of. */
const shortened = 120;

export class Talks {
  /** Counts the changes of all talks: what reads one reads this. */
  readonly changes = signal(0);
  /** The session whose chat is open on the page, "" if none. */
  readonly open = signal("");
  readonly #known = new Map<string, Talk>();
  readonly #wire: Wire;
  readonly #sessions: Sessions;
  readonly #tabs: Tabs;
  readonly #notices: Notices;

  constructor(wire: Wire, sessions: Sessions, tabs: Tabs, notices: Notices) {
    this.#wire = wire;
    this.#sessions = sessions;
    this.#tabs = tabs;
    this.#notices = notices;
    atEachLook(() => {
      const id = tabs.selected.value;
      if (this.#reads(id)) this.#known.get(id)?.read();
    });
  }

  /** of is the chat of a session. */
  of(id: string): Talk {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const talk = new Talk(
      "technician",
      {
        say: async (key, text) => {
          const m = await this.#wire.request("chat_say", { session: id, key, text });
          if (m.type !== "chat_said") throw new Refused("unknown_state");
          return m.body;
        },
        since: async (after) => {
          const m = await this.#wire.request("chat_since", { session: id, after });
          if (m.type !== "chat") throw new Refused("unknown_state");
          return m.body;
        },
      },
      () => this.#reads(id),
      (came) => this.#changed(id, came),
      (line) => line.from === "technician" && (line.guest ?? 0) === (this.#sessions.find(id)?.self ?? 0),
    );
    this.#known.set(id, talk);
    void talk.pull();
    return talk;
  }

  /** unheard counts what the customer wrote in a session while nobody looked. */
  unheard(id: string): number {
    void this.changes.value;
    return this.#known.get(id)?.unread ?? 0;
  }

  /** take takes what the broker says unasked. */
  take(chat: Chat): void {
    if (chat.session !== undefined) this.#known.get(chat.session)?.take(chat);
  }

  /** keep has a talk for each live session of this person's that the customer is in. */
  keep(): void {
    for (const s of this.#sessions.list.value) {
      if (!talksIn(s) || !picturable(s.state)) continue;
      const known = this.#known.get(s.id);
      if (known === undefined) this.of(s.id);
      else if (!known.allowed) void known.pull(); // the customer has just come
    }
  }

  /** sessionChanged begins and ends talks with their sessions, and with this person's place there. */
  sessionChanged(before: SessionView | undefined, next: SessionView): void {
    if (before !== undefined && talksIn(before) && !talksIn(next)) { // nothing of it stays here
      this.#known.get(next.id)?.end();
      this.#known.delete(next.id);
    }
    if (before?.state === next.state && before.self === next.self && talksIn(before) === talksIn(next)) return;
    this.keep();
    if (over(next.state)) this.#known.get(next.id)?.end();
  }

  /** again asks for what a lost connection kept from here. */
  again(): void {
    for (const [id, talk] of this.#known) {
      const s = this.#sessions.find(id);
      if (s !== undefined && !over(s.state)) void talk.pull();
    }
    this.keep();
  }

  #reads(id: string): boolean {
    return this.open.value === id && this.#tabs.selected.value === id && looking();
  }

  /** #changed tells of a line that came: the log itself speaks while it is open. */
  #changed(id: string, came: ChatLine | null): void {
    this.changes.value++;
    const s = this.#sessions.find(id);
    if (came === null || s === undefined || this.#reads(id)) return;
    const here = this.#tabs.selected.value === id;
    const text = came.text.length > shortened ? `${came.text.slice(0, shortened)}…` : came.text;
    if (this.open.value !== id || !here) this.#notices.sayOf(s, t("chat.came", { text }));
    if (!here || !looking()) this.#notices.mark(s, t("chat.came_short"), `chat-${id}`);
  }
}
