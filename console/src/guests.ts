/** What is said of others in a session. */

import type { Guest } from "./protocol";
import { isolate, t } from "./text";

/** personText says what a person is in the session. */
export function personText(g: Guest): string {
  return t(g.state === "asked" ? "guest.is_asked" : `guest.is_${g.way}`, { name: isolate(g.name), team: isolate(g.team) });
}
