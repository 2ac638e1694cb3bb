// The whole page: rail, tabs, the session in the middle, status bar.

import { useEffect, useLayoutEffect } from "preact/hooks";
import { actOf, opensPalette } from "../keys";
import { available } from "../consent";
import { talksIn } from "../sessionview";
import { ticketIn } from "../tickets/tab";
import { d, duration, t } from "../text";
import { type Parts, useConsole } from "./context";
import { focusFilter, moveInList } from "./focus";
import { toggleFullScreen } from "./fullscreen";
import { Help } from "./help";
import { Icon } from "./icons";
import { NewTicket } from "./newticket";
import { Palette } from "./palette";
import { Rail } from "./rail";
import { Reminder } from "./reminder";
import { SessionPanel } from "./session";
import { StatusBar } from "./status";
import { Tabs } from "./tabs";
import { Teach } from "./teach";
import { TicketPanel } from "./ticket";

export function App() {
  const parts = useConsole();
  const { desk, settings } = parts;
  useLayoutEffect(() => { // what is pressed before the first paint counts
    const onKey = (e: KeyboardEvent) => press(parts, e);
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const session = desk.tabs.current.value;
  const ticket = ticketIn(desk.tabs.selected.value);
  const outdated = desk.wire.line.value.kind === "outdated";
  const ticketName = ticket === null ? "" : ticket === "new" ? d("new") : desk.tickets.name(ticket);
  const unread = desk.notices.unread.value.size;

  useEffect(() => {
    document.title = `${unread > 0 ? `(${unread}) ` : ""}${session ? `${t(`state.${session.state}`)} – Consento` : ticketName !== "" ? `${ticketName} – Consento` : t("title")}`;
  }, [session?.state, session?.id, ticketName, unread]);

  return (
    <div class="console" data-view={session || ticket !== null ? "session" : "list"} data-rail={settings.rail.value || (!session && ticket === null) ? "open" : "closed"}>
      <a class="skip-link" href="#main">
        {t("skip")}
      </a>
      <Rail />
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
        <Aside />
        {session ? <SessionPanel session={session} /> : ticket === "new" ? <NewTicket /> : ticket !== null ? <TicketPanel key={ticket} ticket={desk.tickets.ticket(ticket)} /> : <Teach />}
        <StatusBar />
      </main>
      <p class="visually-hidden" role="status">
        {desk.notices.announcement}
      </p>
      <Help />
      <Palette />
      <Reminder />
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

/** Aside says that a session goes on without its tab, and that the connection is back. */
function Aside() {
  const { desk } = useConsole();
  const aside = desk.sessions.find(desk.tabs.putAside.value);
  return (
    <div role="status" class="aside">
      {desk.back.value > 0 && (
        <div class="notice good bar-notice back-again">
          <Icon name="check" />
          <p>{t("line.back", { time: duration(desk.back.value) })}</p>
        </div>
      )}
      {aside && (
        <div class="notice bar-notice put-aside">
          <Icon name="ask" />
          <p>{t("tabs.goes_on", { session: desk.sessions.nameOf(aside) })}</p>
          <button type="button" class="button small" onClick={() => desk.tabs.open(aside.id)}>
            {t("tabs.open_again")}
          </button>
          <button type="button" class="button small quiet" onClick={() => (desk.tabs.putAside.value = "")}>
            {t("close")}
          </button>
        </div>
      )}
    </div>
  );
}

/** press lets the keys act. */
function press({ desk, settings, layout }: Parts, e: KeyboardEvent): void {
  if (opensPalette(e) && !layout.help.value) {
    e.preventDefault();
    layout.palette.value = !layout.palette.value;
    return;
  }
  const meant = settings.letters.value ? actOf(e) : null;
  if (meant === null) return;
  e.preventDefault();
  const mine = desk.tabs.current.value?.mine === true;
  switch (meant.act) {
    case "filter":
      // Only once the key is up: its character may still be on its way, and is not meant for the field.
      addEventListener("keyup", () => focusFilter(desk, settings), { once: true });
      break;
    case "next":
    case "previous":
      moveInList(meant.act === "next" ? 1 : -1);
      break;
    case "new":
      void desk.sessionFor();
      break;
    case "ticket":
      desk.newTicket();
      break;
    case "queue":
      if (desk.welcome.value?.tickets === true) layout.rail.value = layout.rail.value === "tickets" ? "sessions" : "tickets";
      break;
    case "tab": {
      const id = desk.tabs.opened.value[meant.digit - 1];
      if (id !== undefined) desk.tabs.open(id);
      break;
    }
    case "zoom":
      settings.toggleZoom();
      break;
    case "screen":
      toggleFullScreen();
      break;
    case "notes":
    case "figures":
    case "chat":
      if (mine || (meant.act === "chat" && desk.tabs.current.value && talksIn(desk.tabs.current.value))) layout.toggle(meant.act);
      break;
    case "system":
      if (mine && (layout.drawer.value === "system" || (desk.tabs.current.value && available(desk.tabs.current.value, desk.welcome.value?.permissions ?? null, "system_info")))) layout.toggle("system");
      break;
    case "guide":
      if (mine && desk.tabs.current.value?.ticket !== undefined && desk.welcome.value?.tickets === true) layout.toggle("guide");
      else document.querySelector<HTMLElement>('.acts [data-act="escalate"]')?.click();
      break;
    case "rail":
      settings.toggleRail();
      break;
    case "control":
      desk.control();
      break;
    case "shell":
      desk.shell();
      break;
    case "help":
      layout.help.value = true;
      break;
  }
}
