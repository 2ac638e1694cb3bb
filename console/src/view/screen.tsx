// The customer's screen: the video, and the cursor drawn over it.

import { useSignal, useSignalEffect } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { scaleOf, type Size } from "../geometry";
import type { Picture, PictureState } from "../picture";
import { t, type TextKey } from "../text";
import { useConsole } from "./context";

const words: Record<Exclude<PictureState, "live">, TextKey> = {
  connecting: "picture.connecting",
  waiting: "picture.waiting",
  retrying: "picture.retrying",
  refused: "picture.refused",
};

/** Screen is there before the customer allows anything (current, but not shown),
 * so that the first picture is seen the moment it comes. */
export function Screen({ picture, current, shown }: { picture: Picture; current: boolean; shown: boolean }) {
  const { settings } = useConsole();
  const stage = useRef<HTMLDivElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
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
    const sized = () => v.videoWidth > 0 && picture.shown({ width: v.videoWidth, height: v.videoHeight });
    v.addEventListener("resize", sized);
    v.addEventListener("loadeddata", sized);
    return () => {
      observer.disconnect();
      picture.cursor.show(null);
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
  return (
    <div
      ref={stage}
      class="stage"
      data-shown={shown}
      data-zoom={settings.zoom}
      role="region"
      aria-label={t("picture.label")}
      aria-hidden={!shown}
      tabIndex={shown ? 0 : -1}
    >
      <div ref={frame} class="frame" data-live={state === "live"}>
        <video
          ref={video}
          data-testid={current ? "remote-screen" : undefined}
          aria-label={t("picture.label")}
          autoplay
          muted
          playsInline
          disablePictureInPicture
        />
        <canvas ref={canvas} class="cursor" aria-hidden="true" hidden />
      </div>
      {state !== "live" && <p class="stage-word">{t(words[state])}</p>}
    </div>
  );
}
