// Texts that are at hand: chosen by language, found by typing, put where the
// technician writes, and never further.

import { useSignal } from "@preact/signals";
import { holds } from "../fuzzy";
import type { Passage } from "../protocol";
import { language, spoken, t, type TextKey } from "../text";
import { useConsole } from "./context";

/** languageFor is the language that a person reads, if we have it, else the technician's own. */
export function languageFor(tag: string | undefined): string {
  return spoken.find((l) => l.tag === tag?.toLowerCase().split("-")[0])?.tag ?? language;
}

interface Props {
  heading: TextKey;
  /** The language that is chosen at first. */
  first: string;
  /** Of the office, in all languages. */
  own: readonly Passage[];
  /** Of the program, in a language. */
  ours?: (tag: string) => readonly string[];
  /** What is said where there is none. */
  none: TextKey;
  use: (text: string) => void;
}

export function Passages({ heading, first, own, ours, none, use }: Props) {
  const { desk } = useConsole();
  const chosen = useSignal(first);
  const typed = useSignal("");
  const found = (of: string) => holds(typed.value, of);
  const mine = own.filter((p) => p.language === chosen.value && found(`${p.name}\n${p.text}`));
  const theirs = (ours?.(chosen.value) ?? []).filter(found);
  const empty = mine.length + theirs.length === 0;
  return (
    <details class="canned" onToggle={(e) => e.currentTarget.open && void desk.library.load()}>
      <summary>{t(heading)}</summary>
      <div class="canned-find">
        <label class="small-text">
          {t("library.search")}{" "}
          <input type="search" class="canned-search" autocomplete="off" value={typed} onInput={(e) => (typed.value = e.currentTarget.value)} onKeyDown={(e) => e.key === "Enter" && e.preventDefault()} />
        </label>
        <label class="small-text">
          {t("chat.canned_language")}{" "}
          <select value={chosen} onChange={(e) => (chosen.value = e.currentTarget.value)}>
            {spoken.map((l) => (
              <option key={l.tag} value={l.tag} lang={l.tag}>
                {l.name}
              </option>
            ))}
          </select>
        </label>
      </div>
      {desk.library.failed.value && <p class="small-text" role="status">{t("library.failed")}</p>}
      {empty && <p class="soft small-text" role="status">{t(typed.value.trim() === "" ? none : "library.none")}</p>}
      <ul lang={chosen}>
        {mine.map((p) => (
          <li key={p.id}>
            <button type="button" class="button small quiet" data-own={p.id} onClick={() => use(p.text)}>
              <strong dir="auto">{p.name}</strong>
              <span dir="auto">{p.text}</span>
            </button>
          </li>
        ))}
        {theirs.map((text) => (
          <li key={text}>
            <button type="button" class="button small quiet" onClick={() => use(text)}>
              {text}
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}
