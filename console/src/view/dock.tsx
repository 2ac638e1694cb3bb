// What is used below the picture: one thing at a time, so that the picture keeps its place.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";

/** Docked is one tool's panel while it is there. */
export interface Docked {
  id: string;
  name: string;
  /** It is in use, and not only asked for or over: then it is as high as the person wants. */
  on: boolean;
  body: ComponentChildren;
}

/** How high the dock may be, in percent of the session; the arrow keys go by step. */
const least = 20;
const most = 75;
const step = 5;

/**
 * Dock shows the panel that was asked for or allowed last, or that is chosen. With several there are tabs.
 * All of them stay in the page: what runs in them goes on. Who gets control has the picture first.
 */
export function Dock({ panels, controls }: { panels: (Docked | null)[]; controls: boolean }) {
  const { layout, settings } = useConsole();
  const dock = useRef<HTMLDivElement>(null);
  const here = panels.filter((p) => p !== null);
  const now = here.map((p) => `${p.id} ${p.on}`);
  const seen = useRef<string[]>([]);
  useEffect(() => {
    const fresh = here.find((_, i) => !seen.current.includes(now[i] ?? ""));
    seen.current = now;
    if (fresh !== undefined) layout.docked.value = fresh.id;
  }, [now.join()]);
  useEffect(() => {
    if (controls) layout.docked.value = "";
  }, [controls]);
  if (here.length === 0) return null;
  const away = layout.docked.value === "";
  const shown = here.find((p) => p.id === layout.docked.value) ?? here[0];
  const name = shown?.name ?? "";
  const height = (percent: number) => settings.setDock(Math.min(most, Math.max(least, Math.round(percent))));
  const drag = (e: PointerEvent) => {
    const all = dock.current?.parentElement?.getBoundingClientRect();
    if (all !== undefined && e.buttons === 1 && e.currentTarget instanceof Element && e.currentTarget.hasPointerCapture(e.pointerId)) height(((all.bottom - e.clientY) / all.height) * 100);
  };
  return (
    <div ref={dock} class="dock" data-away={away} data-tall={!away && shown?.on === true} style={{ "--dock": `${settings.dock.value}%` }}>
      {!away && shown?.on === true && (
        <div
          class="dock-edge"
          role="separator"
          aria-orientation="horizontal"
          aria-label={t("dock.height", { name })}
          aria-valuenow={settings.dock.value}
          aria-valuemin={least}
          aria-valuemax={most}
          tabIndex={0}
          onPointerDown={(e) => e.currentTarget.setPointerCapture(e.pointerId)}
          onPointerMove={drag}
          onKeyDown={(e) => {
            const to = { ArrowUp: settings.dock.value + step, ArrowDown: settings.dock.value - step, Home: most, End: least }[e.key];
            if (to === undefined) return;
            e.preventDefault();
            e.stopPropagation();
            height(to);
          }}
        />
      )}
      <div class="dock-head">
        <div
          role="tablist"
          aria-label={t("dock.label")}
          onKeyDown={(e) => {
            const go = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
            const at = here.findIndex((p) => p.id === shown?.id);
            const next = go === undefined ? undefined : here[(at + go + here.length) % here.length];
            if (next === undefined) return;
            e.preventDefault();
            e.stopPropagation();
            layout.docked.value = next.id;
            document.getElementById(`dock-tab-${next.id}`)?.focus();
          }}
        >
          {here.map((p) => (
            <button
              key={p.id}
              type="button"
              role="tab"
              id={`dock-tab-${p.id}`}
              class="dock-tab"
              aria-controls={`dock-${p.id}`}
              aria-selected={!away && p === shown}
              tabIndex={p === shown ? 0 : -1}
              onClick={() => (layout.docked.value = p.id)}
            >
              {p.name}
            </button>
          ))}
        </div>
        <button
          type="button"
          class="button quiet small icon-only"
          data-testid="dock-away"
          aria-expanded={!away}
          aria-label={t(away ? "dock.back" : "dock.away")}
          title={t(away ? "dock.back" : "dock.away")}
          onClick={() => (layout.docked.value = away ? (here[0]?.id ?? "") : "")}
        >
          <Icon name={away ? "up" : "down"} />
        </button>
      </div>
      {here.map((p) => (
        <div key={p.id} id={`dock-${p.id}`} class="dock-panel" role="tabpanel" aria-labelledby={`dock-tab-${p.id}`} hidden={away || p !== shown}>
          {p.body}
        </div>
      ))}
    </div>
  );
}
