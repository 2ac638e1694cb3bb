// The pictures for the record, below the lanes: each is fetched, checked and shown when
// it is asked for.

import type { Bytes } from "../crypto/bytes";
import { by, make } from "./element";
import { Track } from "./record";
import type { Happening } from "./happening";
import type { Recording } from "./recording";
import { clock, say } from "./words";

export class Stills {
  readonly #list = make("ul", {});
  readonly #place = make("section", { id: "stills", class: "stills", "aria-label": say("audit.lane.stills"), hidden: "" }, make("h3", {}, say("audit.lane.stills")), this.#list);
  readonly #canvas = make("canvas", { role: "img" });
  readonly #word = make("p", { role: "status" });
  readonly #dialog: HTMLDialogElement;
  #recording: Recording | null = null;

  constructor() {
    by("lanes").after(this.#place);
    const close = make("button", { type: "button", class: "button small" }, say("audit.js.still_close"));
    this.#dialog = make("dialog", { class: "still", "aria-label": say("audit.lane.stills") }, close, this.#word, this.#canvas);
    this.#place.after(this.#dialog);
    close.addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#wipe());
  }

  open(r: Recording): void {
    this.close();
    this.#recording = r;
    const taken = r.happenings.filter((h) => h.code === "still.taken" && r.segments.some((s) => s.number === h.segment && s.shared(Track.stills, h.at)));
    this.#list.replaceChildren(
      ...taken.map((h) => {
        const words = [clock(h.at), String(h.data["caption"] ?? "")].filter((w) => w !== "").join(" · ");
        const button = make("button", { type: "button", class: "button small", "data-still": String(h.data["still"]) }, say("audit.js.still_open"));
        button.setAttribute("aria-label", `${say("audit.js.still_open")}: ${words}`);
        button.addEventListener("click", () => void this.#show(h, words));
        return make("li", {}, make("span", { dir: "auto" }, words), button);
      }),
    );
    this.#place.hidden = taken.length === 0;
  }

  /** close forgets them. */
  close(): void {
    this.#recording = null;
    this.#list.replaceChildren();
    this.#place.hidden = true;
    this.#dialog.close();
    this.#wipe();
  }

  #wipe(): void {
    this.#canvas.width = this.#canvas.height = 0;
    this.#word.textContent = "";
  }

  async #show(h: Happening, words: string): Promise<void> {
    this.#wipe();
    this.#canvas.setAttribute("aria-label", words);
    this.#dialog.showModal();
    const file = await this.#fetch(h).catch(() => null);
    const image = file === null ? null : await createImageBitmap(new Blob([file], { type: "image/png" })).catch(() => null);
    if (!this.#dialog.open) return;
    if (image === null) {
      this.#word.textContent = say("audit.js.still_bad");
      return;
    }
    this.#canvas.width = image.width;
    this.#canvas.height = image.height;
    this.#canvas.getContext("2d")?.drawImage(image, 0, 0);
    image.close();
    this.#word.textContent = `${words}: ${say("audit.js.still_checked", { width: this.#canvas.width, height: this.#canvas.height })}`;
  }

  /** #fetch reads the picture that was taken, if it has the SHA-256 that the log says. */
  async #fetch(h: Happening): Promise<Bytes | null> {
    const segment = this.#recording?.segments.find((s) => s.number === h.segment);
    for (const header of segment?.headers.filter((x) => x.kind === 1 && x.track === Track.stills) ?? []) {
      for (const item of (await segment?.read([header])) ?? []) {
        const { data } = JSON.parse(new TextDecoder().decode(item.body)) as { data?: Record<string, unknown> };
        if (data?.["still"] !== h.data["still"] || typeof data?.["data"] !== "string") continue;
        const text = atob(data["data"]);
        const file = new Uint8Array(text.length);
        for (let i = 0; i < text.length; i++) file[i] = text.charCodeAt(i);
        const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
        const hash = Array.from(sum, (b) => b.toString(16).padStart(2, "0")).join("");
        return hash === h.data["sha256"] ? file : null;
      }
    }
    return null;
  }
}
