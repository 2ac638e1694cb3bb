// What the customer shares at present, or why nothing is shown.

import type { SessionView } from "../sessionview";
import { number, t } from "../text";
import { Icon, type IconName } from "./icons";

/** Why nothing is to be seen. */
export type Hidden = "paused" | "muted" | "stopped" | "denied" | "locked";

/** hidden says why the picture is not to be seen, though the view is allowed; null when it is. */
export function hidden(s: SessionView): Hidden | null {
  const state = s.sharing?.state ?? "shown";
  if (s.state !== "Active" || state === "shown") return null;
  return state;
}

/** Shared is what is shown: the whole screen, one monitor, one program with its name. */
export function Shared({ session }: { session: SessionView }) {
  const sharing = session.sharing;
  if (sharing === undefined || session.state !== "Active") return null;
  const why = hidden(session);
  const icon: IconName = why === "locked" ? "lock" : why !== null ? "pause" : sharing.source === "desktop" || sharing.source === "monitor" ? "screen" : "window";
  const { source, name } = sharing;
  const named = name && (source === "monitor" || source === "application") ? t(`shared.${source}_named`, { name }) : t(`shared.${source}`);
  return (
    <span class="shared" data-testid="shared" data-sharing={sharing.state} title={sharing.width > 0 ? `${number(sharing.width)} × ${number(sharing.height)}` : undefined}>
      <Icon name={icon} />
      <span>{why === null ? named : t(`shared.${why}`)}</span>
      {why === null && (sharing.covered ?? 0) > 0 && <span data-testid="covered">· {t("shared.covered", { n: number(sharing.covered ?? 0) })}</span>}
      {why === null && (sharing.fields ?? 0) > 0 && <span data-testid="covered-fields">· {t("shared.fields", { n: number(sharing.fields ?? 0) })}</span>}
    </span>
  );
}
