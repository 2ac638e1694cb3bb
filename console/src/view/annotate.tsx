// What asks to draw on the customer's screen, the tools for it, and the surface over
// the picture: by mouse, pen and finger, or by keys.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { type Drawing, type DrawTool, drawTools, inks } from "../annotate/drawing";
import { consentTo } from "../consent";
import { pointOf } from "../control/pointer";
import type { Picture } from "../picture";
import type { Ink, Spot } from "../protocol";
import type { SessionView } from "../sessionview";
import { has, t } from "../text";
import { Icon, type IconName } from "./icons";

const icons: Readonly<Record<DrawTool, IconName>> = { point: "pointer", line: "pen", box: "box" };

/** DrawStrip stands over the picture while drawing is asked for or allowed, and for its end. */
export function DrawStrip({ session, drawing }: { session: SessionView; drawing: Drawing | undefined }) {
  const consent = consentTo(session, "annotate");
  const controls = consentTo(session, "control")?.state === "given";
  useEffect(() => {
    if (controls) drawing?.choose(null); // who gets control presses on the picture for that
  }, [controls, drawing]);
  if (session.state !== "Active" || consent === undefined) return null;
  if (consent.state === "given" && drawing !== undefined && drawing.epoch.value !== 0) {
    const tool = drawing.tool.value;
    return (
      <div class="draw-strip" data-testid="draw-strip" data-state="given" role="group" aria-label={t("annotate.label")}>
        <span class="draw-tools">
          {drawTools.map((name) => (
            <button
              key={name}
              type="button"
              class="button small"
              data-tool={name}
              aria-pressed={tool === name}
              title={t(`annotate.${name}`)}
              onClick={() => drawing.choose(tool === name ? null : name)}
            >
              <Icon name={icons[name]} />
              <span>{t(`annotate.${name}`)}</span>
            </button>
          ))}
        </span>
        <Inks drawing={drawing} />
        <button type="button" class="button small" data-testid="draw-undo" title={t("annotate.undo")} onClick={() => drawing.undo()}>
          <Icon name="undo" />
          <span class="visually-hidden">{t("annotate.undo")}</span>
        </button>
        <button type="button" class="button small" data-testid="draw-clear" title={t("annotate.clear")} onClick={() => drawing.clear()}>
          <Icon name="wipe" />
          <span class="visually-hidden">{t("annotate.clear")}</span>
        </button>
        <span id="draw-hint" class="draw-hint">{t(tool === null ? "annotate.hint" : "annotate.keys")}</span>
      </div>
    );
  }
  const cause = `control.cause.${consent.cause ?? ""}`;
  const word = consent.state === "asked" ? t("control.asking") : has(cause) ? t(cause) : null;
  if (word === null) return null;
  return (
    <div class="draw-strip" data-testid="draw-strip" data-state={consent.state}>
      <span role="status">
        <strong>{t("permission.annotate")}</strong> {word}
      </span>
    </div>
  );
}

function Inks({ drawing }: { drawing: Drawing }) {
  return (
    <fieldset class="draw-inks">
      <legend class="visually-hidden">{t("annotate.ink")}</legend>
      {(Object.keys(inks) as Ink[]).map((ink) => (
        <label key={ink} title={t(`annotate.ink.${ink}`)}>
          <input type="radio" name="ink" value={ink} checked={drawing.ink.value === ink} onChange={() => (drawing.ink.value = ink)} />
          <span class="draw-ink" data-ink={ink} aria-hidden="true" />
          <span class="visually-hidden">{t(`annotate.ink.${ink}`)}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** How far an arrow key goes, and with Shift, in pixels of the picture. */
const step = 8;
const leap = 64;

const arrows: Readonly<Record<string, Spot>> = { ArrowLeft: { x: -1, y: 0 }, ArrowRight: { x: 1, y: 0 }, ArrowUp: { x: 0, y: -1 }, ArrowDown: { x: 0, y: 1 } };

/** DrawSurface lies over the picture while a tool is chosen. What is done on it does not reach the remote side. */
export function DrawSurface({ drawing, picture }: { drawing: Drawing; picture: Picture }) {
  const surface = useRef<HTMLDivElement>(null);
  const cursor = useSignal<Spot | null>(null); // moved by keys
  const tool = drawing.tool.value;
  useEffect(() => {
    if (tool === null) return;
    surface.current?.focus({ preventScroll: true });
    return () => {
      cursor.value = null;
    };
  }, [tool]);
  if (tool === null || drawing.epoch.value === 0) return null;
  const { width, height } = picture.size.value;
  const at = (e: PointerEvent) => pointOf({ x: e.clientX, y: e.clientY }, (e.currentTarget as HTMLElement).getBoundingClientRect(), picture.size.peek());
  const own = (e: PointerEvent) => {
    e.stopPropagation();
    if (e.isPrimary) cursor.value = null;
    return e.isPrimary;
  };
  const keys = (e: KeyboardEvent) => {
    const way = arrows[e.key];
    if (e.ctrlKey || e.altKey || e.metaKey || (way === undefined && e.key !== " " && e.key !== "Enter" && e.key !== "Escape")) return;
    e.preventDefault();
    e.stopPropagation();
    const p = cursor.value ?? { x: Math.round(width / 2), y: Math.round(height / 2) };
    if (e.key === "Escape") {
      const button = document.querySelector<HTMLElement>(`.draw-strip [data-tool="${tool}"]`);
      drawing.choose(null);
      button?.focus();
      return;
    }
    if (way === undefined) {
      cursor.value = p;
      if (drawing.drawing) drawing.end();
      else drawing.begin(p);
      return;
    }
    const far = e.shiftKey ? leap : step;
    const to = { x: Math.max(0, Math.min(width - 1, p.x + way.x * far)), y: Math.max(0, Math.min(height - 1, p.y + way.y * far)) };
    cursor.value = to;
    drawing.move(to);
  };
  const echo = drawing.echo.value;
  const [first, last] = [echo[0], echo[echo.length - 1]];
  const box = tool === "box" && first !== undefined && last !== undefined;
  return (
    <div
      ref={surface}
      class="draw-surface"
      data-testid="draw-surface"
      data-tool={tool}
      role="application"
      aria-label={t("annotate.surface")}
      aria-describedby="draw-hint"
      tabIndex={0}
      onKeyDown={keys}
      onPointerDown={(e) => {
        if (!own(e) || e.button !== 0) return;
        e.currentTarget.setPointerCapture(e.pointerId);
        drawing.begin(at(e));
      }}
      onPointerMove={(e) => own(e) && drawing.move(at(e))}
      onPointerUp={(e) => own(e) && drawing.end()}
      onPointerCancel={(e) => own(e) && drawing.end()}
      onPointerLeave={(e) => own(e) && drawing.leave()}
      onContextMenu={(e) => e.preventDefault()}
    >
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
        {box ? (
          <rect x={Math.min(first.x, last.x)} y={Math.min(first.y, last.y)} width={Math.abs(last.x - first.x)} height={Math.abs(last.y - first.y)} stroke={inks[drawing.ink.value]} />
        ) : (
          echo.length > 1 && <polyline points={echo.map((p) => `${p.x},${p.y}`).join(" ")} stroke={inks[drawing.ink.value]} />
        )}
        {cursor.value !== null &&
          ["draw-cursor rim", "draw-cursor"].map((name) => <path key={name} class={name} d={`M${cursor.value!.x - 16} ${cursor.value!.y}h32M${cursor.value!.x} ${cursor.value!.y - 16}v32`} />)}
      </svg>
    </div>
  );
}
