// The status bar: the connection in words, and the figures of the picture.

import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { count, number, t } from "../text";
import type { Line } from "../wire";
import { useConsole } from "./context";
import { Quality } from "./figures";
import { Icon } from "./icons";

export function StatusBar() {
  const { desk } = useConsole();
  const line = desk.wire.line.value;
  return (
    <footer class="status">
      {/* Told politely when it changes; the seconds are not. */}
      <p class="line" data-line={line.kind}>
        <Icon name={line.kind === "online" ? "check" : "warn"} />
        <span role="status">{t(lineText[line.kind])}</span>
        {line.kind === "lost" && <Retry at={line.retryAt} />}
      </p>
      <div class="status-end">
        <Figures />
      </div>
    </footer>
  );
}

const lineText = {
  connecting: "line.connecting",
  online: "line.online",
  lost: "line.lost",
  outdated: "line.outdated",
  forbidden: "line.forbidden",
} as const satisfies Record<Line["kind"], string>;

function Retry({ at }: { at: number }) {
  const { desk } = useConsole();
  const seconds = useSignal(0);
  useSignalEffect(() => {
    void desk.clock.now.value; // each second
    seconds.value = Math.max(1, Math.ceil((at - performance.now()) / 1000));
  });
  return (
    <>
      <span aria-hidden="true">{t("line.retry", { seconds: count("seconds", seconds.value) })}</span>
      <button type="button" class="button quiet small" onClick={() => desk.wire.retryNow()}>
        {t("line.retry_now")}
      </button>
    </>
  );
}

function Figures() {
  const { desk } = useConsole();
  const session = desk.tabs.current.value;
  const picture = desk.pictures.of(desk.tabs.selected.value)?.picture;
  const stats = useComputed(() => desk.pictures.of(desk.tabs.selected.value)?.picture.stats.value ?? null);
  const s = stats.value;
  if (session?.state !== "Active") return null;
  const figures: [string, string][] =
    s === null || s.width === 0
      ? []
      : [
          [t("stats.round_trip"), s.roundTrip === null ? "–" : `${number(Math.round(s.roundTrip))} ms`],
          [t("stats.frames"), number(Math.round(s.framesPerSecond))],
          [t("stats.decode"), s.decode === null ? "–" : `${number(s.decode)} ms`],
          [t("stats.size"), `${s.width} × ${s.height}`],
        ];
  return (
    <>
      {picture && <Quality session={session} picture={picture} />}
      <dl class="stats">
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="figures">{value}</dd>
          </div>
        ))}
        {session.recording && (
          <div class="recording">
            <dt class="visually-hidden">{t("stats.recording")}</dt>
            <dd>
              <Icon name="record" />
              {t("stats.recorded")}
            </dd>
          </div>
        )}
      </dl>
    </>
  );
}
