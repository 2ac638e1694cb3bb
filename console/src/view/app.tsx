// The whole page: rail, tabs, the session in the middle, status bar.

import { useEffect, useRef } from "preact/hooks";
import type { Desk } from "../desk";
import { actOf } from "../keys";
import { t } from "../text";
import { useConsole } from "./context";
import { Help } from "./help";
import { Icon } from "./icons";
import { Rail } from "./rail";
import { SessionPanel } from "./session";
import { StatusBar } from "./status";
import { Tabs } from "./tabs";
import { Teach } from "./teach";
import { toggleFullScreen } from "./fullscreen";

export function App() {
  const { desk } = useConsole();
  const help = useRef<HTMLDialogElement>(null);
  useKeys(help);
  const session = desk.current.value;
  const outdated = desk.wire.line.value.kind === "outdated";

  useEffect(() => {
    document.title = session ? `${t(`state.${session.state}`)} – Consento` : t("title");
  }, [session?.state, session?.id]);

  return (
    <div class="console" data-view={session ? "session" : "list"}>
      <a class="skip-link" href="#main">
        {t("skip")}
      </a>
      <Rail onHelp={() => help.current?.showModal()} />
      <main id="main" tabIndex={-1}>
        <Tabs />
        {outdated && (
          <div class="notice warn bar-notice" role="alert">
            <p>{t("error.version")}</p>
            <button type="button" class="button small" onClick={() => location.reload()}>
              {t("reload")}
            </button>
          </div>
        )}
        <Trouble />
        {session ? <SessionPanel session={session} /> : <Teach />}
        <StatusBar />
      </main>
      <p class="visually-hidden" role="status">
        {desk.announcement}
      </p>
      <Help dialog={help} />
    </div>
  );
}

/** Trouble says what happened and what to do next. */
function Trouble() {
  const { desk } = useConsole();
  return (
    <div role="alert">
      {desk.trouble.value !== "" && (
        <div class="notice warn bar-notice">
          <Icon name="warn" />
          <p>{desk.trouble}</p>
          <button type="button" class="button small quiet" onClick={() => (desk.trouble.value = "")}>
            {t("close")}
          </button>
        </div>
      )}
    </div>
  );
}

/** useKeys lets the single keys act. */
function useKeys(help: { current: HTMLDialogElement | null }) {
  const { desk, settings } = useConsole();
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      const meant = settings.letters.value ? actOf(e) : null;
      if (meant === null) return;
      e.preventDefault();
      switch (meant.act) {
        case "filter":
          focusFilter(desk);
          break;
        case "next":
        case "previous":
          moveInList(meant.act === "next" ? 1 : -1);
          break;
        case "new":
          void desk.newSession();
          break;
        case "tab": {
          const id = desk.opened.value[meant.digit - 1];
          if (id !== undefined) desk.open(id);
          break;
        }
        case "zoom":
          settings.toggleZoom();
          break;
        case "screen":
          toggleFullScreen();
          break;
        case "help":
          help.current?.showModal();
          break;
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

function focusFilter(desk: Desk): void {
  const filter = document.querySelector<HTMLInputElement>("#filter");
  if (filter?.offsetParent === null) desk.leave(); // on a narrow page the list is behind the session
  // Only once the key is up: its character may still be on its way, and is not meant for the field.
  addEventListener("keyup", () => filter?.select(), { once: true });
}

function moveInList(by: number): void {
  const items = [...document.querySelectorAll<HTMLElement>(".session-list button")];
  const from = items.indexOf(document.activeElement as HTMLElement);
  const open = items.findIndex((i) => i.getAttribute("aria-current") === "true");
  const to = from < 0 ? Math.max(open, 0) : Math.min(Math.max(from + by, 0), items.length - 1);
  items[to]?.focus();
}
