// Tables of system information below the picture, as they stood at the time that is
// shown, each beside an earlier one where that is wanted.

import { type Section, sections } from "../protocol";
import { compared, headingIn, plain, type Row, shownIn, type Words } from "../system/cells";
import { columns, numeric } from "../system/columns";
import { make } from "./element";
import type { Read, Snapshot, SystemTrack } from "./system";
import { clock, count, harmless, say, texts } from "./words";

/** How many rows are drawn at first: more would make each step slow. */
const drawn = 300;

const language = document.documentElement.lang;
const day = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "medium" });
const one = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const words: Words = { locale: language, number: (n) => one.format(n), instant: (at) => day.format(at), word: (key) => texts()[`console.${key}`] ?? null };

/** What can be chosen: a section, or the processes as they were followed. */
type Choice = Section | "live";

export class Tables {
  readonly #place = document.getElementById("tables"); // not every page has one
  readonly #choice = make("select", { id: "tables-section" });
  readonly #against = make("select", { id: "tables-against" });
  readonly #beside = make("label", {}, `${say("console.system.against")} `, this.#against);
  readonly #status = make("p", { class: "soft", role: "status" });
  readonly #scroll = make("div", { class: "system-scroll", role: "region", tabindex: "0" });
  #track: SystemTrack | null = null;
  #at = 0;
  #shown = ""; // what was there, and what was chosen of it
  #options = ""; // what the choices were made of
  #drawn = ""; // what the table was made of
  #all = false; // rows

  constructor() {
    const place = this.#place;
    if (place === null) return;
    place.append(
      make("h3", {}, place.getAttribute("aria-label") ?? ""),
      make("div", { class: "tables-choice" }, make("label", {}, `${say("console.system.sections")} `, this.#choice), this.#beside, this.#status),
      this.#scroll,
    );
    for (const select of [this.#choice, this.#against])
      select.addEventListener("change", () => {
        this.#all = false;
        this.show(this.#at);
      });
  }

  open(track: SystemTrack): void {
    this.close();
    this.#track = track;
  }

  /** show follows the time, forwards and back. */
  show(at: number): void {
    this.#at = at;
    const track = this.#track;
    if (this.#place === null || track === null) return;
    const now = [track.steps(at), this.#choice.value, this.#against.value, this.#all].join("\n");
    if (now === this.#shown) return;
    this.#shown = now;
    const there = track.snapshots.filter((s) => s.at <= at);
    const live = track.live(at);
    this.#place.hidden = there.length === 0 && live === null;
    if (this.#place.hidden) return;
    const choices: Choice[] = sections.filter((s) => there.some((shot) => shot.read(s, at) !== null));
    if (live !== null) choices.push("live");
    const choice = choices.find((c) => c === this.#choice.value) ?? choices[0];
    if (choice === undefined) return;
    if (choice === "live") return this.#draw("processes", choices, choice, live, "live", []);
    const newest = there.findLast((s) => s.read(choice, at) !== null);
    const earlier = there.filter((s) => s !== newest && whole(s.read(choice, at)));
    this.#draw(choice, choices, choice, newest?.read(choice, at) ?? null, newest?.of ?? "", earlier);
  }

  #draw(section: Section, choices: readonly Choice[], choice: Choice, read: Read | null, of: string, earlier: readonly Snapshot[]): void {
    const options = [choices.join(), choice, ...earlier.map((s) => s.of)].join("\n");
    if (options !== this.#options) {
      this.#options = options;
      const before = this.#against.value;
      this.#choice.replaceChildren(...choices.map((c) => make("option", { value: c }, c === "live" ? say("audit.js.live_processes") : say(`console.system.section.${c}`))));
      this.#choice.value = choice;
      this.#against.replaceChildren(make("option", { value: "" }, say("console.system.against_none")), ...earlier.map((s) => make("option", { value: s.of }, clock(s.at))));
      this.#against.value = earlier.some((s) => s.of === before) ? before : "";
      this.#beside.hidden = earlier.length === 0;
    }
    const against = whole(read) ? earlier.find((s) => s.of === this.#against.value) : undefined;
    const drawn = [section, of, read?.at, read?.rows.length, against?.of, this.#all].join("\n");
    if (read === null || drawn === this.#drawn) return;
    this.#drawn = drawn;
    const rows = against === undefined ? plain(read.rows) : compared(section, against.read(section, this.#at)?.rows ?? [], read.rows);
    this.#status.textContent = statusOf(read, against, rows.length);
    this.#scroll.setAttribute("aria-label", say(`console.system.section.${section}`));
    this.#scroll.replaceChildren(this.#table(section, rows));
  }

  #table(section: Section, rows: readonly Row[]): HTMLTableElement {
    const marked = rows.some((r) => r.mark !== undefined);
    const head = columns[section].map((c) => make("th", { scope: "col", "data-numeric": String(numeric(c.kind)) }, headingIn(words, c.name)));
    if (marked) head.unshift(make("th", { scope: "col" }, say("console.system.change")));
    const cell = (cells: readonly string[], i: number) => harmless(shownIn(words, section, cells, i));
    const body = rows.slice(0, this.#all ? rows.length : drawn).map((r) => {
      const { before } = r;
      const cells = columns[section].map((c, i) => {
        const td = make("td", { dir: "auto", "data-numeric": String(numeric(c.kind)) });
        if (before !== undefined && before[i] !== r.cells[i] && c.restless !== true) td.append(make("del", {}, cell(before, i)), " ");
        td.append(cell(r.cells, i));
        return td;
      });
      if (marked) cells.unshift(make("td", { class: "system-mark" }, r.mark === undefined ? "" : say(`console.system.mark.${r.mark}`)));
      return make("tr", r.mark === undefined ? {} : { "data-mark": r.mark }, ...cells);
    });
    const table = make("table", { "data-section": section }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body));
    if (body.length < rows.length) {
      const more = make("button", { type: "button", class: "button small" }, say("console.system.all_rows", { n: one.format(rows.length) }));
      more.addEventListener("click", () => {
        this.#all = true;
        this.show(this.#at);
        this.#scroll.focus();
      });
      table.append(make("tfoot", {}, make("tr", {}, make("td", { colspan: String(head.length) }, more))));
    }
    return table;
  }

  /** close forgets them. */
  close(): void {
    this.#track = null;
    this.#shown = this.#options = this.#drawn = "";
    this.#all = false;
    for (const e of [this.#choice, this.#against, this.#scroll]) e.replaceChildren();
    this.#status.textContent = "";
    if (this.#place !== null) this.#place.hidden = true;
  }
}

/** whole: a section that can be compared. */
const whole = (read: Read | null) => read !== null && read.whole && read.problem === "";

function statusOf(read: Read, against: Snapshot | undefined, rows: number): string {
  const problem = read.problem === "" ? "" : say(texts()[`console.system.problem.${read.problem}`] === undefined ? "console.system.problem.failed" : `console.system.problem.${read.problem}`);
  const found = against === undefined ? count("rows", rows) : rows === 0 ? say("console.system.same") : say("console.system.differs", { time: clock(against.at) });
  return [say("audit.js.read_at", { time: clock(read.at) }), problem, read.cut ? say("console.system.cut", { n: one.format(read.rows.length) }) : "", found].filter((s) => s !== "").join(" ");
}
