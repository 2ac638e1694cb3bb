// The ticket that a session belongs to, beside the session: what it is about, and whom to call.

import { useEffect } from "preact/hooks";
import type { SessionView } from "../sessionview";
import { d, isolate, t } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";

export function OfSession({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const link = session.ticket;
  const mine = session.mine && desk.welcome.value?.tickets === true;
  const known = link === undefined || !mine ? undefined : desk.tickets.opened.get(link.id);
  useEffect(() => {
    if (link !== undefined && mine) desk.tickets.ticket(link.id);
  }, [link?.id, mine]);
  if (link === undefined || !mine) return null;
  void desk.tickets.known.value; // it may just have been asked for
  const shown = known?.shown.value;
  return (
    <section class="card of-session" aria-labelledby="of-session" data-testid="of-session">
      <h2 id="of-session">{t("ticket.of_session", { ref: link.ref })}</h2>
      {shown != null && (
        <>
          <p class="lead" dir="auto">
            {shown.ticket.title}
          </p>
          {shown.ticket.requester === undefined ? (
            <p>{t("ticket.fill_in")}</p>
          ) : (
            <p>
              {isolate(shown.ticket.requester)}
              {shown.phone !== undefined && (
                <>
                  {" · "}
                  <a class="figures" href={`tel:${shown.phone.replace(/[^+\d]/g, "")}`}>
                    {shown.phone}
                  </a>
                </>
              )}
            </p>
          )}
          <p class="soft">{[d(`state.${shown.ticket.state}`), shown.ticket.priority === undefined ? "" : t("ticket.priority", { priority: d(`priority.${shown.ticket.priority}`) })].filter(Boolean).join(" · ")}</p>
        </>
      )}
      <button type="button" class="button small" onClick={() => desk.openTicket(link.id)}>
        <Icon name="note" />
        {t("ticket.of_session.open")}
      </button>
    </section>
  );
}
