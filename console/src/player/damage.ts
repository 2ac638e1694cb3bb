// What is said of damage to whoever was given a part: they see no verdict, and have
// the auditors to ask.

import { Problem } from "./problem";
import type { Recording } from "./recording";
import { clock, say } from "./words";

const broken = new Set(["malformed", "wrong_bag", "foreign_key"]);

/** problemOf is the sentence for what went wrong. */
export const problemOf = (e: Problem): string => (broken.has(e.code) ? say("audit.js.damaged_copy") : say(`audit.js.${e.code}`, e.values));

/** damageOf is the sentence for the first record that did not open; "" if all did. */
export function damageOf(r: Recording | null): string {
  const first = r?.damaged[0];
  return first === undefined ? "" : say("audit.js.damaged_part", { time: clock(first.at) });
}
