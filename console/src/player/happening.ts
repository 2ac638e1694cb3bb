// What happened in a session, as its recording has it.

import { Track } from "./record";
import type { Item } from "./segment";

/** Something that happened: one record of a track other than the picture. */
export interface Happening {
  readonly at: number;
  readonly segment: number;
  readonly index: number;
  readonly track: number;
  readonly code: string;
  readonly data: Record<string, unknown>;
}

export function happeningOf(item: Item): Happening {
  const { at, segment } = item;
  const { index, track } = item.header;
  let said: Record<string, unknown> = {};
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(item.body));
    if (typeof value === "object" && value !== null) said = value as Record<string, unknown>;
  } catch {
    // Shown by its track, without words.
  }
  const data = typeof said["data"] === "object" && said["data"] !== null ? (said["data"] as Record<string, unknown>) : said;
  const code = typeof said["code"] === "string" ? said["code"] : (Object.entries(Track).find(([, n]) => n === track)?.[0] ?? `track-${track}`);
  return { at, segment, index, track, code, data };
}
