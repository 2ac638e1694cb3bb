// One session's command line in this window: what is typed on its way to the
// customer's computer, and what comes back on its way to the screen. What was not
// shown yet is not acknowledged, so that nothing piles up here.

import { effect, signal } from "@preact/signals";
import { consentTo } from "../consent";
import type { Picture } from "../picture";
import { type Consent, type RunScript, type Terminal, maxTerminalText } from "../protocol";
import { Login, sealInfo } from "./login";
import { hidden, type SessionView } from "../sessionview";
import { t } from "../text";
import type { Screen } from "./terminal";

/** How much may be pasted at once, in UTF-16 units. */
const maxPaste = 64 * 1024;

/** How many bytes of output are acknowledged together; fewer after a moment. */
const ackStep = 32 * 1024;
const ackAfter = 100;

/** Where the shell stands: "idle" before the first. */
export type Phase = "idle" | "starting" | "live" | "over";

/** Scripts are checks of a fixed list that change nothing; the shell takes any command; ssh is that of a device. */
const kinds = ["shell", "scripts", "ssh"] as const;

/** shellConsent is the newest of the consents that the terminal serves; one that is given or asked for before others. */
export function shellConsent(s: SessionView): Consent | undefined {
  const open = (c: Consent) => Number(c.state === "given" || c.state === "asked");
  const all = kinds.map((kind) => consentTo(s, kind)).filter((c) => c !== undefined);
  return all.sort((a, b) => open(b) - open(a) || b.epoch - a.epoch)[0];
}

function given(s: SessionView | undefined): Consent | undefined {
  if (s?.mine !== true || s.state !== "Active") return undefined;
  return kinds.map((kind) => consentTo(s, kind)).find((c) => c?.state === "given");
}

const bytes = new TextEncoder();

export class Shell {
  /** Of the consent, 0 without one. */
  readonly epoch = signal(0);
  /** What the consent is for. */
  readonly kind = signal<(typeof kinds)[number]>("shell");
  readonly phase = signal<Phase>("idle");
  /** How the last one ended. */
  readonly code = signal(0);
  /** It was a script that did not run at all. */
  readonly refused = signal(false);
  /** Why there was none, of a device; "" else. */
  readonly cause = signal("");
  /** The form in which a device is named is open. */
  readonly form = signal(false);
  readonly login: Login;
  /** The program hides what is typed. */
  readonly hidden = signal(false);
  /** Output from before is not shown. */
  readonly missed = signal(false);
  readonly online = signal(false);
  readonly focused = signal(false);
  readonly reader = signal(false);
  /** What was wrong with the last that was pasted. */
  readonly trouble = signal("");
  /** Leaves the terminal by keyboard; whoever shows it sets this. */
  leave: () => void = () => {};

  readonly #picture: Picture;
  readonly #session: () => SessionView | undefined;
  readonly #stop: () => void;
  #screen: Screen | null = null;
  #loading: Promise<void> | null = null;
  #waiting: Terminal[] = []; // until the screen is there: no more than the window
  #asked = false; // this window saw the question: the shell begins with the yes
  #begins = false;
  #run = 0;
  #script = "";
  #own: RunScript | null = null; // of the office's, in place of one of the list
  #got = 0;
  #shown = 0;
  #acked = 0;
  #timer = 0;
  #answers = true; // the terminal may answer what a program asks it

  constructor(picture: Picture, session: () => SessionView | undefined) {
    this.#picture = picture;
    this.#session = session;
    this.login = new Login(
      (m) => this.#say({ ...m, run: this.#run }),
      (ask, key) => {
        const s = session();
        const device = s === undefined ? undefined : shellConsent(s)?.device;
        return device == null || s === undefined ? "" : sealInfo(s.id, this.epoch.peek(), this.#run, ask, device, key);
      },
    );
    picture.line = { opened: () => this.#opened(), closed: () => (this.online.value = false), said: (m) => this.#take(m) };
    this.#stop = effect(() => {
      const s = session();
      if (s !== undefined && (consentTo(s, "shell")?.state === "asked" || consentTo(s, "ssh")?.state === "asked")) this.#asked = true;
      const consent = given(s);
      const epoch = consent?.epoch ?? 0;
      if (epoch === this.epoch.peek()) return;
      this.#clear();
      this.epoch.value = epoch;
      if (consent === undefined) return;
      this.kind.value = kinds.find((kind) => kind === consent.permission) ?? "shell";
      this.#begins = this.#asked && this.kind.peek() !== "scripts";
      this.#asked = false;
      this.#attach();
    });
  }

  /** show puts the screen into its place; the function that it returns takes it away. */
  show(place: HTMLElement): () => void {
    let here = true;
    void this.#load().then(() => {
      if (!here || this.#screen === null) return;
      this.#screen.show(place);
      if (this.#begins) this.start();
      this.#begins = false;
    });
    return () => {
      here = false;
      this.#screen?.element.remove();
    };
  }

  /** start begins a shell, or the next one; with an id, a check of the list, or a script of the office's. */
  start(script = "", own: RunScript | null = null): void {
    const screen = this.#screen;
    if (screen === null || this.epoch.peek() === 0 || this.phase.peek() === "live") return;
    const run = this.phase.peek() === "starting" ? this.#run : this.#run + 1;
    if (this.phase.peek() !== "starting") {
      this.#begin(run);
      this.#script = script;
      this.#own = own;
    }
    this.phase.value = "starting";
    this.#answers = true;
    this.#sayStart();
    if (script === "" && own === null && this.kind.peek() === "shell") screen.focus();
  }

  focus(): void {
    this.#screen?.focus();
  }

  read(on: boolean): void {
    this.reader.value = on;
    this.#screen?.reader(on);
  }

  async copy(): Promise<boolean> {
    try {
      await navigator.clipboard.writeText(this.#screen?.selection() ?? "");
      return true;
    } catch {
      return false;
    }
  }

  close(): void {
    this.#stop();
    this.#clear();
    this.#screen?.close();
    this.#screen = null;
  }

  #load(): Promise<void> {
    this.#loading ??= (async () => {
      const address = "/assets/terminal.js"; // of this bundle, see build/bundle
      const { Screen } = (await import(address)) as typeof import("./terminal");
      this.#screen = new Screen(t("shell.label"), this.reader.peek(), {
        typed: (text) => this.#typed(text),
        sized: (cols, rows) => this.phase.peek() === "live" && this.#say({ kind: "size", run: this.#run, cols, rows }),
        leave: () => this.leave(),
        touched: () => (this.#answers = true),
        focused: (on) => {
          this.focused.value = on;
          if (on && this.epoch.peek() !== 0) this.#attach(); // another window may have had it
        },
      });
      this.#screen.silent(this.phase.peek() !== "live");
      for (const m of this.#waiting.splice(0)) this.#take(m);
    })();
    return this.#loading;
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#waiting = [];
    this.#begin(0);
    this.phase.value = "idle";
    this.hidden.value = false;
  }

  /** #begin forgets the last shell. */
  #begin(run: number): void {
    this.#run = run;
    this.#got = this.#shown = this.#acked = 0;
    this.missed.value = this.hidden.value = false;
    this.trouble.value = this.cause.value = "";
    this.login.clear();
    this.#screen?.reset();
    this.#screen?.silent(true);
  }

  #opened(): void {
    this.#attach();
    if (this.phase.peek() === "starting") this.#sayStart();
  }

  #sayStart(): void {
    if (this.#screen === null) return;
    if (this.#own !== null) this.#say({ kind: "script", run: this.#run, ...this.#screen.size, own: this.#own });
    else this.#say({ kind: "start", run: this.#run, ...this.#screen.size, ...(this.#script === "" ? {} : { script: this.#script }) });
  }

  #attach(): void {
    this.online.value = this.#say({ kind: "attach", run: this.#run, at: this.#run === 0 ? 0 : this.#got });
  }

  #say(m: Omit<Terminal, "epoch">): boolean {
    const epoch = this.epoch.peek();
    return epoch !== 0 && this.#picture.say({ ...m, epoch });
  }

  #typed(text: string): void {
    const s = this.#session();
    if (this.phase.peek() !== "live" || this.kind.peek() === "scripts" || !this.#answers || s === undefined || hidden(s) !== null) return;
    this.trouble.value = text.length > maxPaste ? t("shell.paste_long") : "";
    if (text.length > maxPaste) return; // half of it would be another command
    for (let at = 0; at < text.length; ) {
      let end = Math.min(text.length, at + maxTerminalText / 4);
      if (end < text.length && /[\ud800-\udbff]/.test(text[end - 1] ?? "")) end--;
      this.#say({ kind: "input", run: this.#run, text: text.slice(at, end) });
      at = end;
    }
  }

  #take(m: Terminal): void {
    if (m.epoch !== this.epoch.peek()) return;
    if (this.#screen === null) {
      this.#waiting.push(m);
      return;
    }
    switch (m.kind) {
      case "started":
        if (m.run !== this.#run) {
          this.#begin(m.run ?? 0);
          this.#answers = false; // what it shows now was answered by another screen
        }
        this.phase.value = "live";
        this.login.clear();
        if (this.kind.peek() === "ssh") requestAnimationFrame(() => this.#screen?.focus()); // it is seen only now
        this.#screen.silent(this.kind.peek() === "scripts");
        this.#screen.fit();
        if (m.cols !== this.#screen.size.cols || m.rows !== this.#screen.size.rows) this.#say({ kind: "size", run: this.#run, ...this.#screen.size });
        break;
      case "hostkey":
      case "prompt":
        if (m.run !== this.#run) this.#begin(m.run ?? 0);
        this.phase.value = "starting";
        this.login.take(m);
        break;
      case "echo":
        this.hidden.value = m.hidden === true;
        break;
      case "output":
        this.#output(m.text ?? "", m.at ?? 0);
        break;
      case "exited":
        if (m.run !== this.#run) this.#begin(m.run ?? 0);
        this.phase.value = "over";
        this.code.value = m.code ?? 0;
        this.refused.value = m.code === -1 && this.#own !== null;
        this.cause.value = m.cause ?? "";
        this.login.clear();
        this.hidden.value = false;
        this.#screen.silent(true);
        break;
      default:
        break;
    }
  }

  #output(text: string, at: number): void {
    const size = bytes.encode(text).length;
    if (at < this.#got) return; // it is there
    if (at > this.#got) this.missed.value = true;
    const run = this.#run;
    this.#got = at + size;
    this.#screen?.write(text, () => {
      if (run !== this.#run) return;
      this.#shown = Math.max(this.#shown, at + size);
      if (this.#shown - this.#acked >= ackStep) this.#ack();
      else if (this.#timer === 0) this.#timer = setTimeout(() => this.#ack(), ackAfter);
    });
  }

  #ack(): void {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#shown <= this.#acked || this.#run === 0) return;
    if (this.#say({ kind: "ack", run: this.#run, at: this.#shown })) this.#acked = this.#shown;
  }
}
