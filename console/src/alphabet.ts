// How a session key is said on the phone.

import { has, t } from "./text";

/** spell returns each character of a key with the word for it: NATO's in
 * English, the towns of the Italian telephone alphabet in Italian. */
export function spell(key: string): { character: string; word: string }[] {
  return [...key].map((character) => {
    const word = `spell.${character}`;
    return { character, word: has(word) ? t(word) : character };
  });
}

/** The number of characters before the gap that makes a key readable: ABC DEFG. */
export const firstGroup = 3;
