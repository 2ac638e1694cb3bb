// One of the two consents to files while it lasts: numbers of transfers, what is
// listed, and who hears what is said of a transfer.

import { signal } from "@preact/signals";
import type { Picture } from "../picture";
import type { FileCause, Transfer } from "../protocol";
import type { FilesTool } from "../consent";

/** Stopped is why a transfer did not come about. */
export class Stopped extends Error {
  readonly why: FileCause;
  constructor(why: FileCause) {
    super(why);
    this.why = why;
  }
}

/** A Hearing takes what is said of one transfer. */
export interface Hearing {
  said(m: Transfer): void;
  part(at: number, content: Uint8Array<ArrayBuffer>): void;
}

export class Exchange {
  /** Of the consent, 0 without one. */
  readonly epoch = signal(0);
  /** The name of the folder that the customer chose, "" until it is known on this connection. */
  readonly folder = signal("");
  /** What one file may have, in bytes. */
  readonly limit = signal(0);
  readonly kind: FilesTool;
  readonly #picture: Picture;
  #last = 0;
  readonly #live = new Map<number, Hearing>();

  constructor(kind: FilesTool, picture: Picture) {
    this.kind = kind;
    this.#picture = picture;
  }

  /** begin goes over to another consent, 0 for none. */
  begin(epoch: number): void {
    this.drop("withdrawn");
    this.#last = 0;
    this.epoch.value = epoch;
    this.attach();
  }

  /** attach asks for the files on a new connection. */
  attach(): void {
    if (this.epoch.peek() !== 0) this.#picture.parcels.say({ kind: "attach", epoch: this.epoch.peek() });
  }

  /** drop ends everything that is on its way here. */
  drop(why: FileCause): void {
    this.folder.value = "";
    const live = [...this.#live.entries()];
    this.#live.clear();
    for (const [id, h] of live) h.said({ kind: "failed", epoch: this.epoch.peek(), id, cause: why });
  }

  /** ask begins a transfer, or a list; 0 if it cannot now. */
  ask(m: Omit<Transfer, "epoch" | "id">, hearing: Hearing): number {
    if (this.epoch.peek() === 0 || this.folder.peek() === "") return 0;
    const id = ++this.#last;
    this.#live.set(id, hearing);
    if (this.say({ ...m, id })) return id;
    this.#live.delete(id);
    return 0;
  }

  say(m: Omit<Transfer, "epoch">): boolean {
    const epoch = this.epoch.peek();
    return epoch !== 0 && this.#picture.parcels.say({ ...m, epoch });
  }

  /** forget hears no more of a transfer. */
  forget(id: number): void {
    this.#live.delete(id);
  }

  take(m: Transfer): void {
    if (m.epoch !== this.epoch.peek() || m.epoch === 0) return;
    if (m.kind === "opened") {
      this.folder.value = m.path ?? "";
      this.limit.value = m.size ?? 0;
      return;
    }
    const id = m.id ?? 0;
    const hearing = this.#live.get(id);
    if (m.kind === "failed" || m.kind === "done" || m.kind === "listing") this.#live.delete(id);
    hearing?.said(m);
  }

  part(epoch: number, id: number, at: number, content: Uint8Array<ArrayBuffer>): void {
    if (epoch === this.epoch.peek()) this.#live.get(id)?.part(at, content);
  }

  /** list asks what is in a folder, from an entry on. It rejects with Stopped. */
  list(path: string, at: number): Promise<Transfer> {
    return new Promise((resolve, reject) => {
      const said = (m: Transfer) => (m.kind === "listing" ? resolve(m) : reject(new Stopped(m.cause ?? "failed")));
      const m: Omit<Transfer, "epoch" | "id"> = { kind: "list", ...(path === "" ? {} : { path }), ...(at === 0 ? {} : { at }) };
      if (this.ask(m, { said, part() {} }) === 0) reject(new Stopped("away"));
    });
  }
}
