// The drawer beside the picture: the technician's notes, what the figures of
// the connection mean, or what is read of the customer's computer. On a small page it lies over the picture.

import { useEffect, useRef } from "preact/hooks";
import { over, type SessionView, talksIn } from "../sessionview";
import { t } from "../text";
import { useConsole } from "./context";
import { ChatPanel } from "./chat";
import { FiguresPanel } from "./figures";
import { GuidePanel } from "./guide";
import { Icon } from "./icons";
import { NotesPanel } from "./notes";
import { StillsPanel } from "./stills";
import { SystemPanel } from "./system";

export function Drawer({ session }: { session: SessionView }) {
  const { layout } = useConsole();
  const panel = useRef<HTMLElement>(null);
  const open = session.mine || (layout.drawer.value === "chat" && talksIn(session)) ? layout.drawer.value : null;
  const which = over(session.state) && open !== "notes" && open !== "chat" && open !== "guide" ? null : open;

  useEffect(() => {
    if (which === null) return;
    const before = document.activeElement as HTMLElement | null;
    const within = (selector: string) => panel.current?.querySelector<HTMLElement>(selector);
    (within("textarea:not([readonly])") ?? within("h2"))?.focus();
    // Whoever closes it goes on where they were.
    return () => {
      if (document.activeElement === document.body || panel.current?.contains(document.activeElement)) before?.focus();
    };
  }, [which]);

  if (which === null) return null;
  return (
    <aside
      ref={panel}
      class="drawer"
      data-wide={which === "system"}
      aria-labelledby="drawer-heading"
      onKeyDown={(e) => {
        if (e.key !== "Escape" || e.isComposing) return;
        e.stopPropagation();
        layout.drawer.value = null;
      }}
    >
      <header class="drawer-head">
        <h2 id="drawer-heading" tabIndex={-1}>
          {t(`${which}.heading`)}
        </h2>
        <button type="button" class="button quiet small icon-only" aria-label={t("close")} title={`${t("close")} (Esc)`} onClick={() => (layout.drawer.value = null)}>
          <Icon name="cross" />
        </button>
      </header>
      {which === "notes" && <NotesPanel key={session.id} session={session} />}
      {which === "guide" && <GuidePanel key={session.id} session={session} />}
      {which === "chat" && <ChatPanel key={session.id} session={session} />}
      {which === "figures" && <FiguresPanel key={session.id} session={session} />}
      {which === "stills" && <StillsPanel key={session.id} session={session} />}
      {which === "system" && <SystemPanel key={session.id} session={session} />}
    </aside>
  );
}
