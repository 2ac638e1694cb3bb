// What this window keeps of a session beside its picture and chat: what the technician writes
// about it, and what is read of the customer's computer.

import { Note } from "../notes";
import type { SessionView } from "../sessionview";
import { SystemInfo } from "../system/system";
import { Refused, type Wire } from "../wire";
import type { Acts } from "./acts";
import type { Sessions } from "./sessions";

export class Kept {
  readonly #notes = new Map<string, Note>();
  readonly #systems = new Map<string, SystemInfo>();
  readonly #wire: Wire;
  readonly #sessions: Sessions;
  readonly #acts: Acts;

  constructor(wire: Wire, sessions: Sessions, acts: Acts) {
    this.#wire = wire;
    this.#sessions = sessions;
    this.#acts = acts;
  }

  /** note is what the technician writes about a session. */
  note(session: SessionView): Note {
    const known = this.#notes.get(session.id);
    if (known !== undefined) return known;
    const note = new Note(session, async (text, base, done) => {
      const m = await this.#wire.request("note", { session: session.id, text, ...(base === undefined ? {} : { base }), ...(done ? { done } : {}) });
      if (m.type !== "session_changed") throw new Refused("unknown_state");
      return m.body.session;
    });
    this.#notes.set(session.id, note);
    return note;
  }

  /** system is what is read of a session's computer. */
  system(id: string): SystemInfo {
    const known = this.#systems.get(id);
    if (known !== undefined) return known;
    const started = async (asked: ReturnType<Wire["request"]>) => {
      const m = await this.#acts.done(asked);
      return m?.type === "system_started" ? m.body : null;
    };
    const info = new SystemInfo({
      session: () => this.#sessions.find(id),
      online: () => this.#wire.line.value.kind === "online",
      read: async (sections) => (await started(this.#wire.request("system_request", { session: id, sections: [...sections] })))?.snapshot ?? 0,
      follow: async (on) => (await started(this.#wire.request("system_follow", { session: id, on })))?.watch ?? 0,
    });
    this.#systems.set(id, info);
    return info;
  }

  /** unsaved: something is written that would be lost with the page. */
  unsaved(): boolean {
    return [...this.#notes.values()].some((n) => ["failed", "long", "late"].includes(n.state.value));
  }

  /** save saves at once what is written. */
  save(): void {
    for (const n of this.#notes.values()) void n.flush();
  }

  /** arrived takes a session as it is now. */
  arrived(s: SessionView): void {
    this.#notes.get(s.id)?.arrived(s);
  }

  /** ended: nothing is read of this session's computer any more. */
  ended(id: string): void {
    this.#systems.get(id)?.close();
    this.#systems.delete(id);
  }

  /** again goes on after a lost connection. */
  again(): void {
    for (const n of this.#notes.values()) n.online();
    for (const s of this.#systems.values()) s.lost();
  }
}
