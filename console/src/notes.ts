// What the technician writes about one session: saved by itself, never
// overwritten unseen, and honest about what is not saved yet.

import { computed, signal } from "@preact/signals";
import type { SessionView } from "./sessionview";
import { maxNote, type Session } from "./protocol";
import { Refused } from "./wire";

/**
 * Where the text stands. "long": over the limit. "failed": not saved, tried
 * again when there is a connection. "conflict": another window wrote meanwhile.
 * "late": the
 * session is closed, and the text is only here until it is added to the record.
 * "closed": it cannot be added any more.
 */
export type NoteState = "empty" | "saved" | "unsaved" | "saving" | "long" | "failed" | "conflict" | "late" | "closed";

/** How long nothing is typed before the text is saved, in ms. */
const rest = 1_000;

/** How many earlier texts can be gone back to. */
const maxUndo = 50;

export class Note {
  readonly text = signal("");
  /** The other window's text while there is a conflict. */
  readonly theirs = signal("");
  readonly characters = computed(() => [...this.text.value].length);
  readonly state = computed<NoteState>(() => this.#where());
  readonly canUndo = computed(() => this.#past.value.length > 0 || this.text.value !== this.#saved.value);
  readonly #saved = signal("");
  readonly #step = signal<"" | "saving" | "failed" | "conflict" | "closed">("");
  readonly #past = signal<readonly string[]>([]);
  readonly #save: (text: string, base: string | undefined, done: boolean) => Promise<Session>;
  #base: string | undefined; // noted_at of the saved text
  #theirBase: string | undefined;
  #sending: string | null = null;
  #timer = 0;
  readonly #drafts = signal(true); // the broker keeps what is not complete
  #undone = false; // what is saved next was saved before

  /** save sends a text that replaces the one of base (noted_at), perhaps as the complete summary, or rejects with Refused. */
  constructor(session: SessionView, save: (text: string, base: string | undefined, done: boolean) => Promise<Session>) {
    this.#save = save;
    this.arrived(session);
  }

  /** typed takes what stands in the field now. */
  typed(text: string): void {
    this.text.value = clean(text);
    if (this.#step.value === "failed") this.#step.value = "";
    this.#undone = false;
    this.#later();
  }

  /** undo goes back to the text that was saved last, and from there to the one before. */
  undo(): void {
    const past = this.#past.value;
    if (this.text.value !== this.#saved.value) {
      this.text.value = this.#saved.value;
      return;
    }
    const text = past.at(-1);
    if (text === undefined) return;
    this.#past.value = past.slice(0, -1);
    this.text.value = text;
    this.#undone = true;
    this.#later();
  }

  /** flush saves at once what is not saved. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.text.value !== this.#saved.value && this.#drafts.value) await this.#send(false);
  }

  /** finish says that the text is the summary, and complete: it is on the record when this returns true. */
  async finish(): Promise<boolean> {
    clearTimeout(this.#timer);
    return this.text.value.trim() !== "" && (await this.#send(true));
  }

  async #send(done: boolean): Promise<boolean> {
    const text = this.text.value;
    if (this.#sending !== null || this.#stuck() || this.characters.value > maxNote) return false;
    this.#sending = text;
    this.#step.value = "saving";
    let sent = false;
    try {
      const session = await this.#save(text, this.#base, done);
      sent = true;
      if (older(this.#base, session.noted_at)) this.#accepted(text, session.noted_at);
      if (this.#step.value === "saving") this.#step.value = "";
    } catch (e) {
      const code = e instanceof Refused ? e.code : "unavailable";
      if (this.#step.value === "saving") this.#step.value = code === "no_session" ? "closed" : this.#drafts.value ? "failed" : "";
    } finally {
      this.#sending = null;
    }
    if (this.#step.value === "" && this.text.value !== this.#saved.value) this.#later();
    return sent;
  }

  /** arrived takes the session as the broker shows it now. */
  arrived(session: SessionView): void {
    this.#drafts.value = session.state !== "Closed" || session.summary === "missing";
    const note = session.note ?? "";
    if (!sameTime(session.noted_at, this.#base) && !older(session.noted_at, this.#base)) {
      if (note === this.#sending || note === this.text.value) this.#accepted(note, session.noted_at);
      else if (this.text.value === this.#saved.value) {
        this.#base = session.noted_at;
        this.#saved.value = this.text.value = note;
        this.#past.value = [];
      } else {
        this.theirs.value = note;
        this.#theirBase = session.noted_at;
        this.#step.value = "conflict";
      }
    }
    if (!this.#drafts.value && this.#step.value === "failed") this.#step.value = "";
  }

  /** settle ends a conflict: with this window's text, or with the other's. */
  settle(mine: boolean): void {
    if (this.#step.value !== "conflict") return;
    this.#base = this.#theirBase;
    this.#saved.value = this.theirs.value;
    this.#step.value = "";
    if (!mine) this.text.value = this.theirs.value;
    else void this.flush();
  }

  /** online tries again what could not be saved. */
  online(): void {
    if (this.#step.value === "failed") this.#step.value = "";
    void this.flush();
  }

  #accepted(text: string, notedAt: string | undefined): void {
    if (text !== this.#saved.value && !this.#undone) this.#past.value = [...this.#past.value, this.#saved.value].slice(-maxUndo);
    this.#undone = false;
    this.#saved.value = text;
    this.#base = notedAt;
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.flush(), rest);
  }

  /** Nothing is sent before the person has decided. */
  #stuck(): boolean {
    return this.#step.value === "conflict" || this.#step.value === "closed";
  }

  #where(): NoteState {
    const step = this.#step.value;
    if (step === "conflict" || step === "closed") return step;
    if (this.characters.value > maxNote) return "long";
    if (this.text.value === this.#saved.value) return this.text.value === "" ? "empty" : "saved";
    if (step === "" && !this.#drafts.value) return "late";
    return step === "" ? "unsaved" : step;
  }
}

const sameTime = (a: string | undefined, b: string | undefined) => time(a) === time(b);
const older = (a: string | undefined, b: string | undefined) => time(a) < time(b);
const time = (t: string | undefined) => (t === undefined ? 0 : Date.parse(t));

/** clean takes out what the protocol refuses: control characters but line feed
 * and tab, and those that reorder the text around them. */
export function clean(text: string): string {
  return text
    .replace(/\r\n?|[\u2028\u2029]/g, "\n")
    .replace(/\p{Cs}/gu, "\ufffd")
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "");
}
