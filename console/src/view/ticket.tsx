// One ticket: what it is about, whom to call, what this level does for it, what can be
// done now, and what was done.

import { useEffect } from "preact/hooks";
import type { TicketShown } from "../protocol";
import type { OpenTicket } from "../tickets/opened";
import { nextTeam } from "../tickets/steps";
import { did, left, problemText, sessionText, standing } from "../tickets/words";
import { d, isolate, t, timeOf } from "../text";
import { ActForm } from "./act";
import { useConsole } from "./context";
import { Icon } from "./icons";
import { standingIcons } from "./queue";

export function TicketPanel({ ticket }: { ticket: OpenTicket }) {
  const { desk } = useConsole();
  const shown = ticket.shown.value;
  useEffect(() => {
    const seen = desk.tickets.fresh.value;
    if (seen.has(ticket.id)) desk.tickets.fresh.value = new Set([...seen].filter((id) => id !== ticket.id));
  }, [ticket.id]);
  if (ticket.gone.value) return <Nothing text={t("ticket.gone")} />;
  if (shown === null) return <Nothing text={t(ticket.failed.value ? "ticket.failed" : "ticket.loading")} again={ticket.failed.value ? () => void ticket.load() : undefined} />;
  return (
    <section class="ticket" aria-labelledby="ticket-heading" data-testid="ticket" data-state={shown.ticket.state} tabIndex={-1}>
      <header class="ticket-head">
        <p class="ticket-ref figures">
          {shown.ticket.ref} · {d(`type.${shown.ticket.type}`)}
        </p>
        <h1 id="ticket-heading" dir="auto">
          {shown.ticket.title}
        </h1>
        <Marks shown={shown} />
      </header>
      {ticket.failed.value && (
        <p class="notice warn" role="alert">
          {t("ticket.old")}
        </p>
      )}
      <div class="ticket-columns">
        <div class="stack">
          <Acts ticket={ticket} shown={shown} />
          <Work shown={shown} />
        </div>
        <div class="stack">
          <Facts shown={shown} />
          <Sessions shown={shown} />
          <History ticket={ticket} shown={shown} />
        </div>
      </div>
    </section>
  );
}

function Nothing({ text, again }: { text: string; again?: (() => void) | undefined }) {
  return (
    <div class="ticket centre" role="status">
      <p class="lead">{text}</p>
      {again && (
        <button type="button" class="button" onClick={again}>
          {t("queue.again")}
        </button>
      )}
    </div>
  );
}

/** Marks: state, priority, whose turn it is, and the time that is left. */
function Marks({ shown: { ticket: x } }: { shown: TicketShown }) {
  const { desk } = useConsole();
  const now = desk.clock.now.value;
  const how = standing(x, now);
  const time = left(x, now);
  return (
    <ul class="ticket-marks">
      <li data-testid="ticket-state">{d(`state.${x.state}`)}</li>
      {x.priority !== undefined && <li>{t("ticket.priority", { priority: d(`priority.${x.priority}`) })}</li>}
      <li>{[x.team, x.level, x.assignee === undefined ? t("ticket.nobody") : x.mine ? t("rail.mine") : x.assignee].map(isolate).join(" · ")}</li>
      {how !== "done" && (
        <li class="ticket-time" data-standing={how} data-testid="ticket-time">
          <Icon name={standingIcons[how]} />
          <span class="figures">
            {how === "on_time" || how === "warned" ? `${t(x.answer === true ? "ticket.clock.answer" : "ticket.clock.solution")}: ${time}` : how === "none" ? t("ticket.no_clock") : how === "paused" ? t("ticket.clock.paused", { why: time }) : time}
          </span>
        </li>
      )}
    </ul>
  );
}

function Acts({ ticket, shown }: { ticket: OpenTicket; shown: TicketShown }) {
  const { desk } = useConsole();
  const acts = (shown.acts ?? []).filter((kind) => atOnce.includes(kind) || formed.includes(kind)); // a newer broker may know more
  const next = (shown.acts ?? []).slice(0, shown.next).filter((kind) => acts.includes(kind)).length;
  const button = (kind: string, first: boolean) => (
    <button
      key={kind}
      type="button"
      class={first ? "button primary small" : "button small"}
      data-act={kind}
      aria-expanded={needsForm(kind) ? ticket.kind.value === kind : undefined}
      aria-controls={needsForm(kind) ? "act-form" : undefined}
      aria-disabled={ticket.busy.value}
      onClick={() => (needsForm(kind) ? ticket.choose(kind, begun(kind, shown)) : void ticket.send({ kind }))}
    >
      {d(`act.${kind}`)}
    </button>
  );
  const problem = ticket.problem.value;
  return (
    <section class="card acts" aria-labelledby="acts-heading">
      <h2 id="acts-heading">{d(next > 0 ? "next" : "acts")}</h2>
      <div class="act-buttons">{acts.slice(0, next).map((kind, i) => button(kind, i === 0))}</div>
      {acts.length > next && (
        <>
          {next > 0 && <h3>{t("ticket.also")}</h3>}
          <div class="act-buttons">{acts.slice(next).map((kind) => button(kind, false))}</div>
        </>
      )}
      {desk.welcome.value?.can_issue === true && shown.works === true && shown.ticket.resolved === undefined && (
        <p class="ticket-start">
          <button type="button" class="button small" data-testid="start-session" aria-keyshortcuts="N" aria-disabled={!desk.online.value || desk.asking.value} onClick={() => desk.online.value && void desk.newSession(false, ticket.id)}>
            <Icon name="screen" />
            {t("ticket.start")} <kbd aria-hidden="true">N</kbd>
          </button>
        </p>
      )}
      <div id="act-form">{formed.includes(ticket.kind.value) && <ActForm key={ticket.kind.value} ticket={ticket} shown={shown} />}</div>
      <div role="alert">
        {ticket.news.value.length > 0 && (
          <div class="notice warn" data-testid="ticket-news">
            <p>{t("ticket.news")}</p>
            <ul>
              {ticket.news.value.map((e) => (
                <li key={e.n}>
                  {isolate(e.by ?? shown.ticket.requester ?? "")}: {did(e)}
                  {e.text !== undefined && <q>{e.text}</q>}
                </li>
              ))}
            </ul>
          </div>
        )}
        {problem !== null && !(problem.key === "stale" && ticket.news.value.length > 0) && <p class="notice warn">{problemText(problem)}</p>}
      </div>
    </section>
  );
}

/** needsForm: something has to be said or chosen with it. */
const needsForm = (kind: string) => formed.includes(kind);
const atOnce = ["take", "log", "diagnose", "investigate", "close", "go_on"];
const formed = ["categorise", "prioritise", "escalate", "assign", "wait", "resolve", "edit", "reopen", "answer", "comment"];

/** begun is what stands in the form of an act at first. */
export function begun(kind: string, s: TicketShown): Record<string, string> {
  switch (kind) {
    case "categorise":
      return { category: s.category ?? "", area: s.area ?? "" };
    case "prioritise":
      return { impact: String(s.impact ?? 1), urgency: String(s.urgency ?? 1) };
    case "escalate":
      return { team: nextTeam(s), text: "" };
    case "assign":
      return { assignee: "" };
    case "wait":
      return { waiting: "requester" };
    case "resolve":
      return { resolution: "solved", text: "" };
    case "edit":
      return { title: s.ticket.title, name: s.ticket.requester ?? "", phone: s.phone ?? "", email: s.email ?? "", text: s.cut === true ? "" : (s.text ?? "") };
    default:
      return { text: "" };
  }
}

/** Work is the cell of the escalation matrix: what this level does for this category. */
export function Work({ shown }: { shown: TicketShown }) {
  const steps = shown.work.steps ?? [];
  const category = shown.choices.categories?.find((c) => c.id === shown.category)?.name;
  return (
    <section class="card work" aria-labelledby="work-heading" data-testid="work">
      <h2 id="work-heading">{category === undefined ? d("matrix") : `${category} · ${shown.ticket.level}`}</h2>
      {category === undefined && <p class="soft">{t("ticket.no_category")}</p>}
      {steps.length > 0 && (
        <ol>
          {steps.map((step, i) => (
            <li key={i}>{step}</li>
          ))}
        </ol>
      )}
      {shown.work.when !== undefined && (
        <p>
          <strong>{d("matrix.when")}</strong> {shown.work.when}
        </p>
      )}
      {shown.work.after !== undefined && (
        <p>{d("matrix.after", { time: `${Math.floor(shown.work.after / 60)}:${String(shown.work.after % 60).padStart(2, "0")}` })}</p>
      )}
    </section>
  );
}

function Facts({ shown: s }: { shown: TicketShown }) {
  const { desk } = useConsole();
  const now = desk.clock.read();
  const facts: [string, preact.ComponentChild][] = [[d("fact.requester"), s.ticket.requester ?? t("ticket.unknown")]];
  if (s.phone !== undefined)
    facts.push([
      d("fact.phone"),
      <a key="phone" class="figures" href={`tel:${s.phone.replace(/[^+\d]/g, "")}`}>
        {s.phone}
      </a>,
    ]);
  if (s.email !== undefined) facts.push([d("fact.email"), <a key="email" href={`mailto:${encodeURIComponent(s.email).replace("%40", "@")}`}>{s.email}</a>]);
  if (s.office === true) facts.push([d("fact.office"), d("fact.office.yes")]);
  facts.push([d("fact.channel"), `${d(`channel.${s.channel}`)}, ${timeOf(s.ticket.created, now)}`]);
  if (s.area !== undefined) facts.push([d("fact.area"), s.area]);
  if (s.impact !== undefined) facts.push([d("fact.impact"), d(`impact.${s.impact}`)]);
  if (s.urgency !== undefined) facts.push([d("fact.urgency"), d(`urgency.${s.urgency}`)]);
  if (s.ticket.resolved !== undefined) facts.push([d("fact.resolved"), `${timeOf(s.ticket.resolved, now)} · ${d(`resolution.${s.resolution ?? ""}`)}`]);
  if (s.solution !== undefined) facts.push([d("fact.solution"), <span key="solution" class="written">{s.solution}</span>]);
  return (
    <section class="card facts-card" aria-labelledby="facts-heading">
      <h2 id="facts-heading">{d("facts")}</h2>
      {s.text !== undefined && (
        <p class="written" dir="auto">
          {s.text}
        </p>
      )}
      <dl class="ticket-facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd dir="auto">{value}</dd>
          </div>
        ))}
      </dl>
      <p class="ticket-page">
        {s.cut === true && <>{t("ticket.cut")} </>}
        <a href={`/desk/${s.ticket.id}`} target="_blank" rel="noopener">
          {t("ticket.whole")} <span class="visually-hidden">{t("rail.new_tab")}</span>
        </a>
      </p>
    </section>
  );
}

function Sessions({ shown }: { shown: TicketShown }) {
  const { desk } = useConsole();
  const sessions = shown.sessions ?? [];
  if (sessions.length === 0) return null;
  return (
    <section class="card" aria-labelledby="linked-heading" data-testid="linked">
      <h2 id="linked-heading">{d("sessions")}</h2>
      <ul class="linked">
        {sessions.map((s) => (
          <li key={s.id}>
            {timeOf(s.started, desk.clock.read())} · {isolate(s.by)} · {sessionText(s)}
            {desk.sessions.list.value.some((x) => x.id === s.id) && (
              <button type="button" class="button small quiet" onClick={() => desk.tabs.open(s.id)}>
                {t("ticket.session.open")}
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function History({ ticket, shown }: { ticket: OpenTicket; shown: TicketShown }) {
  const { desk } = useConsole();
  const now = desk.clock.read();
  return (
    <section class="card" aria-labelledby="history-heading">
      <h2 id="history-heading">{d("history")}</h2>
      <ol class="ticket-history" data-testid="history">
        {(shown.history ?? []).map((e, i) => (
          <li key={e.n > 0 ? e.n : `alert-${i}`} data-kind={e.kind}>
            <p>
              <strong>{did(e)}</strong>{" "}
              <span class="soft">
                {timeOf(e.at, now)} · {isolate(e.by ?? shown.ticket.requester ?? "")}
              </span>
            </p>
            {e.text !== undefined && (
              <p class="written" dir="auto">
                {e.text}
              </p>
            )}
          </li>
        ))}
      </ol>
      {shown.earlier !== undefined && (
        <button type="button" class="button small" onClick={() => void ticket.earlier()}>
          {t("ticket.earlier")}
        </button>
      )}
    </section>
  );
}
