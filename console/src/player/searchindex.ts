// The index of the search: words of sessions, folded, in memory. Ten thousand sessions
// are some megabytes, which are looked through as they are.

import type { Words } from "./summary";

/** Where a word was found. */
export interface Place {
  readonly name: string; // of the member
  readonly text: string;
}

export interface Hit {
  readonly id: string;
  readonly places: Place[];
}

interface Entry {
  readonly id: string;
  readonly words: Words;
  readonly folded: string;
}

/** fold takes away what does not matter: case, accents, forms of width. */
export const fold = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** wordsIn are the words of a question, folded. */
export const wordsIn = (question: string): string[] => [...new Set(fold(question).split(/\s+/).filter((w) => w !== ""))];

/** How much of a session's number has to be typed: shorter ones would be found in many. */
const leastNumber = 6;

const begins = (id: string, word: string) => word.length >= leastNumber && id.startsWith(word);

export class Index {
  readonly #entries: Entry[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** add takes a session; the first that is added is the first that is found. */
  add(id: string, words: Words): void {
    this.#entries.push({ id, words, folded: fold(Object.values(words).join("\n")) });
  }

  /** find returns the ids of the sessions that have all words, or whose number begins with them. */
  find(words: readonly string[]): string[] {
    if (words.length === 0) return [];
    return this.#entries.filter((e) => words.every((w) => e.folded.includes(w) || begins(e.id, w))).map((e) => e.id);
  }

  /** hits says of some of them where the words stand. */
  hits(ids: readonly string[], words: readonly string[]): Hit[] {
    const wanted = new Set(ids);
    return this.#entries
      .filter((e) => wanted.has(e.id))
      .map((e) => ({
        id: e.id,
        places: Object.entries(e.words)
          .map(([name, text]) => ({ name, text }))
          .filter(({ text }) => words.some((w) => fold(text).includes(w)))
          .concat(words.some((w) => begins(e.id, w)) ? [{ name: "number", text: e.id }] : []),
      }));
  }
}

/** A stretch of text, found or between. */
export interface Stretch {
  readonly text: string;
  readonly found: boolean;
}

const around = 60; // characters shown before and after

/** stretches cuts a text around what was found in it. */
export function stretches(text: string, words: readonly string[]): Stretch[] {
  // Folding changes lengths: each character of the folded text knows where it comes from.
  const from: number[] = [];
  let folded = "";
  let at = 0;
  for (const c of text) {
    const f = fold(c);
    folded += f;
    for (let i = 0; i < f.length; i++) from.push(at);
    at += c.length;
  }
  from.push(at);
  const marks: [number, number][] = [];
  for (const w of words)
    for (let i = folded.indexOf(w); i >= 0; i = folded.indexOf(w, i + w.length)) {
      let end = i + w.length;
      while (end < folded.length && from[end] === from[end - 1]) end++; // whole characters
      marks.push([from[i] ?? 0, from[end] ?? text.length]);
    }
  marks.sort((a, b) => a[0] - b[0]);
  const first = marks[0];
  if (first === undefined) return [{ text: text.slice(0, 2 * around), found: false }];
  const begin = Math.max(0, first[0] - around);
  const end = Math.min(text.length, Math.max(first[1], first[0] + 2 * around) + around);
  const out: Stretch[] = [];
  let done = begin;
  if (begin > 0) out.push({ text: "…", found: false });
  for (const [a, b] of marks) {
    if (a < done || a >= end) continue;
    if (a > done) out.push({ text: text.slice(done, a), found: false });
    out.push({ text: text.slice(a, Math.min(b, end)), found: true });
    done = Math.min(b, end);
  }
  if (done < end) out.push({ text: text.slice(done, end), found: false });
  if (end < text.length) out.push({ text: "…", found: false });
  return out;
}
