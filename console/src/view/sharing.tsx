// What the customer shares at present, or why nothing is shown.

import { hidden, type SessionView } from "../sessionview";
import { number, t } from "../text";
import { Icon, type IconName } from "./icons";

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
