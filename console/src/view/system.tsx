// System information in the drawer: what asks for it, its sections, snapshots and
// what changed between two of them.

import { useEffect, useRef } from "preact/hooks";
import { available, consentTo } from "../consent";
import { type Section, sections } from "../protocol";
import type { SessionView } from "../sessionview";
import { compared, plain, type Row } from "../system/cells";
import type { Read, Snapshot, SystemInfo } from "../system/system";
import { has, hourOf, number, t } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";
import { SystemTable } from "./systemtable";

/** SystemButton opens the drawer. */
export function SystemButton({ session }: { session: SessionView }) {
  const { desk, layout } = useConsole();
  if (!available(session, desk.welcome.value?.permissions ?? null, "system_info")) return null;
  return (
    <button
      type="button"
      class="button small"
      data-testid="system"
      aria-keyshortcuts="I"
      aria-pressed={layout.drawer.value === "system"}
      title={`${t("system.heading")} (I)`}
      onClick={() => layout.toggle("system")}
    >
      <Icon name="chip" />
      <span class="tool-word">{t("system.button")}</span>
    </button>
  );
}

export function SystemPanel({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const info = desk.kept.system(session.id);
  const given = consentTo(session, "system_info")?.state === "given";
  return (
    <div class="system" data-testid="system-panel" data-state={consentTo(session, "system_info")?.state ?? "none"}>
      <Consent session={session} />
      {(given || info.snapshots.value.length > 0) && <Reader info={info} />}
    </div>
  );
}

/** Consent asks for it, takes the question back, or gives it back; and says how it ended. */
function Consent({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const consent = consentTo(session, "system_info");
  const state = consent?.state ?? "none";
  const allowed = available(session, desk.welcome.value?.permissions ?? null, "system_info");
  const cause = `control.cause.${consent?.cause ?? ""}`;
  const word =
    state === "given" ? t("system.given") : state === "asked" ? t("control.asking") : state === "none" ? t("system.hint") : has(cause) ? t(cause) : t("system.hint");
  const act = state === "given" ? "system.give_back" : state === "asked" ? "control.cancel" : "system.ask";
  return (
    <div class="system-consent">
      <p role="status">{word}</p>
      {allowed && (
        <button
          type="button"
          class="button small"
          data-testid="system-ask"
          onClick={() => void (state === "given" || state === "asked" ? desk.acts.giveBack(session.id, "system_info") : desk.acts.ask(session.id, "system_info"))}
        >
          {t(act)}
        </button>
      )}
    </div>
  );
}

function Reader({ info }: { info: SystemInfo }) {
  const section = info.section.value;
  const following = section === "processes" && info.live.value !== null;
  const newest = info.newest(section);
  const looked = info.snapshots.value.find((s) => s.number === info.looked.value && s.wanted.includes(section)) ?? newest;
  const read = looked?.read.get(section);
  const earlier = following || !whole(read) ? undefined : info.snapshots.value.find((s) => s.number === info.against.value && s.number !== looked?.number && whole(s.read.get(section)));
  const can = info.ready.value && !info.reading.value && !info.asking.value; // what cannot be pressed now keeps the focus
  const rows = following ? [...(info.live.value?.values() ?? [])] : (read?.rows ?? []);
  const list: readonly Row[] = earlier === undefined ? plain(rows) : compared(section, earlier.read.get(section)?.rows ?? [], rows);
  return (
    <>
      <div class="system-acts">
        <button type="button" class="button small primary" data-testid="system-read-all" aria-disabled={!can} onClick={() => can && void info.read(sections)}>
          {t("system.read_all")}
        </button>
        <button type="button" class="button small" data-testid="system-read" aria-disabled={!can} onClick={() => can && void info.read([section])}>
          {t("system.read_one", { section: t(`system.section.${section}`) })}
        </button>
        <Choose info={info} section={section} looked={looked} />
      </div>
      <SectionTabs info={info} />
      <div role="tabpanel" id="system-panel" aria-labelledby={`system-tab-${section}`} class="system-body">
        {section === "processes" && <Live info={info} />}
        <p class="soft" role="status" data-testid="system-status">
          {following ? t("system.following") : statusOf(looked, read, earlier, list.length)}
        </p>
        {(following || read !== undefined) && (list.length > 0 || read?.done !== true) && (
          <SystemTable key={`${section}-${earlier === undefined}`} section={section} rows={list} name={t(`system.section.${section}`)} />
        )}
      </div>
    </>
  );
}

/** whole: a section that can be compared. */
const whole = (read: Read | undefined) => read?.done === true && read.problem === undefined;

/** Live follows the list of processes while it is looked at, and no longer. */
function Live({ info }: { info: SystemInfo }) {
  useEffect(() => () => void (info.following.value = false), [info]);
  return (
    <div class="system-tools">
      <button type="button" class="button small" data-testid="system-live" aria-pressed={info.following.value} aria-disabled={!info.ready.value} onClick={() => info.ready.value && (info.following.value = !info.following.value)}>
        {t("system.live")}
      </button>
      <span class="soft">{t("system.no_arguments")}</span>
    </div>
  );
}

/** statusOf says how far a section has come, why it is not whole, or what the comparison found. */
function statusOf(snapshot: Snapshot | undefined, read: Read | undefined, earlier: Snapshot | undefined, changes: number): string {
  if (snapshot === undefined) return t("system.unread");
  const left = snapshot.wanted.filter((s) => snapshot.read.get(s)?.done !== true).length;
  const progress = left > 0 ? t("system.progress", { done: number(snapshot.wanted.length - left), all: number(snapshot.wanted.length) }) : "";
  if (read?.done !== true) return progress;
  const problem = read.problem === undefined ? "" : has(`system.problem.${read.problem}`) ? t(`system.problem.${read.problem}`) : t("system.problem.failed");
  const found = earlier === undefined ? "" : changes === 0 ? t("system.same") : t("system.differs", { time: clock(earlier.at) });
  return [problem, read.cut ? t("system.cut", { n: number(read.rows.length) }) : "", found, t("system.sealed", { time: clock(snapshot.at) }), progress].filter(Boolean).join(" ");
}

const clock = (at: number) => hourOf(new Date(at).toISOString(), at, true);

/** Choose is which snapshot is looked at, and with which it is compared. */
function Choose({ info, section, looked }: { info: SystemInfo; section: Section; looked: Snapshot | undefined }) {
  const list = info.snapshots.value.filter((s) => s.wanted.includes(section));
  if (list.length < 2) return null;
  const name = (s: Snapshot) => t("system.snapshot", { n: number(s.number), time: clock(s.at) });
  return (
    <>
      <label>
        <span>{t("system.looked")}</span>
        <select data-testid="system-looked" value={String(looked?.number ?? "")} onChange={(e) => (info.looked.value = Number(e.currentTarget.value))}>
          {list.map((s) => (
            <option key={s.number} value={String(s.number)}>
              {name(s)}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{t("system.against")}</span>
        <select data-testid="system-against" value={String(info.against.value)} onChange={(e) => (info.against.value = Number(e.currentTarget.value))}>
          <option value="0">{t("system.against_none")}</option>
          {list
            .filter((s) => s.number !== looked?.number)
            .map((s) => (
              <option key={s.number} value={String(s.number)}>
                {name(s)}
              </option>
            ))}
        </select>
      </label>
    </>
  );
}

/** SectionTabs are walked with the arrow keys, as WAI-ARIA's tabs pattern has it. */
function SectionTabs({ info }: { info: SystemInfo }) {
  const tabs = useRef<HTMLDivElement>(null);
  const go = (to: number) => {
    info.section.value = sections[(to + sections.length) % sections.length] ?? "hardware";
    tabs.current?.querySelector<HTMLElement>(`#system-tab-${info.section.value}`)?.focus();
  };
  return (
    <div
      ref={tabs}
      class="system-tabs"
      role="tablist"
      aria-label={t("system.sections")}
      onKeyDown={(e) => {
        const at = sections.indexOf(info.section.value);
        const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: -1 }[e.key];
        if (to === undefined) return;
        e.preventDefault();
        go(to);
      }}
    >
      {sections.map((s) => {
        const read = info.newest(s)?.read.get(s);
        const waits = info.newest(s) !== undefined && read?.done !== true;
        return (
          <button
            key={s}
            type="button"
            role="tab"
            id={`system-tab-${s}`}
            aria-controls="system-panel"
            aria-selected={info.section.value === s}
            tabIndex={info.section.value === s ? 0 : -1}
            data-read={waits ? "waits" : read === undefined ? "no" : read.problem === undefined ? "yes" : "problem"}
            onClick={() => (info.section.value = s)}
          >
            {t(`system.section.${s}`)}
            {waits && <Icon name="wait" />}
            {read?.problem !== undefined && <Icon name="warn" />}
          </button>
        );
      })}
    </div>
  );
}
