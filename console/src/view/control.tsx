// What asks for control, says whether it is there, and what goes with it.

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { specialKeys } from "../control/codes";
import { consentTo, type Control } from "../control/control";
import { listen } from "../control/keyboard";
import { follow } from "../control/pointer";
import type { Picture } from "../picture";
import type { SessionView } from "../sessionview";
import { has, t } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";

/** controllable: the profile holds it, and the customer's program can do it. */
export function controllable(s: SessionView, allowed: { [p: string]: boolean } | null): boolean {
  return s.mine && s.state === "Active" && allowed?.["control"] === true && s.tools?.includes("control") === true;
}

/** ControlButton asks for control, takes the question back, or gives control back. */
export function ControlButton({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  if (!controllable(session, desk.welcome.value?.permissions ?? null)) return null;
  const state = consentTo(session, "control")?.state ?? "none";
  const open = state === "asked" || state === "given";
  const word = state === "asked" ? t("control.cancel") : state === "given" ? t("control.give_back") : t("control.ask");
  return (
    <button
      type="button"
      class="button small"
      data-testid="control"
      data-state={state}
      onClick={() => void (open ? desk.giveBack(session.id, "control") : desk.ask(session.id, "control"))}
    >
      <Icon name={state === "asked" ? "wait" : "window"} />
      <span class="tool-word">{word}</span>
    </button>
  );
}

/** ControlStrip stands over the picture while control is asked for or there, and for its end. */
export function ControlStrip({ session, control }: { session: SessionView; control: Control | undefined }) {
  const consent = consentTo(session, "control");
  if (session.state !== "Active" || consent === undefined) return null;
  const remote = control?.remote.value ?? null;
  if (consent.state === "given" && control !== undefined && remote !== null) {
    const block = session.block === undefined ? null : `control.block.${session.block}`;
    return (
      <div class="control-strip" data-testid="control-strip" data-state="given" role="group" aria-label={t("control.label")}>
        <strong class="controlling">{t("control.on")}</strong>
        <span role="status">{block !== null && has(block) ? t(block) : control.focused.value ? t("control.leave") : t("control.enter")}</span>
        <span class="control-keys" role="group" aria-label={t("control.special")}>
          {specialKeys.map(({ name, codes }) => (
            <button key={name} type="button" class="button small" onClick={() => remote.tap(codes)}>
              {name}
            </button>
          ))}
          <button type="button" class="button small" aria-pressed={control.physical.value} title={t("control.physical_hint")} onClick={() => (control.physical.value = !control.physical.value)}>
            {t("control.physical")}
          </button>
        </span>
      </div>
    );
  }
  const cause = `control.cause.${consent.cause ?? ""}`;
  const word = consent.state === "asked" ? t("control.asking") : has(cause) ? t(cause) : null;
  if (word === null) return null;
  return (
    <div class="control-strip" data-testid="control-strip" data-state={consent.state}>
      <span role="status">{word}</span>
    </div>
  );
}

/** RemoteSide takes mouse and keyboard over a picture's frame. */
export function RemoteSide({ control, picture }: { control: Control; picture: Picture }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const remote = control.remote.value;
  useLayoutEffect(() => {
    const f = field.current;
    const frame = f?.parentElement;
    if (f === null || frame == null) return;
    const parts = {
      remote: () => control.remote.peek(),
      size: () => picture.size.peek(),
      take: () => f.focus({ preventScroll: true }),
      leave: () => f.closest<HTMLElement>(".stage")?.focus(),
      physical: () => control.physical.peek(),
    };
    const stops = [listen(f, parts), follow(frame, parts)];
    const focus = () => (control.focused.value = document.activeElement === f);
    f.addEventListener("focus", focus);
    f.addEventListener("blur", focus);
    return () => {
      f.removeEventListener("focus", focus);
      f.removeEventListener("blur", focus);
      for (const stop of stops) stop();
    };
  }, [control, picture]);
  useEffect(() => {
    const hidden = () => document.visibilityState !== "visible" && field.current?.blur();
    document.addEventListener("visibilitychange", hidden);
    return () => document.removeEventListener("visibilitychange", hidden);
  }, []);
  return (
    <textarea
      ref={field}
      class="visually-hidden"
      data-testid="remote-keys"
      aria-label={t("control.label")}
      autocomplete="off"
      autocapitalize="off"
      spellcheck={false}
      tabIndex={remote === null ? -1 : 0}
      disabled={remote === null}
    />
  );
}
