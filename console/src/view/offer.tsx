// Hands a live session over: to a colleague, or to a team, whose first has it.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { maxOfferWords, type ColleagueList } from "../protocol";
import type { SessionView } from "../sessionview";
import { isolate, t } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";

/** OfferButton opens the question to whom. */
export function OfferButton({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const open = useSignal(false);
  const rights = desk.welcome.value?.rights;
  if (!session.mine || session.state !== "Active" || (rights?.transfer !== true && rights?.escalate !== true)) return null;
  return (
    <>
      <button
        type="button"
        class="button small"
        data-testid="offer"
        aria-haspopup="dialog"
        aria-disabled={session.offer !== undefined || !desk.online.value}
        title={t("offer.heading")}
        onClick={() => session.offer === undefined && desk.online.value && (open.value = true)}
      >
        <Icon name="now" />
        <span class="tool-word">{t("offer.button")}</span>
      </button>
      {open.value && <OfferDialog session={session} close={() => (open.value = false)} />}
    </>
  );
}

function OfferDialog({ session, close }: { session: SessionView; close(): void }) {
  const { desk } = useConsole();
  const dialog = useRef<HTMLDialogElement>(null);
  const list = useSignal<ColleagueList | null>(null);
  const rights = desk.welcome.value?.rights;
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    dialog.current?.showModal();
    void desk.acts.colleagues().then((found) => (list.value = found));
    return () => before?.focus();
  }, []);
  const people = rights?.transfer === true ? (list.value?.people ?? []) : [];
  const teams = rights?.escalate === true ? (list.value?.teams ?? []) : [];
  const none = list.value !== null && people.length + teams.length === 0;
  const send = (e: SubmitEvent) => {
    e.preventDefault();
    const data = new FormData(e.currentTarget as HTMLFormElement);
    const to = String(data.get("to") ?? "");
    const words = String(data.get("words") ?? "").trim();
    if (to === "") return;
    void desk.acts.offerLive(session.id, { ...(to.startsWith("team ") ? { team: to.slice(5) } : { account: to }), ...(words === "" ? {} : { words }) });
    dialog.current?.close();
  };
  return (
    <dialog ref={dialog} class="offer" data-testid="offer-dialog" aria-labelledby="offer-heading" aria-describedby="offer-what" onClose={close}>
      <h2 id="offer-heading">{t("offer.heading")}</h2>
      <p id="offer-what">{t("offer.what")}</p>
      {none && <p role="status">{t("offer.none")}</p>}
      <form onSubmit={send}>
        {!none && (
          <>
            <label for="offer-to">{t("offer.to")}</label>
            <select id="offer-to" name="to" required aria-busy={list.value === null}>
              {teams.length > 0 && (
                <optgroup label={t("offer.teams")}>
                  {teams.map((team) => (
                    <option key={team} value={`team ${team}`}>
                      {t("offer.team", { team })}
                    </option>
                  ))}
                </optgroup>
              )}
              {people.length > 0 && (
                <optgroup label={t("offer.people")}>
                  {people.map((p) => (
                    <option key={p.id} value={p.id}>
                      {[p.name, p.team, p.level, p.here === true ? t("offer.here") : ""].filter(Boolean).join(" · ")}
                    </option>
                  ))}
                </optgroup>
              )}
            </select>
            <label for="offer-words">{t("offer.words")}</label>
            <input id="offer-words" name="words" maxLength={maxOfferWords} autocomplete="off" dir="auto" />
          </>
        )}
        <div class="actions">
          {!none && (
            <button type="submit" class="button primary" data-testid="offer-send" aria-disabled={list.value === null}>
              {t("offer.send")}
            </button>
          )}
          <button type="button" class="button" onClick={() => dialog.current?.close()}>
            {t("close")}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** OfferStrip says that the session is on offer, and to whom. */
export function OfferStrip({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const offer = session.offer;
  if (offer === undefined || !session.mine) return null;
  return (
    <div class="people-strip" data-testid="offer-out">
      <p>
        <Icon name="wait" />
        <span role="status">{t("offer.out", { name: isolate(offer.name ?? offer.team) })}</span>
        <button type="button" class="button small" data-testid="offer-withdraw" onClick={() => void desk.acts.endOffer(session.id)}>
          {t("offer.withdraw")}
        </button>
      </p>
    </div>
  );
}
