// Who is in a session beside its technician: asked about, here, to be sent away, also by a lead who is not; and, for
// who is not the technician, the way in and out.

import { doorsOf, personText } from "../guests";
import { looksOn, over, selfIn, type SessionView } from "../sessionview";
import { isolate, t } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";

/** PeopleStrip stands over the picture while anybody else is there or asked about. */
export function PeopleStrip({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  if (over(session.state) || session.guests === undefined || session.guests.length === 0) return null;
  const self = selfIn(session);
  const sends = session.mine || session.sends === true;
  if (!sends && self === undefined) return null;
  const others = session.guests.filter((g) => g.epoch !== session.self);
  return (
    <div class="people-strip" data-testid="people" role="group" aria-label={t("guest.label")}>
      {self !== undefined && (
        <p data-guest={self.state} data-way={self.way}>
          <Icon name={self.state === "asked" ? "wait" : "eye"} />
          <span role="status">{self.state === "asked" ? t("guest.asked_self") : t(`guest.in_${self.way}`, { name: isolate(session.technician.name) })}</span>
          {doorsOf(session)
            .filter((way) => way === "take_over" || way === "transfer")
            .map((way) => (
              <button key={way} type="button" class="button small" data-way={way} onClick={() => void desk.acts.joinLive(session.id, way)}>
                {t(`guest.${way}`)}
              </button>
            ))}
          <button type="button" class="button small" data-testid="guest-leave" onClick={() => void desk.acts.leaveLive(session.id, self.epoch)}>
            {t(self.state === "asked" ? "guest.ask_no_more" : "guest.leave")}
          </button>
        </p>
      )}
      {others.map((g) => (
        <p key={g.epoch} data-guest={g.state} data-way={g.way}>
          <Icon name={g.state === "asked" ? "wait" : "eye"} />
          <span>{personText(g)}</span>
          {sends && (
            <button type="button" class="button small" data-testid="guest-away" onClick={() => void desk.acts.leaveLive(session.id, g.epoch)}>
              {t("guest.send_away", { name: isolate(g.name) })}
            </button>
          )}
        </p>
      ))}
    </div>
  );
}

/** Doors are the ways into a colleague's session. */
export function Doors({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  if (session.mine || over(session.state) || looksOn(session)) return null;
  const offer = session.offer?.mine === true ? session.offer : undefined;
  const doors = doorsOf(session);
  return (
    <div class="session-body centre">
      <div>
        <p class="lead">{offer === undefined ? t("others", { name: session.technician.name }) : t("offer.in", { by: isolate(offer.by) })}</p>
        {doors.length > 0 && (
          <ul class="doors" data-testid="doors">
            {doors.map((way) => (
              <li key={way}>
                <button
                  type="button"
                  class={way === "transfer" ? "button primary" : "button"}
                  data-way={way}
                  aria-describedby={`door-${way}`}
                  aria-disabled={!desk.online.value}
                  onClick={() => desk.online.value && void desk.acts.joinLive(session.id, way)}
                >
                  {t(`guest.${way}`)}
                </button>
                <span id={`door-${way}`} class="soft small-text">
                  {t(`guest.${way}_hint`, { words: isolate(offer?.words ?? "") })}
                </span>
              </li>
            ))}
            {offer?.name !== undefined && (
              <li>
                <button type="button" class="button quiet" data-testid="offer-decline" onClick={() => void desk.acts.endOffer(session.id)}>
                  {t("offer.decline")}
                </button>
              </li>
            )}
          </ul>
        )}
      </div>
    </div>
  );
}
