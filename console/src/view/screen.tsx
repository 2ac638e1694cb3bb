// The customer's screen: the video, the cursor drawn over it, and the last
// picture in grey while no new one comes.

import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { hidden, type SessionView } from "../sessionview";
import { scaleOf, type Size } from "../geometry";
import type { Picture, PictureState } from "../picture";
import { duration, hourOf, t, type TextKey } from "../text";
import { useConsole } from "./context";
import { DrawSurface } from "./annotate";
import { RemoteSide } from "./control";
import { Icon, type IconName } from "./icons";
import { askedAgain } from "../consent";
import { Until } from "./restart";

const words: Record<Exclude<PictureState, "live">, TextKey> = {
  connecting: "picture.connecting",
  resting: "picture.connecting",
  waiting: "picture.waiting",
  retrying: "picture.retrying",
  refused: "picture.refused",
  unable: "picture.unable",
};

/** Screen is there before the customer allows anything (current, but not shown),
 * so that the first picture is seen the moment it comes. */
export function Screen({ session, picture, current, shown }: { session: SessionView; picture: Picture; current: boolean; shown: boolean }) {
  const { desk, settings } = useConsole();
  const stage = useRef<HTMLDivElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const place = useSignal<Size>({ width: 0, height: 0 });

  useLayoutEffect(() => {
    const v = video.current;
    if (stage.current === null || v === null) return;
    const observer = new ResizeObserver(([e]) => {
      if (e) place.value = { width: e.contentRect.width, height: e.contentRect.height };
    });
    observer.observe(stage.current);
    picture.cursor.show(canvas.current);
    picture.freeze = () => copy(v, still.current);
    const sized = () => v.videoWidth > 0 && picture.shown({ width: v.videoWidth, height: v.videoHeight });
    v.addEventListener("resize", sized);
    v.addEventListener("loadeddata", sized);
    let next = 0;
    const seen = () => {
      picture.changed();
      next = v.requestVideoFrameCallback(seen);
    };
    next = v.requestVideoFrameCallback(seen);
    return () => {
      observer.disconnect();
      v.cancelVideoFrameCallback(next);
      picture.cursor.show(null);
      picture.freeze = () => {};
      v.removeEventListener("resize", sized);
      v.removeEventListener("loadeddata", sized);
      v.srcObject = null;
    };
  }, [picture]);

  useSignalEffect(() => {
    const v = video.current;
    if (v !== null && v.srcObject !== picture.stream.value) v.srcObject = picture.stream.value;
  });

  useSignalEffect(() => {
    const f = frame.current;
    const { width, height } = picture.size.value;
    if (f === null || width === 0) return;
    const scale = scaleOf(settings.zoom.value, place.value, picture.size.value, devicePixelRatio);
    f.style.width = `${width * scale}px`;
    f.style.height = `${height * scale}px`;
    picture.cursor.scale(scale);
  });

  const state = picture.state.value;
  const frozen = picture.frozen.value > 0;
  const offline = desk.lostAt.value > 0;
  const away = session.away_since !== undefined;
  const secret = hidden(session);
  const control = desk.pictures.of(session.id)?.control;
  const drawing = desk.pictures.of(session.id)?.drawing;
  const controlling = control?.remote.value != null;
  return (
    <div
      ref={stage}
      class="stage"
      data-shown={shown}
      data-zoom={settings.zoom}
      data-grey={frozen || offline || away}
      data-control={controlling}
      role="region"
      aria-label={t("picture.label")}
      aria-hidden={!shown}
      tabIndex={shown ? 0 : -1}
    >
      <div ref={frame} class="frame" data-live={!secret && !askedAgain(session) && (state === "live" || frozen)}>
        <video
          ref={video}
          data-testid={current ? "remote-screen" : undefined}
          aria-label={t("picture.label")}
          autoplay
          muted
          playsInline
          disablePictureInPicture
        />
        <canvas ref={still} class="still" aria-hidden="true" hidden={!frozen} />
        <canvas ref={canvas} class="cursor" aria-hidden="true" hidden />
        {control !== undefined && shown && <RemoteSide control={control} picture={picture} />}
        {drawing !== undefined && shown && <DrawSurface drawing={drawing} picture={picture} />}
      </div>
      {shown && <Word session={session} picture={picture} />}
    </div>
  );
}

/** copy keeps what the video shows at this moment. */
function copy(video: HTMLVideoElement, still: HTMLCanvasElement | null): void {
  if (still === null || video.videoWidth === 0) return;
  still.width = video.videoWidth;
  still.height = video.videoHeight;
  still.getContext("2d")?.drawImage(video, 0, 0);
}

/** Word says why there is no picture, or only an old one, and what comes next. */
function Word({ session, picture }: { session: SessionView; picture: Picture }) {
  const { desk } = useConsole();
  const state = picture.state.value;
  const secret = hidden(session);
  if (session.away_since !== undefined && session.restart !== undefined) {
    return <Notice icon="restart" head={t("restart.going")}><Until restart={session.restart} /></Notice>;
  }
  if (session.away_since !== undefined) return <Away since={session.away_since} until={session.away_until} />;
  if (desk.lostAt.value > 0) return <Offline since={desk.lostAt.value} />;
  if (askedAgain(session)) return <Notice icon="ask" head={t("restart.again")} />;
  if (secret !== null) {
    return (
      <Notice icon={secret === "locked" ? "lock" : "pause"} head={t(`shared.${secret}`)}>
        {t(`sharing.${secret}`)} <Since since={session.sharing_since} />
      </Notice>
    );
  }
  if (state !== "live") {
    return picture.frozen.value > 0 && state !== "refused"
      ? <Notice icon="wait" head={t(state === "retrying" ? "picture.retrying" : "picture.again")} />
      : <p class="stage-word">{t(words[state])}</p>;
  }
  if (picture.back.value > 0) return <Notice icon="check" head={t("picture.back", { time: duration(picture.back.value) })} brief />;
  return null;
}

/** Since says since when nothing is to be seen. */
function Since({ since }: { since: string | undefined }) {
  const { desk } = useConsole();
  const passed = useComputed(() => (since === undefined ? "" : duration(desk.clock.now.value - Date.parse(since))));
  return since === undefined ? null : <span class="figures" data-testid="hidden-since">{t("sharing.since", { time: hourOf(since, desk.clock.read(), true), passed: passed.value })}</span>;
}

/** Away counts how long the customer's computer has not been heard of. */
function Away({ since, until }: { since: string; until: string | undefined }) {
  const { desk } = useConsole();
  const waited = useComputed(() => duration(desk.clock.now.value - Date.parse(since)));
  const left = useComputed(() => (until === undefined ? "" : duration(Date.parse(until) - desk.clock.now.value)));
  return (
    <Notice icon="lost" head={t("away.heading")}>
      <span class="figures">{t("away.waited", { time: waited.value })}</span> {until !== undefined && <span class="figures">{t("away.until", { time: left.value })}</span>}
    </Notice>
  );
}

function Offline({ since }: { since: number }) {
  const { desk } = useConsole();
  const waited = useComputed(() => {
    void desk.clock.now.value; // each second
    return duration(performance.now() - since);
  });
  return (
    <Notice icon="warn" head={t("line.lost")}>
      <span class="figures">{t("picture.offline", { time: waited.value })}</span>
    </Notice>
  );
}

function Notice({ icon, head, brief, children }: { icon: IconName; head: string; brief?: boolean; children?: preact.ComponentChildren }) {
  return (
    <div class="stage-notice" data-brief={brief === true}>
      <Icon name={icon} />
      <p>
        <strong>{head}</strong> {children}
      </p>
    </div>
  );
}
