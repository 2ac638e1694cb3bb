// Pictures for the record: whether this person may take them.

import type { PermissionSet } from "./protocol";
import type { SessionView } from "./sessionview";

/** keepable: the profile holds it, and the customer's program can do it. */
export function keepable(s: SessionView, allowed: PermissionSet | null): boolean {
  return s.mine && s.state === "Active" && allowed?.["stills"] === true && s.tools?.includes("stills") === true;
}
