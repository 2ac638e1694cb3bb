// The terminal's screen: xterm.js, loaded only when somebody needs it. It is bundled
// on its own.

import { FitAddon } from "@xterm/addon-fit";
import { type ITerminalOptions, Terminal } from "@xterm/xterm";
import { keepToPolicy } from "./strict";

keepToPolicy();

const look: ITerminalOptions = {
  fontFamily: "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace",
  fontSize: 14,
  minimumContrastRatio: 4.5,
  linkHandler: { activate: () => {} }, // what another computer puts out opens nothing here
  theme: { background: "#10161d", foreground: "#f2f5f8", cursor: "#f2f5f8", selectionBackground: "#3d5a80" },
};

/** What a screen tells. */
export interface Hooks {
  /** Text that was typed or pasted, or that the terminal answers. */
  typed(text: string): void;
  sized(cols: number, rows: number): void;
  /** The chord that leaves was pressed. */
  leave(): void;
  /** A person did something with it. */
  touched(): void;
  focused(on: boolean): void;
}

/** A screen in an element of its own, which can be moved about the page. */
export class Screen {
  readonly element = document.createElement("div");
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #observer: ResizeObserver;
  #open = false;

  constructor(label: string, reader: boolean, hooks: Hooks) {
    this.element.className = "terminal-screen";
    this.#terminal = new Terminal({ ...look, cols: 80, rows: 24, scrollback: 5_000, screenReaderMode: reader });
    this.#terminal.loadAddon(this.#fit);
    this.#terminal.onData((text) => hooks.typed(text));
    this.#terminal.onResize(({ cols, rows }) => hooks.sized(cols, rows));
    this.#terminal.attachCustomKeyEventHandler((e) => {
      hooks.touched();
      if (e.ctrlKey && e.altKey && e.shiftKey) { // in whatever order
        if (e.type === "keydown") hooks.leave();
        e.preventDefault();
        return false;
      }
      if (e.ctrlKey && e.shiftKey && (e.code === "KeyC" || e.code === "KeyV")) {
        if (e.code === "KeyC") {
          e.preventDefault(); // of the browser's tools
          if (e.type === "keydown") void navigator.clipboard.writeText(this.selection()).catch(() => {}); // refused: there is a button that says so
        }
        return false; // the browser pastes
      }
      return true;
    });
    for (const type of ["paste", "compositionstart", "mousedown"]) this.element.addEventListener(type, () => hooks.touched(), true);
    this.element.addEventListener("focusin", () => hooks.focused(true));
    this.element.addEventListener("focusout", () => hooks.focused(false));
    this.#observer = new ResizeObserver(() => this.fit());
    this.#observer.observe(this.element);
    this.label = label;
  }

  readonly label: string;

  /** show puts it into a place of the page. */
  show(place: HTMLElement): void {
    place.append(this.element);
    if (!this.#open) {
      this.#open = true;
      this.#terminal.open(this.element);
      this.#terminal.textarea?.setAttribute("aria-label", this.label);
    }
    this.fit();
  }

  /** fit follows the size of its place. */
  fit(): void {
    if (!this.#open || this.element.offsetParent === null) return;
    const size = this.#fit.proposeDimensions();
    if (size === undefined || !(size.cols > 0) || !(size.rows > 0)) return;
    this.#terminal.resize(Math.min(500, size.cols), Math.min(500, size.rows));
  }

  get size(): { cols: number; rows: number } {
    return { cols: this.#terminal.cols, rows: this.#terminal.rows };
  }

  /** write shows text; done is called when it is on the screen. */
  write(text: string, done: () => void): void {
    this.#terminal.write(text, done);
  }

  reset(): void {
    this.#terminal.reset();
  }

  focus(): void {
    this.#terminal.focus();
  }

  /** reader says whether a screen reader reads it. */
  reader(on: boolean): void {
    this.#terminal.options.screenReaderMode = on;
  }

  /** silent shows no cursor and takes no keys. */
  silent(on: boolean): void {
    this.#terminal.options.disableStdin = on;
  }

  /** selection is what is marked, or all that is on the screen. */
  selection(): string {
    if (this.#terminal.hasSelection()) return this.#terminal.getSelection();
    const { buffer, rows } = this.#terminal;
    const lines: string[] = [];
    for (let y = 0; y < rows; y++) lines.push(buffer.active.getLine(buffer.active.viewportY + y)?.translateToString(true) ?? "");
    return lines.join("\n").trimEnd();
  }

  close(): void {
    this.#observer.disconnect();
    this.#terminal.dispose();
    this.element.remove();
  }
}

/** A Replayer shows a recording of a terminal: nothing is typed into it. */
export class Replayer {
  readonly #terminal: Terminal;

  constructor(place: HTMLElement, label: string) {
    this.#terminal = new Terminal({ ...look, cols: 80, rows: 24, scrollback: 1_000, disableStdin: true });
    this.#terminal.attachCustomKeyEventHandler(() => false); // keys are the page's
    this.#terminal.open(place);
    this.#terminal.textarea?.setAttribute("aria-label", label);
    if (this.#terminal.textarea !== undefined) this.#terminal.textarea.tabIndex = -1;
  }

  write(text: string): void {
    this.#terminal.write(text);
  }

  resize(cols: number, rows: number): void {
    this.#terminal.resize(Math.min(500, Math.max(2, cols)), Math.min(500, Math.max(1, rows)));
  }

  reset(): void {
    this.#terminal.reset();
  }

  close(): void {
    this.#terminal.dispose();
  }
}
