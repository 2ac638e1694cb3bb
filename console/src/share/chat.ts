// The chat on the customer's page. All texts are in the page; what is written is shown as
// text, and an address is opened only after a question that says where it leads.

import { parts } from "../chat/links";
import { fit, length, type Said, type Talk } from "../chat/talk";
import { type ChatLine, maxChat } from "../protocol";

/** From how many characters below the limit on the number is said. */
const nearLimit = 100;

export class ChatBox {
  readonly #root: HTMLElement;
  readonly #log: HTMLElement;
  readonly #field: HTMLTextAreaElement;
  readonly #dialog: HTMLDialogElement;
  readonly #title = document.title;
  readonly #shown = new Map<string, HTMLElement>(); // lines by number or key
  #talk: Talk | null = null;
  #over = false;
  readonly #own: (line: ChatLine) => boolean;

  /** own tells the lines of who reads this. */
  constructor(root: HTMLElement, own = (line: ChatLine) => line.from === "customer") {
    this.#own = own;
    this.#root = root;
    this.#log = part(root, ".chat-log");
    this.#field = part(root, "textarea");
    this.#dialog = part(root, "dialog");
    const form = part<HTMLFormElement>(root, "form.chat-form");
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      this.#send();
    });
    this.#field.addEventListener("keydown", (e) => {
      if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
      e.preventDefault();
      this.#send();
    });
    this.#field.addEventListener("input", () => this.#count());
    // By itself the browser brings the line of the caret into view, not the field.
    this.#field.addEventListener("focus", () => this.#field.scrollIntoView({ block: "nearest" }));
    part(root, "[data-chat-no]").addEventListener("click", () => this.#dialog.close());
    part(root, "[data-chat-yes]").addEventListener("click", () => this.#dialog.close());
    addEventListener("focus", () => this.#talk?.read());
    document.addEventListener("visibilitychange", () => this.looking() && this.#talk?.read());
  }

  /** begin shows a talk from now on. */
  begin(talk: Talk): void {
    this.#talk = talk;
    void talk.pull();
  }

  /** returned asks for what was missed while the connection was lost. */
  returned(): void {
    void this.#talk?.pull();
  }

  /** looking tells whether somebody sees what comes. */
  looking(): boolean {
    return document.visibilityState === "visible" && document.hasFocus();
  }

  /** draw shows how things stand. */
  draw(): void {
    const talk = this.#talk;
    if (talk === null || this.#over) return;
    this.#root.hidden = !talk.allowed && talk.lines.length === 0;
    part(this.#root, "form.chat-form").hidden = !talk.allowed;
    const foot = this.#log.scrollTop >= this.#log.scrollHeight - this.#log.clientHeight - 40;
    const keep = new Set<string>();
    for (const said of talk.lines) keep.add(this.#line(String(said.line.n), () => this.#said(said)));
    for (const p of talk.pending) {
      keep.add(this.#line(`${p.key} ${p.state} ${p.why}`, () => {
        const line = this.#words("customer", p.text);
        line.dataset["state"] = p.state;
        const state = text("p", "chat-state", this.#root.dataset[p.state === "sending" ? "sending" : p.why === "throttled" ? "throttled" : "failed"] ?? "");
        line.append(state);
        if (p.state === "failed") {
          state.setAttribute("role", "alert");
          line.append(
            button(this.#root.dataset["again"] ?? "", () => {
              talk.again(p.key);
              this.#field.focus(); // the button goes
            }),
          );
        }
        return line;
      }));
    }
    for (const [key, line] of this.#shown) {
      if (keep.has(key)) continue;
      line.remove();
      this.#shown.delete(key);
    }
    part(this.#root, "[data-chat-empty]").hidden = keep.size > 0;
    if (foot) this.#log.scrollTop = this.#log.scrollHeight;
    document.title = talk.unread > 0 ? `(${talk.unread}) ${this.#title}` : this.#title;
    const mark = part(this.#root, "[data-chat-unread]");
    mark.hidden = talk.unread === 0;
    part(mark, "span").textContent = String(talk.unread);
  }

  /** end takes the field away. */
  end(): void {
    this.#over = true;
    this.#root.hidden = true;
    document.title = this.#title;
    if (this.#dialog.open) this.#dialog.close();
  }

  /** #line appends what is not there yet: what a screen reader has said stays as it is. */
  #line(key: string, make: () => HTMLElement): string {
    let line = this.#shown.get(key);
    if (line === undefined) {
      line = make();
      this.#shown.set(key, line);
    }
    if (line.parentElement === null) this.#log.append(line);
    return key;
  }

  #said({ line, gap }: Said): HTMLElement {
    const own = this.#own(line);
    const shown = this.#words(own ? "customer" : "technician", line.text);
    shown.dataset["n"] = String(line.n);
    const head = document.createElement("p");
    head.className = "chat-head";
    const name = document.createElement("bdi");
    name.textContent = own ? (this.#root.dataset["you"] ?? "") : line.from === "customer" ? (this.#root.dataset["customer"] ?? "") : (line.name ?? "");
    head.append(name, `, ${time.format(new Date(line.at))}`);
    shown.prepend(head);
    if (gap > 0) shown.prepend(text("p", "chat-gap", this.#root.dataset["gap"] ?? ""));
    return shown;
  }

  #words(from: ChatLine["from"], words: string): HTMLElement {
    const line = document.createElement("div");
    line.className = "chat-line";
    line.dataset["from"] = from;
    const shown = text("p", "chat-text", words);
    shown.dir = "auto";
    line.append(shown);
    if (from === "customer") return line;
    for (const link of parts(words)) {
      if (!("url" in link)) continue;
      line.append(button((this.#root.dataset["link"] ?? "").replace("{host}", link.host), () => this.#ask(link.url, link.host)));
    }
    return line;
  }

  /** #ask shows where a link leads, and leaves it to the customer. */
  #ask(url: string, host: string): void {
    part(this.#dialog, "h2").textContent = (this.#root.dataset["open"] ?? "").replace("{host}", host);
    part(this.#dialog, ".chat-address bdi").textContent = url;
    part<HTMLAnchorElement>(this.#dialog, "[data-chat-yes]").href = url;
    this.#dialog.showModal();
    part(this.#dialog, "[data-chat-no]").focus();
  }

  #send(): void {
    if (this.#talk?.say(this.#field.value) !== true) return;
    this.#field.value = "";
    this.#count();
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#field.focus();
  }

  #count(): void {
    const left = maxChat - length(fit(this.#field.value));
    const said = left < 0 ? this.#root.dataset["over"] : left < nearLimit ? this.#root.dataset["left"] : "";
    part(this.#root, ".chat-left").textContent = (said ?? "").replace("{n}", String(Math.abs(left)));
    this.#field.setAttribute("aria-invalid", String(left < 0));
  }
}

const time = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });

function part<T extends HTMLElement = HTMLElement>(of: HTMLElement, selector: string): T {
  const found = of.querySelector<T>(selector);
  if (found === null) throw new Error(`no ${selector}`);
  return found;
}

function text(tag: string, name: string, words: string): HTMLElement {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = words;
  return made;
}

function button(label: string, press: () => void): HTMLElement {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "button small";
  made.textContent = label;
  made.addEventListener("click", press);
  return made;
}
