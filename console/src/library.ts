// What the office wrote for its technicians: prepared answers, templates, scripts.

import { signal } from "@preact/signals";
import type { Library as Sent, OwnScript, Passage } from "./protocol";

export interface Texts {
  readonly answers: readonly Passage[];
  readonly templates: readonly Passage[];
  readonly scripts: readonly OwnScript[];
}

const none: Texts = { answers: [], templates: [], scripts: [] };

export class Library {
  readonly texts = signal<Texts>(none);
  /** They could not be loaded: what is shown may be old, or nothing. */
  readonly failed = signal(false);
  #loading: Promise<void> | null = null;

  /** load asks for them; what is there stays until then. */
  load(): Promise<void> {
    this.#loading ??= this.#fetch().finally(() => (this.#loading = null));
    return this.#loading;
  }

  async #fetch(): Promise<void> {
    try {
      const answer = await fetch("/console/library", { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const sent = (await answer.json()) as Partial<Sent>;
      this.texts.value = {
        answers: (sent.answers ?? []).filter(passage),
        templates: (sent.templates ?? []).filter(passage),
        scripts: (sent.scripts ?? []).filter(script),
      };
      this.failed.value = false;
    } catch {
      this.failed.value = true;
    }
  }
}

const text = (v: unknown): v is string => typeof v === "string";
const passage = (p: Passage) => text(p.id) && text(p.language) && text(p.name) && text(p.text);
const script = (s: OwnScript) => text(s.id) && s.version > 0 && text(s.name) && text(s.text) && text(s.interpreter) && text(s.platform) && text(s.sha256);
