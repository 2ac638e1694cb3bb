// The figures of the connection, each part with a sentence that says what it
// means and what to do.

import type { SessionView } from "../sessionview";
import { customer, encoder, network, screen, type Verdict, worst } from "../health";
import type { Picture } from "../picture";
import { duration, number, t } from "../text";
import { useConsole } from "./context";
import { Icon, type IconName } from "./icons";

const levelIcons: Record<Verdict["level"], IconName> = { none: "later", good: "check", fair: "ask", poor: "warn" };

/** ageOf is how long ago the picture changed, in ms; null before the first. */
function ageOf(picture: Picture): number | null {
  return picture.changedAt === 0 ? null : performance.now() - picture.changedAt;
}

/** useTick draws anew every second: an age counts. */
function useTick(): void {
  const { desk } = useConsole();
  void desk.clock.now.value;
}

function verdicts(session: SessionView, picture: Picture): [Verdict, Verdict, Verdict, Verdict] {
  const state = picture.state.value;
  const live = state === "live";
  const stats = picture.stats.value;
  return [network(stats, state === "retrying"), customer(session.network), encoder(stats, session.network), screen(ageOf(picture), live)];
}

export function FiguresPanel({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const picture = desk.pictures.of(session.id)?.picture;
  useTick();
  if (picture === undefined || session.state !== "Active") return <p class="soft figures-body">{t("figures.later")}</p>;
  const s = picture.stats.value;
  const [net, cust, enc, scr] = verdicts(session, picture);
  const said = session.network;
  const age = ageOf(picture);
  const none = t("figures.unknown");
  const percent = (share: number | null) => (share === null ? none : `${number(share * 100)} %`);
  return (
    <div class="figures-body" role="group" aria-labelledby="drawer-heading" tabIndex={0}>
      <Part heading={t("figures.network")} verdict={net}>
        <Figure name={t("stats.round_trip")} value={s?.roundTrip == null ? none : `${number(Math.round(s.roundTrip))} ms`} why={t("figures.round_trip.why")} />
        <Figure name={t("figures.loss")} value={percent(s?.loss ?? null)} why={t("figures.loss.why")} />
        <Figure name={t("figures.bitrate")} value={s === null ? none : bits(s.bitrate)} why={t("figures.bitrate.why")} />
        <Figure name={t("figures.path")} value={s?.path == null ? none : t(s.path.relayed ? "figures.path.relay" : s.path.protocol === "tcp" ? "figures.path.tcp" : "figures.path.udp")} why={t("figures.path.why")} />
      </Part>
      <Part heading={t("figures.customer")} verdict={cust}>
        {said && (
          <>
            <Figure name={t("figures.rate")} value={said.rate > 0 ? bits(said.rate * 1000) : said.limit === "none" || said.limit === "computer" ? t("figures.rate.free") : none} why={t("figures.rate.why")} />
            <Figure name={t("stats.round_trip")} value={said.round_trip === 0 ? none : `${number(said.round_trip)} ms`} why={t("figures.customer_trip.why")} />
            <Figure name={t("figures.loss")} value={`${number(said.loss)} %`} why={t("figures.customer_loss.why")} />
          </>
        )}
      </Part>
      <Part heading={t("figures.encoder")} verdict={enc}>
        <Figure name={t("figures.codec")} value={s?.codec || none} why={t("figures.codec.why")} />
        <Figure name={t("stats.frames")} value={s === null ? none : number(Math.round(s.framesPerSecond))} why={t("figures.frames.why")} />
        <Figure name={t("stats.size")} value={s === null || s.width === 0 ? none : `${s.width} × ${s.height}`} why={t("figures.size.why")} />
        <Figure name={t("figures.keys")} value={s === null ? none : number(s.keyFrames)} why={t("figures.keys.why")} />
        {said && (
          <>
            <Figure name={t("figures.encode")} value={said.encode === 0 ? none : `${number(said.encode)} ms`} why={t("figures.encode.why")} />
            <Figure name={t("figures.cpu")} value={`${number(said.cpu)} %`} why={t("figures.cpu.why")} />
            <Figure name={t("figures.quantizer")} value={`${number(said.quantizer)} / 63`} why={t("figures.quantizer.why")} />
          </>
        )}
        <Figure name={t("stats.decode")} value={s?.decode == null ? none : `${number(s.decode)} ms`} why={t("figures.decode.why")} />
      </Part>
      <Part heading={t("figures.screen")} verdict={scr}>
        <Figure name={t("figures.age")} value={age === null ? none : t("figures.ago", { time: duration(age) })} why={t("figures.age.why")} />
      </Part>
    </div>
  );
}

function Part({ heading, verdict, children }: { heading: string; verdict: Verdict; children: preact.ComponentChildren }) {
  return (
    <section class="part">
      <h3>{heading}</h3>
      <p class="verdict" data-level={verdict.level}>
        <Icon name={levelIcons[verdict.level]} />
        <span>{t(`health.${verdict.text}`)}</span>
      </p>
      <dl>{children}</dl>
    </section>
  );
}

function Figure({ name, value, why }: { name: string; value: string; why: string }) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd class="figures">{value}</dd>
      <dd class="soft small-text">{why}</dd>
    </div>
  );
}

function bits(perSecond: number): string {
  if (perSecond >= 1e6) return `${number(perSecond / 1e6)} Mbit/s`;
  return `${number(Math.round(perSecond / 1e3))} kbit/s`;
}

/** Quality is the status bar's word for the whole, and the way to the figures. */
export function Quality({ session, picture }: { session: SessionView; picture: Picture }) {
  const { layout } = useConsole();
  useTick();
  const verdict = worst(verdicts(session, picture));
  const level = verdict?.level ?? "none";
  return (
    <>
      <button
        type="button"
        class="button quiet small quality"
        data-level={level}
        aria-expanded={layout.drawer.value === "figures"}
        aria-keyshortcuts="Q"
        title={`${t("act.figures")} (Q)`}
        onClick={() => layout.toggle("figures")}
      >
        <Icon name={levelIcons[level]} />
        {t("figures.state", { level: t(`figures.level.${level}`) })}
      </button>
      {/* Trouble is said once, when it begins. */}
      <span class="visually-hidden" role="status">
        {level === "poor" && verdict ? t(`health.${verdict.text}`) : ""}
      </span>
    </>
  );
}
