// What the customer sees of sharing from the browser. All texts are in the page,
// in the customer's language; here they are shown and hidden.

/** The steps of the customer, one after the other. */
export type Step = "unsupported" | "terms" | "wait" | "ask" | "live" | "over";

/** What went wrong, in words of the page. */
export type Problem = "denied" | "failed" | "used" | "unreachable" | "terms_changed" | "unchanged" | "away";

export type Action = "accept" | "decline" | "share" | "refuse" | "pause" | "resume" | "change" | "end";

export class Page {
  readonly root: HTMLElement;
  readonly #bar: HTMLElement;
  readonly #main: HTMLElement;
  #step: Step | "" = "";

  constructor(root: HTMLElement, bar: HTMLElement) {
    this.root = root;
    this.#bar = bar;
    this.#main = root.closest("main") ?? document.body;
  }

  /** on calls act for each press of a button. */
  on(act: (action: Action) => void): void {
    for (const part of [this.root, this.#bar]) {
      part.addEventListener("click", (e) => {
        const button = e.target instanceof Element ? e.target.closest<HTMLElement>("[data-do]") : null;
        if (button !== null && button.getAttribute("aria-disabled") !== "true") act(button.dataset["do"] as Action);
      });
    }
  }

  /** to goes to a step and lets the keyboard go along. */
  to(step: Step): void {
    if (step === this.#step) return;
    this.#step = step;
    this.#main.dataset["browser"] = step;
    this.#bar.hidden = step !== "live";
    this.root.hidden = step === "live";
    for (const part of this.root.querySelectorAll<HTMLElement>("[data-step]")) part.hidden = !(part.dataset["step"] ?? "").split(" ").includes(step);
    this.problem(null);
    if (step === "terms" || step === "unsupported") return; // the page opens here
    const shown = step === "live" ? this.#bar : this.root.querySelector(`div[data-step="${step}"]`);
    shown?.querySelector<HTMLElement>("[tabindex='-1']")?.focus();
    shown?.scrollIntoView({ block: "nearest" });
  }

  /** problem shows one of the sentences, null none. */
  problem(problem: Problem | null): void {
    for (const part of [this.root, this.#bar])
      for (const p of part.querySelectorAll<HTMLElement>("[data-problem]")) p.hidden = p.dataset["problem"] !== problem;
  }

  /** choosing tells that the browser's own question is open. */
  choosing(open: boolean): void {
    for (const part of [this.root, this.#bar]) {
      for (const p of part.querySelectorAll<HTMLElement>("[data-choosing]")) p.hidden = !open;
      for (const b of part.querySelectorAll<HTMLElement>('[data-do="share"], [data-do="change"]')) b.setAttribute("aria-disabled", String(open));
    }
  }

  /** state tells what is sent, or why nothing is. */
  state(state: string, source: string): void {
    for (const p of this.#bar.querySelectorAll<HTMLElement>("[data-state]")) p.hidden = p.dataset["state"] !== state;
    for (const p of this.#bar.querySelectorAll<HTMLElement>("[data-source]")) p.hidden = p.dataset["source"] !== source;
    // What a choice came to is no news any more.
    for (const p of this.#bar.querySelectorAll<HTMLElement>("[data-problem]")) p.hidden ||= p.dataset["problem"] !== "away";
    this.#bar.dataset["sharing"] = state;
    const focused = document.activeElement;
    const pause = this.#button("pause");
    const resume = this.#button("resume");
    pause.hidden = state === "paused" || state === "stopped";
    resume.hidden = state !== "paused";
    if (focused instanceof HTMLElement && focused.hidden) (resume.hidden ? (pause.hidden ? this.#button("change") : pause) : resume).focus();
  }

  /** time shows since when the screen is shared, in seconds. */
  time(seconds: number): void {
    const two = (n: number) => String(n).padStart(2, "0");
    const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
    const time = this.#bar.querySelector("[data-time]");
    if (time !== null) time.textContent = h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
  }

  /** terms shows other terms than the page came with. */
  terms(text: string): void {
    const paragraphs = text.split("\n\n").map((block) => {
      const p = document.createElement("p");
      p.textContent = block;
      return p;
    });
    this.root.querySelector(".terms")?.replaceChildren(...paragraphs);
  }

  #button(action: Action): HTMLElement {
    const button = this.#bar.querySelector<HTMLElement>(`[data-do="${action}"]`);
    if (button === null) throw new Error(`no button ${action}`);
    return button;
  }
}
