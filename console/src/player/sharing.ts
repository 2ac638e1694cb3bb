// The auditor's form that shares a part of the session: the share is made here, and
// its secret stands in the link alone.

import { by } from "./element";
import { hex } from "../crypto/bytes";
import type { Recording } from "./recording";
import { base64url } from "./secret";
import { lockForms } from "./share";
import { Track } from "./record";
import { say } from "./words";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

export class Sharing {
  readonly #form = by<HTMLFormElement>("share");
  readonly #said = by("shared-said");

  constructor(session: string, recording: () => Recording | null, trouble: (e: unknown) => void) {
    this.#form.addEventListener("submit", (e) => {
      e.preventDefault();
      const r = recording();
      if (r === null) return;
      this.#make(session, r).catch((problem: unknown) => {
        this.#said.textContent = "";
        trouble(problem);
      });
    });
  }

  #value = (id: string): string => by<HTMLInputElement>(id).value.trim();

  #refuse(code: string, field: string): void {
    this.#said.textContent = say(`audit.js.${code}`);
    by(field).focus();
  }

  async #make(session: string, r: Recording): Promise<void> {
    const tracks = [...this.#form.querySelectorAll<HTMLInputElement>("[name=track]:checked")].map((t) => Number(t.value));
    const [from, to, days] = ["share-from", "share-to", "share-days"].map((id) => Number(this.#value(id))) as [number, number, number];
    const whom = this.#value("share-whom");
    const why = this.#value("share-why");
    if (whom === "") return this.#refuse("share_whom", "share-whom");
    if (tracks.length === 0) return this.#refuse("share_tracks", "share-track-2");
    if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to <= from) return this.#refuse("share_time", "share-from");
    if (!Number.isInteger(days) || days < 1 || days > 30) return this.#refuse("share_days", "share-days");
    if (why.length < 3) return this.#refuse("no_reason", "share-why");
    this.#said.textContent = say("audit.js.working");
    const secret = crypto.getRandomValues(new Uint8Array(32));
    const id = hex(crypto.getRandomValues(new Uint8Array(16)));
    const made = Date.now();
    const files: string[] = [];
    for (const s of r.segments) {
      const [first, end] = [Math.max(0, from * minuteMs - s.shift), Math.min(to * minuteMs, s.end + minuteMs) - s.shift];
      if (end > first) files.push(await s.share({ id, tracks, from: first, to: end, made, until: made + days * dayMs }, secret));
    }
    if (files.length === 0) return this.#refuse("share_time", "share-from");
    const body = new URLSearchParams({ whom, why, from: String(from), to: String(to), files: JSON.stringify(files) });
    if (tracks.includes(Track.video)) body.set("forms", await lockForms(id, await r.formsAt(from * minuteMs), secret));
    const answer = await fetch(`/audit/sessions/${session}/share`, { method: "POST", body });
    if (!answer.ok) {
      this.#said.textContent = say(answer.status === 409 ? "audit.js.share_moved" : "audit.js.share_refused");
      return;
    }
    this.#said.textContent = say("audit.js.share_made");
    by("share-link").textContent = `${location.origin}/shared/${id}#${base64url(secret)}`;
    by("share-given").hidden = false;
    this.#form.reset();
  }
}
