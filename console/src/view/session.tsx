// One session: its head with what is allowed and the red X, and below it the
// key, the customer's steps, the picture or the end.

import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { exactable } from "../codecs";
import { askedAgain, consentTo } from "../consent";
import { crispable, crispWaits, looksOn, over, type SessionView, talksIn } from "../sessionview";
import { duration, isolate, t } from "../text";
import { toggleFullScreen } from "./fullscreen";
import { useConsole } from "./context";
import { DrawStrip } from "./annotate";
import { clipDocked } from "./clipboard";
import { ControlStrip } from "./control";
import { DeviceButton, deviceDocked } from "./device";
import { Dock } from "./dock";
import { Drawer } from "./drawer";
import { Ended } from "./ended";
import { filesDocked } from "./files";
import { GuideButton } from "./guide";
import { Icon } from "./icons";
import { KeyCard } from "./keycard";
import { InviteButton, InviteStrip } from "./invite";
import { Menu } from "./menu";
import { OfferButton, OfferStrip } from "./offer";
import { Doors, PeopleStrip } from "./people";
import { OfSession } from "./ofsession";
import { RestartButton, RestartStrip } from "./restart";
import { Screen } from "./screen";
import { shellDocked } from "./shell";
import { Shared } from "./sharing";
import { Consents, StateMark } from "./state";
import { Steps } from "./steps";
import { StillsButton } from "./stills";
import { SystemButton } from "./system";
import { ToolButton } from "./tool";
import { hasWhy, Why } from "./why";

export function SessionPanel({ session }: { session: SessionView }) {
  const { desk, settings, layout } = useConsole();
  const ended = over(session.state);
  const full = useSignal(document.fullscreenElement !== null);
  useEffect(() => {
    const changed = () => (full.value = document.fullscreenElement !== null);
    document.addEventListener("fullscreenchange", changed);
    return () => document.removeEventListener("fullscreenchange", changed);
  }, []);
  const shown = desk.pictures.of(session.id);
  const live = session.state === "Active" && shown?.picture.state.value === "live";
  return (
    <section class="session" data-state={session.state} aria-labelledby="session-name">
      <header class="session-head">
        <div class="session-what">
          <h1 id="session-name" class="visually-hidden">{desk.sessions.nameOf(session)}</h1>
          <StateMark state={askedAgain(session) ? "Waiting" : session.state} />
          {!ended && <Consents session={session} allowed={desk.welcome.value?.permissions ?? null} />}
          {!ended && <Shared session={session} />}
          {!ended && <Facts session={session} />}
          <span class="visually-hidden" role="status">
            {crispWaits(session) ? t("view.crisp_waits") : ""}
          </span>
        </div>
        <div class="session-tools">
          {live && <ToolButton session={session} tool="control" />}
          {live && (
            <Menu id="tools" class="tools" label={t("tools.label")} title={t("tools.button")} button={<ToolsWord />}>
              <ToolButton session={session} tool="annotate" />
              <StillsButton session={session} />
              <ToolButton session={session} tool="scripts" />
              <ToolButton session={session} tool="shell" />
              <DeviceButton session={session} />
              <ToolButton session={session} tool="send_files" />
              <ToolButton session={session} tool="fetch_files" />
              <ToolButton session={session} tool="send_clipboard" />
              <ToolButton session={session} tool="fetch_clipboard" />
              <RestartButton session={session} place="menu" />
              <h2>{t("tools.view")}</h2>
              {crispable(session) && (
                <button
                  type="button"
                  class="button small"
                  data-testid="crisp"
                  aria-pressed={session.crisp === true}
                  aria-disabled={!exactable()}
                  title={exactable() ? t("act.crisp_on") : t("view.crisp_cannot")}
                  onClick={() => exactable() && desk.acts.crisp(session.id, session.crisp !== true)}
                >
                  <span class="one" aria-hidden="true">
                    Aa
                  </span>
                  <span class="tool-word">{t("view.crisp")}</span>
                </button>
              )}
              <button
                type="button"
                class="button small"
                aria-keyshortcuts="Z"
                aria-pressed={settings.zoom.value === "actual"}
                title={`${t("view.actual")} (Z)`}
                onClick={() => settings.toggleZoom()}
              >
                <span class="one" aria-hidden="true">
                  1:1
                </span>
                <span class="tool-word">{t("view.actual")}</span>
              </button>
              <button
                type="button"
                class="button small"
                aria-keyshortcuts="M"
                aria-pressed={full.value}
                title={`${t("view.full")} (M)`}
                onClick={toggleFullScreen}
              >
                <Icon name="full" />
                <span class="tool-word">{t("view.full")}</span>
              </button>
            </Menu>
          )}
          <RestartButton session={session} place="head" />
          <SystemButton session={session} />
          <GuideButton session={session} />
          <OfferButton session={session} />
          <InviteButton session={session} />
          {talksIn(session) && (
            <button
              type="button"
              class="button small"
              data-testid="chat"
              aria-keyshortcuts="C"
              aria-pressed={layout.drawer.value === "chat"}
              title={`${t("act.chat")} (C)`}
              onClick={() => layout.toggle("chat")}
            >
              <Icon name="chat" />
              <span class="tool-word">{t("chat.heading")}</span>
              <Unheard count={desk.talks.unheard(session.id)} />
            </button>
          )}
          {session.mine && (
            <button
              type="button"
              class="button small"
              aria-keyshortcuts="W"
              aria-pressed={layout.drawer.value === "notes"}
              title={`${t("act.notes")} (W)`}
              onClick={() => layout.toggle("notes")}
            >
              <Icon name="note" />
              <span class="tool-word">{t("notes.heading")}</span>
            </button>
          )}
          {session.mine && !ended && (
            <button
              type="button"
              class="button stop end"
              data-testid="end-session"
              title={t("end_session")}
              onClick={() => desk.redX.press(session.id)}
            >
              <Icon name="cross" />
              <span class="end-word">{t("end_session")}</span>
            </button>
          )}
        </div>
      </header>
      <div class="session-main">
        <div class="session-view">
          <OfferStrip session={session} />
          <InviteStrip session={session} />
          <PeopleStrip session={session} />
          <RestartStrip session={session} />
          <ControlStrip session={session} control={shown?.control} />
          <DrawStrip session={session} drawing={shown?.drawing} />
          <Body key={session.id} session={session} />
          {/* All of them stay: a picture that is put away keeps its last frame for when it comes back. */}
          {[...desk.pictures.live.value].map(([id, { picture }]) => {
            const own = desk.sessions.find(id);
            return own && <Screen key={id} session={own} picture={picture} current={id === session.id} shown={id === session.id && session.state === "Active"} />;
          })}
          <Dock
            key={`dock-${session.id}`}
            controls={consentTo(session, "control")?.state === "given"}
            panels={[
              shellDocked(session, shown?.shell),
              deviceDocked(session, shown?.shell),
              filesDocked(session, shown?.files),
              clipDocked(session, shown?.clipboards),
            ]}
          />
        </div>
        <Drawer session={session} />
      </div>
    </section>
  );
}

/** ToolsWord names the menu of what is asked of the customer and seldom used. */
function ToolsWord() {
  return (
    <>
      <Icon name="tools" />
      <span class="tool-word">{t("tools.button")}</span>
    </>
  );
}

/** Unheard marks the button of the chat. */
function Unheard({ count: n }: { count: number }) {
  if (n === 0) return null;
  return (
    <span class="count" data-testid="chat-unread">
      {n}
      <span class="visually-hidden"> {t("unread")}</span>
    </span>
  );
}

/** Facts: how long, recording, who looks. */
function Facts({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const me = desk.welcome.value?.account.name;
  const named = [me, ...(session.mine || looksOn(session) ? [session.technician.name, ...(session.guests ?? []).map((g) => g.name)] : [])];
  const others = session.viewers.filter((name) => !named.includes(name)).map(isolate);
  return (
    <ul class="session-facts">
      {session.active_at && (
        <li>
          <Elapsed since={session.active_at} />
        </li>
      )}
      <li class="fact-recorded" title={t(session.recording ? "recorded" : "recorded_later")}>
        <Icon name="record" />
        <span class="fact-word">{t(session.recording ? "recorded" : "recorded_later")}</span>
      </li>
      {crispWaits(session) && (
        <li data-testid="crisp-waits" title={t("view.crisp_waits")}>
          <Icon name="later" />
          <span class="fact-word">{t("view.crisp_waits")}</span>
        </li>
      )}
      {others.length > 0 && (
        <li title={t("viewers", { names: others.join(", ") })}>
          <Icon name="eye" />
          <span class="fact-word">{t("viewers", { names: others.join(", ") })}</span>
        </li>
      )}
    </ul>
  );
}

function Elapsed({ since }: { since: string }) {
  const { desk } = useConsole();
  const text = useComputed(() => duration(desk.clock.now.value - Date.parse(since)));
  return (
    <span class="elapsed">
      <Icon name="clock" />
      <span class="visually-hidden">{t("elapsed")} </span>
      <span class="figures">{text}</span>
    </span>
  );
}

function Body({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  if (over(session.state)) return <Ended session={session} />;
  if (desk.redX.pressed.value.has(session.id)) {
    return (
      <div class="session-body centre">
        <p class="lead">{t("ending")}</p>
      </div>
    );
  }
  const shared = session.state === "Active";
  return (
    <>
      {!shared && (
        <div class="session-body prepare" role="group" aria-labelledby="session-name" tabIndex={0}>
          {((session.state === "Issued" && session.mine) || hasWhy(session)) && (
            <div class="stack">
              {session.state === "Issued" && session.mine && <KeyCard session={session} />}
              {hasWhy(session) && <Why session={session} />}
            </div>
          )}
          <div class="stack">
            <Steps session={session} />
            <OfSession session={session} />
          </div>
        </div>
      )}
      {shared && <Doors session={session} />}
    </>
  );
}
