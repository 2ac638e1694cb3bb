// People beside the technician: the customer is asked about each, sees who is here and
// sends them away. Nobody is here by the broker's word alone.

import type { Guest, GuestAnswer, GuestCause, HandedOver } from "../protocol";

/** Before a yes counts, and for an answer, in ms. */
const delay = 5_000;
const patience = 120_000;
const warned = 30_000;

function part<T extends HTMLElement = HTMLElement>(of: HTMLElement, selector: string): T {
  const found = of.querySelector<T>(selector);
  if (found === null) throw new Error(`no ${selector}`);
  return found;
}

/** isolate keeps a name from turning what stands around it, and takes out what does so itself. */
const isolate = (name: string) => `\u2068${name.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "")}\u2069`;

export class GuestBox {
  readonly #root: HTMLElement; // who is here
  readonly #dialog: HTMLDialogElement;
  readonly #tell: (answer: GuestAnswer) => void;
  readonly #people = new Map<number, Guest>();
  readonly #said = new Map<number, GuestAnswer>();
  readonly #here = new Set<number>();
  #owner = 0; // the yes by which the technician has the session
  #asking = 0; // epoch, 0: nobody is asked about
  #since = 0;
  #began = 0;
  #clock = 0;

  constructor(root: HTMLElement, dialog: HTMLDialogElement, tell: (answer: GuestAnswer) => void) {
    this.#root = root;
    this.#dialog = dialog;
    this.#tell = tell;
    part(dialog, "[data-guest-no]").addEventListener("click", () => this.#answer("refused", "customer"));
    part(dialog, "[data-guest-yes]").addEventListener("click", () => performance.now() - this.#began >= delay && this.#answer("given"));
    part(dialog, "[data-guest-more]").addEventListener("click", () => (this.#since = performance.now()));
    dialog.addEventListener("cancel", (e) => {
      e.preventDefault();
      this.#answer("refused", "customer");
    });
    root.addEventListener("click", (e) => {
      const epoch = Number(e.target instanceof Element ? e.target.closest<HTMLElement>("[data-epoch]")?.dataset["epoch"] : 0);
      if (this.#here.delete(epoch)) this.#say({ epoch, state: "withdrawn", cause: "customer" });
    });
  }

  /** ask puts the question about a person. */
  ask(guest: Guest): void {
    const said = this.#said.get(guest.epoch);
    if (said !== undefined) return this.#tell(said); // it was not heard
    if (this.#asking === guest.epoch) return;
    const way = this.#dialog.dataset[`${guest.way}Heading`];
    if (this.#asking !== 0 || way === undefined || this.#said.size > 60) return this.#say({ epoch: guest.epoch, state: "refused", cause: "unable" });
    this.#people.set(guest.epoch, guest);
    this.#asking = guest.epoch;
    const fill = (text: string) => text.replaceAll("{name}", isolate(guest.name)).replaceAll("{company}", isolate(guest.team)).replaceAll("{by}", isolate(guest.by ?? "")).replaceAll("{technician}", isolate(this.#dialog.dataset["technician"] ?? ""));
    part(this.#dialog, "h2").textContent = fill(way);
    part(this.#dialog, "[data-guest-who]").textContent = [guest.name, guest.team].filter(Boolean).map(isolate).join(", ");
    part(this.#dialog, "[data-guest-body]").textContent = fill(this.#dialog.dataset[`${guest.way}Body`] ?? "");
    this.#since = this.#began = performance.now();
    this.#clock = setInterval(() => this.#tick(), 250);
    this.#tick();
    this.#dialog.showModal();
    part(this.#dialog, "[data-guest-no]").focus();
  }

  /** recorded: the yes is on the evidence. */
  recorded(epoch: number): void {
    if (this.#said.get(epoch)?.state !== "given") return;
    this.#here.add(epoch);
    this.#draw();
  }

  /** handed makes somebody the technician whom the customer has let in; false for anybody else. */
  handed(m: HandedOver): boolean {
    const person = this.#people.get(m.epoch);
    if (m.epoch <= this.#owner) return true; // it was heard already
    if (this.#said.get(m.epoch)?.state !== "given" || person === undefined || person.way === "supervise" || person.way === "vendor" || person.name !== m.technician.name) return false;
    this.#owner = m.epoch;
    const { epoch } = m.former;
    this.#people.set(epoch, { ...m.former, name: this.#dialog.dataset["technician"] ?? "" });
    this.#said.set(epoch, { epoch, state: "given" });
    this.#here.delete(m.epoch);
    this.#here.add(epoch);
    this.#dialog.dataset["technician"] = person.name;
    for (const part of document.querySelectorAll<HTMLElement>("[data-named]")) part.textContent = (part.dataset["named"] ?? "").replace("{name}", isolate(person.name));
    this.#draw();
    return true;
  }

  /** ended: somebody is not here any more, or not asked about. */
  ended(epoch: number): void {
    if (this.#asking === epoch) {
      this.#close();
      this.#said.set(epoch, { epoch, state: "refused", cause: "customer" });
    }
    if (this.#said.get(epoch)?.state === "given") this.#said.set(epoch, { epoch, state: "withdrawn", cause: "customer" });
    this.#here.delete(epoch);
    this.#draw();
  }

  /** returned compares the broker's list with the customer's words, after a lost connection. */
  returned(list: readonly Guest[]): void {
    const theirs = new Map(list.map((g) => [g.epoch, g.state]));
    if (this.#asking !== 0 && theirs.get(this.#asking) !== "asked") this.ended(this.#asking);
    for (const epoch of [...this.#here]) if (theirs.get(epoch) !== "given") this.ended(epoch);
    for (const g of list) {
      const said = this.#said.get(g.epoch);
      if (g.state === "given" && said?.state === "given") this.recorded(g.epoch);
      else if (g.state === "given") this.#tell({ epoch: g.epoch, state: "withdrawn", cause: "customer" });
      else if (said !== undefined) this.#tell(said);
    }
  }

  /** may reports whether the customer has let this person write. */
  may(epoch: number): boolean {
    const state = this.#said.get(epoch)?.state;
    return (state === "given" || state === "withdrawn") && this.#people.get(epoch)?.way !== "supervise";
  }

  /** end: the session is over. */
  end(): void {
    this.#close();
    this.#here.clear();
    this.#draw();
  }

  #answer(state: GuestAnswer["state"], cause?: GuestCause): void {
    const epoch = this.#asking;
    if (epoch === 0) return;
    this.#close();
    this.#say(cause === undefined ? { epoch, state } : { epoch, state, cause });
  }

  #say(answer: GuestAnswer): void {
    this.#said.set(answer.epoch, answer);
    this.#draw();
    this.#tell(answer);
  }

  #close(): void {
    this.#asking = 0;
    clearInterval(this.#clock);
    if (this.#dialog.open) this.#dialog.close();
  }

  #tick(): void {
    const now = performance.now();
    const left = patience - (now - this.#since);
    if (left <= 0) return this.#answer("refused", "no_answer");
    const waits = now - this.#began < delay;
    part(this.#dialog, "[data-guest-yes]").setAttribute("aria-disabled", String(waits));
    part(this.#dialog, "[data-guest-wait]").hidden = !waits;
    const warning = part(this.#dialog, "[data-guest-warning]");
    const text = left > warned ? "" : (this.#dialog.dataset["warning"] ?? "").replace("{seconds}", `0:${String(Math.ceil(left / 1000)).padStart(2, "0")}`);
    if (warning.textContent !== text) warning.textContent = text;
    part(this.#dialog, "[data-guest-more]").hidden = left > warned;
  }

  #draw(): void {
    const had = this.#root.contains(document.activeElement);
    this.#root.hidden = this.#here.size === 0;
    const rows = [...this.#here].map((epoch) => {
      const guest = this.#people.get(epoch);
      const name = isolate(guest?.name ?? "");
      const row = document.createElement("li");
      const who = document.createElement("span");
      who.textContent = [name, isolate(guest?.team ?? "")].join(", ");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button small";
      button.dataset["epoch"] = String(epoch);
      button.textContent = (this.#root.dataset["away"] ?? "").replace("{name}", name);
      row.append(who, " ", button);
      return row;
    });
    part(this.#root, "ul").replaceChildren(...rows);
    if (had) (this.#root.querySelector<HTMLElement>("button") ?? document.querySelector<HTMLElement>('#bar [data-do="end"]'))?.focus();
  }
}
