// The chat of one session as one side has it: what was said, what is on its way and what
// was not delivered. It asks for what it missed, and shows gaps as gaps.

import { type Chat, type ChatLine, type ChatSaid, type ChatSide, type ErrorCode, maxChat } from "../protocol";

/** A line that the other side may not have yet. */
export interface Pending {
  readonly key: string;
  readonly text: string;
  /** What failed with the connection may have arrived all the same: said again under its key, it counts once. */
  readonly state: "sending" | "failed";
  readonly why: ErrorCode | "";
}

/** A line that was said, and how many are missing before it. */
export interface Said {
  readonly line: ChatLine;
  readonly gap: number;
  /** It came while this page was open. */
  readonly news: boolean;
}

/** How a talk reaches the broker. Both reject when there is no connection or no answer. */
export interface Way {
  say(key: string, text: string): Promise<ChatSaid>;
  since(after: number): Promise<Chat>;
}

/** How many lines are kept. */
const maxHeld = 500;

export class Talk {
  allowed = false;
  lines: readonly Said[] = [];
  pending: readonly Pending[] = [];
  /** Lines of others that came while nobody looked. */
  unread = 0;
  #last = 0;
  #pulling = false;
  #again = false;
  #first = true;
  readonly #way: Way;
  readonly #side: ChatSide;
  readonly #changed: (came: ChatLine | null) => void;
  readonly #looking: () => boolean;
  readonly #own: (line: ChatLine) => boolean;

  /** changed is called after each change, with the line of another's that came, if that was it; own tells one's own lines. */
  constructor(side: ChatSide, way: Way, looking: () => boolean, changed: (came: ChatLine | null) => void, own = (line: ChatLine) => line.from === side) {
    this.#own = own;
    this.#side = side;
    this.#way = way;
    this.#looking = looking;
    this.#changed = changed;
  }

  /** take takes what the broker says unasked. */
  take(chat: Chat): void {
    const first = chat.lines?.[0];
    if (first !== undefined && first.n > this.#last + 1) {
      this.allowed = chat.allowed;
      void this.pull(); // some were missed: they come in order, with this one
      return;
    }
    this.#take(chat, false);
  }

  /** pull asks for what was missed. */
  async pull(): Promise<void> {
    if (this.#pulling) {
      this.#again = true;
      return;
    }
    this.#pulling = true;
    try {
      do {
        this.#again = false;
        const chat = await this.#way.since(this.#last);
        this.#take(chat, this.#first);
        if (chat.more === true && (chat.lines?.length ?? 0) > 0) this.#again = true;
        else this.#first = false;
      } while (this.#again);
    } catch {
      // It is asked again when the connection is back.
    } finally {
      this.#pulling = false;
    }
  }

  /** say says a line; false if it is blank or too long. */
  say(typed: string): boolean {
    const text = fit(typed);
    if (text === "" || length(text) > maxChat) return false;
    const key = crypto.randomUUID();
    this.pending = [...this.pending, { key, text, state: "sending", why: "" }];
    void this.#send(key, text);
    return true;
  }

  /** again says a line once more that was not delivered. */
  again(key: string): void {
    const line = this.pending.find((p) => p.key === key && p.state === "failed");
    if (line === undefined) return;
    this.#set((p) => (p.key === key ? { ...p, state: "sending", why: "" } : p));
    void this.#send(key, line.text);
  }

  /** end says that the session is over: nothing can be written any more, what was written stays. */
  end(): void {
    this.allowed = false;
    this.#changed(null);
  }

  /** read says that somebody looks. */
  read(): void {
    if (this.unread === 0) return;
    this.unread = 0;
    this.#changed(null);
  }

  async #send(key: string, text: string): Promise<void> {
    this.#changed(null);
    try {
      const said = await this.#way.say(key, text);
      if (said.n !== undefined && said.n > 0) return; // the line comes, or has come, as every other
      this.#fail(key, said.code ?? "unavailable");
    } catch {
      this.#fail(key, "");
    }
  }

  #fail(key: string, why: ErrorCode | ""): void {
    this.#set((p) => (p.key === key ? { ...p, state: "failed", why } : p));
  }

  #set(change: (p: Pending) => Pending): void {
    const next = this.pending.map(change);
    if (next.every((p, i) => p === this.pending[i])) return;
    this.pending = next;
    this.#changed(null);
  }

  #take(chat: Chat, history: boolean): void {
    this.allowed = chat.allowed;
    let came: ChatLine | null = null;
    for (const line of chat.lines ?? []) {
      if (line.n <= this.#last) continue;
      this.lines = [...this.lines, { line, gap: line.n - this.#last - 1, news: !history }].slice(-maxHeld);
      this.#last = line.n;
      if (line.from === this.#side) this.pending = this.pending.filter((p) => p.key !== line.key);
      if (!this.#own(line) && !history) {
        came = line;
        if (!this.#looking()) this.unread++;
      }
    }
    this.#changed(came);
  }
}

/** fit takes out what the protocol refuses: control characters but line feed and tab, and those that reorder the text
 * around them. What shows nothing becomes "". */
export function fit(text: string): string {
  const clean = text
    .replace(/\r\n?|[\u2028\u2029]/g, "\n")
    .replace(/\p{Cs}/gu, "\ufffd")
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "")
    .trim();
  return /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(clean) ? clean : "";
}

/** length counts characters as the protocol does. */
export const length = (text: string): number => [...text].length;
