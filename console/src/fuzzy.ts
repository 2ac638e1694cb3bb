// Finding by a few letters of a name.

/**
 * score says how well a text fits what was typed, higher is better; null when it
 * does not. All letters have to come in their order; those that begin a word or
 * follow the one before count more. Capitals and accents do not matter.
 */
export function score(typed: string, text: string): number | null {
  const want = plain(typed).replace(/\s+/g, "");
  const have = plain(text);
  let best: number | null = null;
  for (let from = have.indexOf(want[0] ?? ""); from >= 0; from = have.indexOf(want[0] ?? "", from + 1)) {
    const s = walk(want, have, from);
    if (s === null) break; // from further on there is even less
    best = Math.max(best ?? s, s);
    if (want === "") break;
  }
  return best;
}

function walk(want: string, have: string, from: number): number | null {
  let sum = 0;
  let at = from - 1;
  for (const letter of want) {
    const next = have.indexOf(letter, at + 1);
    if (next < 0) return null;
    const begins = next === 0 || /[^\p{L}\p{N}]/u.test(have[next - 1] ?? " ");
    sum += next === at + 1 ? 3 : begins ? 2 : 0;
    if (begins) sum += 2;
    sum -= Math.min(next - at - 1, 10) / 10;
    at = next;
  }
  return sum - have.length / 1000;
}

/** holds: each word that was typed stands somewhere in the text. */
export function holds(typed: string, text: string): boolean {
  const have = plain(text);
  return plain(typed).split(/\s+/).every((word) => have.includes(word));
}

function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
