// Beside the live picture: the ticket that the session is for, what this level does for its
// category, and one action that hands ticket and, if wanted, session on.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { TicketShown } from "../protocol";
import type { SessionView } from "../sessionview";
import { categorise, escalate, nextTeam } from "../tickets/steps";
import type { OpenTicket } from "../tickets/opened";
import { did, problemText } from "../tickets/words";
import { d, isolate, t } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";
import { OfSession } from "./ofsession";
import { Work } from "./ticket";

export function GuideButton({ session }: { session: SessionView }) {
  const { desk, layout } = useConsole();
  if (!session.mine || session.ticket === undefined || desk.welcome.value?.tickets !== true) return null;
  return (
    <button type="button" class="button small" data-testid="guide" aria-keyshortcuts="E" aria-pressed={layout.drawer.value === "guide"} title={`${t("guide.open")} (E)`} onClick={() => layout.toggle("guide")}>
      <Icon name="checks" />
      <span class="tool-word">{t("guide.heading")}</span>
    </button>
  );
}

export function GuidePanel({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const id = session.ticket?.id ?? "";
  void desk.tickets.known.value;
  const ticket = desk.tickets.opened.get(id);
  useEffect(() => {
    if (id !== "") desk.tickets.ticket(id);
  }, [id]);
  const shown = ticket?.shown.value;
  return (
    <div class="guide">
      <OfSession session={session} />
      {ticket?.gone.value === true && <p class="notice">{t("ticket.gone")}</p>}
      {ticket !== undefined && shown != null && !ticket.gone.value && <Guide ticket={ticket} shown={shown} session={session} />}
    </div>
  );
}

function Guide({ ticket, shown, session }: { ticket: OpenTicket; shown: TicketShown; session: SessionView }) {
  const open = shown.ticket.resolved === undefined;
  const problem = ticket.problem.value;
  return (
    <>
      {shown.works === true && open && (
        <div class="field">
          <label for="guide-category">{d("fact.category")}</label>
          <select
            id="guide-category"
            value={shown.category ?? ""}
            disabled={ticket.busy.value}
            onChange={(e) => e.currentTarget.value !== "" && void ticket.sendAll(categorise(shown, e.currentTarget.value), true)}
          >
            {shown.category === undefined && <option value="">–</option>}
            {(shown.choices.categories ?? []).map((c) => (
              <option key={c.id} value={c.id}>
                {c.name}
              </option>
            ))}
          </select>
        </div>
      )}
      <Work shown={shown} />
      {shown.works === true && open && shown.escalates === true && <Escalate ticket={ticket} shown={shown} session={session} />}
      <div role="alert">
        {ticket.news.value.length > 0 && (
          <div class="notice warn">
            <p>{t("ticket.news")}</p>
            <ul>
              {ticket.news.value.map((e) => (
                <li key={e.n}>
                  {isolate(e.by ?? shown.ticket.requester ?? "")}: {did(e)}
                </li>
              ))}
            </ul>
          </div>
        )}
        {problem !== null && <p class="notice warn">{problemText(problem)}</p>}
      </div>
    </>
  );
}

/** The kind of the form that is open: what is typed in it is the ticket's own, and stays. */
const form = "hand-on";

function Escalate({ ticket, shown, session }: { ticket: OpenTicket; shown: TicketShown; session: SessionView }) {
  const { desk } = useConsole();
  const live = session.state === "Active" && session.offer === undefined && desk.welcome.value?.rights?.escalate === true;
  const offers = useSignal(true);
  const fields = ticket.fields.value;
  if (shown.category === undefined) return <p class="soft">{t("guide.category_first")}</p>;
  if ((shown.choices.teams ?? []).length === 0) return <p class="soft">{t("guide.no_team")}</p>;
  if (ticket.kind.value !== form) {
    return (
      <p>
        <button type="button" class="button" data-testid="escalate" onClick={() => ticket.choose(form, { team: nextTeam(shown), text: "", impact: "1", urgency: "2" })}>
          <Icon name="up" />
          {t("guide.escalate")}
        </button>
      </p>
    );
  }
  const send = async () => {
    const team = fields["team"] ?? "";
    const why = (fields["text"] ?? "").trim();
    const also = live && offers.value;
    if (!(await ticket.sendAll(escalate(shown, team, why, { impact: Number(fields["impact"]), urgency: Number(fields["urgency"]) })))) return;
    desk.notices.say(t("guide.escalated", { team }));
    const words = [...why.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, " ").replace(/\p{Zs}+/gu, " ").trim()].slice(0, 200).join("");
    if (also) await desk.acts.offerLive(session.id, { team, ...(words === "" ? {} : { words }) });
    document.querySelector<HTMLElement>("#drawer-heading")?.focus(); // the form is gone with the focus
  };
  const grade = (name: "impact" | "urgency") => (
    <div class="field">
      <label for={`guide-${name}`}>{d(`fact.${name}`)}</label>
      <select id={`guide-${name}`} value={fields[name]} onChange={(e) => ticket.type(name, e.currentTarget.value)}>
        {[1, 2, 3].map((n) => (
          <option key={n} value={String(n)}>
            {d(`${name}.${n}`)}
          </option>
        ))}
      </select>
    </div>
  );
  return (
    <form
      class="hand-on"
      noValidate
      aria-label={t("guide.escalate")}
      onSubmit={(e) => {
        e.preventDefault();
        void send();
      }}
      onKeyDown={(e) => {
        if (e.key !== "Escape" || e.isComposing) return;
        e.stopPropagation();
        ticket.choose(form);
      }}
    >
      {shown.ticket.priority === undefined && (
        <div class="pair">
          {grade("impact")}
          {grade("urgency")}
        </div>
      )}
      <div class="field">
        <label for="guide-team">{d("team")}</label>
        <select id="guide-team" value={fields["team"]} onChange={(e) => ticket.type("team", e.currentTarget.value)}>
          {(shown.choices.teams ?? []).map((x) => (
            <option key={x.id} value={x.id}>
              {x.name} · {x.detail}
            </option>
          ))}
        </select>
      </div>
      <div class="field">
        <label for="guide-why">{d("why")}</label>
        <p class="hint" id="guide-why-hint">
          {t("guide.why_hint")}
        </p>
        <textarea id="guide-why" rows={3} dir="auto" maxLength={8000} aria-describedby="guide-why-hint" value={fields["text"]} onInput={(e) => ticket.type("text", e.currentTarget.value)} />
      </div>
      {live && (
        <p>
          <label>
            <input type="checkbox" checked={offers.value} onChange={(e) => (offers.value = e.currentTarget.checked)} /> {t("guide.offer_too")}
          </label>
        </p>
      )}
      <div class="actions">
        <button type="submit" class="button primary small" data-testid="hand-on" aria-disabled={ticket.busy.value || !desk.online.value}>
          {t("guide.escalate")}
        </button>
        <button type="button" class="button quiet small" onClick={() => ticket.choose(form)}>
          {t("ticket.cancel")}
        </button>
      </div>
    </form>
  );
}
