// What asks for control, says whether it is there, and what goes with it.

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { specialKeys } from "../control/codes";
import { consentTo } from "../consent";
import type { Control } from "../control/control";
import { listen } from "../control/keyboard";
import { follow } from "../control/pointer";
import type { Remote } from "../control/remote";
import type { Picture } from "../picture";
import type { SessionView } from "../sessionview";
import { has, t } from "../text";

/** ControlStrip stands over the picture while control is asked for or there, and for its end. */
export function ControlStrip({ session, control }: { session: SessionView; control: Control | undefined }) {
  const consent = consentTo(session, "control");
  if (session.state !== "Active" || consent === undefined) return null;
  const remote = control?.remote.value ?? null;
  if (consent.state === "given" && control !== undefined && remote !== null) {
    const block = session.block === undefined ? null : `control.block.${session.block}`;
    return (
      <div class="control-strip" data-testid="control-strip" data-state="given" data-block={session.block} role="group" aria-label={t("control.label")}>
        <strong class="controlling">{t("control.on")}</strong>
        <span role="status">{block !== null && has(block) ? t(block) : t(control.focused.value ? "control.recorded" : "control.enter")}</span>
        <span class="leave">{t("control.leave")}</span>
        <SpecialKeys control={control} remote={remote} />
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

/** SpecialKeys are those that the browser or this computer keeps for itself. The remote side has the keyboard afterwards. */
function SpecialKeys({ control, remote }: { control: Control; remote: Remote }) {
  const menu = useRef<HTMLDetailsElement>(null);
  const done = () => {
    if (menu.current !== null) menu.current.open = false;
    control.take();
  };
  return (
    <details
      ref={menu}
      class="keys-menu"
      data-testid="special-keys"
      onKeyDown={(e) => {
        if (e.key !== "Escape" || menu.current === null) return;
        menu.current.open = false;
        menu.current.querySelector("summary")?.focus();
      }}
    >
      <summary class="button small">{t("control.special")}</summary>
      <div role="group" aria-label={t("control.special")}>
        {specialKeys.map(({ name, codes }) => (
          <button
            key={name}
            type="button"
            class="button small"
            onClick={() => {
              remote.tap(codes);
              done();
            }}
          >
            {name}
          </button>
        ))}
        <button
          type="button"
          class="button small whole"
          aria-pressed={control.physical.value}
          title={t("control.physical_hint")}
          onClick={() => {
            control.physical.value = !control.physical.value;
            done();
          }}
        >
          {t("control.physical")}
        </button>
      </div>
    </details>
  );
}

/** The keyboard's lock of WICG Keyboard Lock, where a browser has it: in full screen Escape and Alt+Tab are pages' too. */
const locking = (navigator as { keyboard?: { lock?(): Promise<void>; unlock?(): void } }).keyboard;

/** RemoteSide takes mouse and keyboard over a picture's frame. Its field keeps the keyboard when control
 * ends or nothing is shown: what somebody is just typing must not become the console's single keys. */
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
      active: () => control.remote.peek() !== null && document.activeElement === f,
      take: () => f.focus({ preventScroll: true }),
      leave: () => f.closest<HTMLElement>(".stage")?.focus(),
      physical: () => control.physical.peek(),
    };
    const stops = [listen(f, parts), follow(frame, parts)];
    control.take = parts.take;
    const focus = () => {
      control.focused.value = document.activeElement === f;
      if (control.focused.value && document.fullscreenElement !== null) void locking?.lock?.().catch(() => {}); // refused: those keys stay the browser's
      else locking?.unlock?.();
    };
    const heard = new AbortController();
    for (const type of ["focus", "blur"]) f.addEventListener(type, focus, { signal: heard.signal });
    document.addEventListener("fullscreenchange", focus, { signal: heard.signal });
    return () => {
      heard.abort();
      control.take = () => {};
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
      data-testid="remote-keys"
      aria-label={t("control.label")}
      autocomplete="off"
      autocapitalize="off"
      spellcheck={false}
      tabIndex={remote === null ? -1 : 0}
      readOnly={remote === null}
    />
  );
}
