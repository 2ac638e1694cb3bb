// What asks for the command line, and where it is shown: below the picture.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import scripts from "../../../protocol/scripts.json";
import type { OwnScript } from "../protocol";
import { hidden, type SessionView } from "../sessionview";
import { addressOf } from "../shell/login";
import { type Shell, shellConsent } from "../shell/shell";
import { has, language, t } from "../text";
import { useConsole } from "./context";
import type { Docked } from "./dock";
import { DeviceLogin } from "./device";
import { Icon } from "./icons";

/** shellDocked is there while the command line is asked for or allowed, and for its end. */
export function shellDocked(session: SessionView, shell: Shell | undefined): Docked | null {
  const consent = shellConsent(session);
  if (session.state !== "Active" || consent === undefined) return null;
  const name = consent.permission === "ssh" ? t("permission.ssh") : t(consent.permission === "scripts" ? "scripts.on" : "shell.on");
  const docked = (on: boolean, body: ComponentChildren) => ({ id: "shell", name, on, body });
  if (consent.state === "given" && shell !== undefined && shell.epoch.value === consent.epoch) return docked(true, <Open key={session.id} session={session} shell={shell} />);
  const cause = `control.cause.${consent.cause ?? ""}`;
  const word = consent.state === "asked" ? t("shell.asking") : has(cause) ? t(cause) : null;
  if (word === null) return null;
  return docked(
    false,
    <section class="shell-panel" data-testid="shell-panel" data-state={consent.state} aria-label={t("shell.label")}>
      <div class="shell-strip">
        <strong>{name}</strong>
        <span role="status">{word}</span>
      </div>
    </section>,
  );
}

function Open({ session, shell }: { session: SessionView; shell: Shell }) {
  const { desk } = useConsole();
  const place = useRef<HTMLDivElement>(null);
  const out = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    if (place.current === null) return;
    shell.leave = () => out.current?.focus();
    return shell.show(place.current);
  }, [shell]);
  const phase = shell.phase.value;
  const kind = shell.kind.value;
  const signing = kind === "ssh" && phase === "starting"; // there is no terminal yet
  return (
    <section class="shell-panel" data-testid="shell-panel" data-state="given" data-phase={phase} data-kind={kind} data-cause={shell.cause} data-focused={shell.focused} aria-label={kind === "ssh" ? t("permission.ssh") : t("shell.label")}>
      <div class="shell-strip">
        <strong class="controlling">{kind === "ssh" ? t("permission.ssh") : t(`${kind}.on`)}</strong>
        <span role="status">{wordOf(session, shell)}</span>
        {!signing && <span class="leave">{t("shell.leave")}</span>}
        {phase !== "live" && (kind === "shell" || (kind === "ssh" && phase !== "starting")) && (
          <button type="button" class="button small" data-testid="shell-start" onClick={() => shell.start()}>
            {t(kind === "ssh" ? "ssh.start" : "shell.start")}
          </button>
        )}
        <button type="button" class="button small" hidden={signing} aria-pressed={shell.reader.value} onClick={() => shell.read(!shell.reader.value)}>
          {t("shell.reader")}
        </button>
        <button
          ref={out}
          hidden={signing}
          type="button"
          class="button small"
          data-testid="shell-copy"
          onClick={() => void shell.copy().then((done) => (done ? desk.notices.say(t("shell.copied")) : (desk.trouble.value = t("trouble.copy", { text: "" }))))}
        >
          <Icon name="copy" />
          {t("shell.copy")}
        </button>
      </div>
      {kind === "scripts" && <Scripts session={session} shell={shell} />}
      {kind === "shell" && (phase !== "live" && phase !== "starting" ? <Scripts session={session} shell={shell} /> : <Later session={session} />)}
      {kind === "ssh" && phase === "starting" && <DeviceLogin session={session} shell={shell} />}
      {/* Clicks are the terminal's own. */}
      <div ref={place} class="terminal-place" data-testid="terminal" />
    </section>
  );
}

/** ownScripts are those of the office for the customer's system. */
function ownScripts(all: readonly OwnScript[], session: SessionView): readonly OwnScript[] {
  const platform = /windows/i.test(session.system) ? "windows" : "linux";
  return all.filter((s) => s.platform === platform && (s.language === undefined || s.language === language));
}

/** Later says when the office's scripts can be run. */
function Later({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  useEffect(() => void desk.library.load(), []);
  if (ownScripts(desk.library.texts.value.scripts, session).length === 0) return null;
  return (
    <p class="shell-later small-text">
      {t("scripts.own")}. {t("scripts.first")}
    </p>
  );
}

/** Scripts chooses a check, or one of the office's scripts, shows all that it does, and has it run. */
function Scripts({ session, shell }: { session: SessionView; shell: Shell }) {
  const { desk } = useConsole();
  const kind = shell.kind.value;
  useEffect(() => void (kind === "shell" && desk.library.load()), []);
  const own = kind === "shell" ? ownScripts(desk.library.texts.value.scripts, session) : [];
  const chosen = useSignal(scripts[0]?.id ?? "");
  const phase = shell.phase.value;
  const mine = own.find((s) => `own:${s.id}` === chosen.value);
  const first = (own[0] && `own:${own[0].id}`) ?? scripts[0]?.id ?? "";
  const missing = chosen.value.startsWith("own:") && mine === undefined; // it was removed meanwhile
  useEffect(() => {
    if (missing) chosen.value = first;
  }, [missing]);
  useEffect(() => {
    if (own.length > 0 && !chosen.value.startsWith("own:")) chosen.value = first;
  }, [own.length > 0]);
  const checks = scripts.map(({ id }) => {
    const key = `script.${id}`;
    return (
      <option key={id} value={id}>
        {has(key) ? t(key) : id}
      </option>
    );
  });
  return (
    <form
      class="shell-scripts"
      data-testid="shell-scripts"
      onSubmit={(e) => {
        e.preventDefault();
        if (phase === "live") return;
        if (mine !== undefined) shell.start("", { id: mine.id, version: mine.version });
        else shell.start(chosen.value);
      }}
    >
      <label>
        {t(own.length > 0 ? "scripts.which" : "scripts.choose")}{" "}
        <select value={chosen.value} onChange={(e) => (chosen.value = e.currentTarget.value)}>
          {own.length > 0 && (
            <optgroup label={t("scripts.own")}>
              {own.map((s) => (
                <option key={s.id} value={`own:${s.id}`}>
                  {s.name}
                </option>
              ))}
            </optgroup>
          )}
          {own.length > 0 ? <optgroup label={t("scripts.checks")}>{checks}</optgroup> : checks}
        </select>
      </label>
      <button type="submit" class="button small" aria-disabled={phase === "live"}>
        {t("scripts.run")}
      </button>
      {mine !== undefined ? (
        <div class="script-preview">
          {mine.description !== undefined && <p dir="auto">{mine.description}</p>}
          {mine.read_only && <p class="soft">{t("scripts.claimed")}</p>}
          <pre tabIndex={0} role="region" aria-label={t("scripts.preview")} data-testid="script-text">
            {mine.text}
          </pre>
          <p class="soft script-hash">{t("scripts.version", { version: mine.version, hash: mine.sha256 })}</p>
        </div>
      ) : (
        <code aria-label={t("scripts.preview")}>{scripts.find((s) => s.id === chosen.value)?.command}</code>
      )}
    </form>
  );
}

/** deviceWord says how far the connection to a device is. */
function deviceWord(session: SessionView, shell: Shell): string {
  const device = shellConsent(session)?.device;
  const { key, trusted, prompt } = shell.login;
  switch (shell.phase.value) {
    case "starting":
      if (key.value !== null && !trusted.value) return t("ssh.compare");
      if (key.value !== null) return t(prompt.value === null ? "ssh.signing" : "ssh.asks");
      return t("ssh.starting", { device: device == null ? "" : addressOf(device) });
    case "over": {
      const cause = `ssh.cause.${shell.cause.value}`;
      return has(cause) ? t(cause) : t("ssh.ended", { code: shell.code.value });
    }
    default:
      return shell.missed.value ? t("shell.missed") : t("ssh.recorded");
  }
}

function wordOf(session: SessionView, shell: Shell): string {
  if (shell.trouble.value !== "") return shell.trouble.value;
  if (!shell.online.value || session.away_since !== undefined) return t("shell.gone");
  if (hidden(session) !== null) return t("shell.held");
  if (shell.kind.value === "ssh") return deviceWord(session, shell);
  if (shell.phase.value === "starting") return t("shell.starting");
  if (shell.phase.value === "over" && shell.refused.value) return t("scripts.refused");
  if (shell.phase.value === "over") return t(`${shell.kind.value}.ended`, { code: shell.code.value });
  if (shell.hidden.value) return t("shell.hidden");
  return shell.missed.value ? t("shell.missed") : t("shell.recorded");
}
