// A link for one person from outside: made, copied, withdrawn.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { VendorInvited } from "../protocol";
import type { SessionView } from "../sessionview";
import { t, timeOf } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";

/** InviteButton makes a link and shows it. */
export function InviteButton({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  const made = useSignal<VendorInvited | null>(null);
  if (!session.mine || session.state !== "Active" || desk.welcome.value?.rights?.invite !== true) return null;
  return (
    <>
      <button
        type="button"
        class="button small"
        data-testid="invite"
        aria-haspopup="dialog"
        aria-disabled={!desk.online.value}
        title={t("vendor.button")}
        onClick={() => desk.online.value && void desk.acts.invite(session.id).then((link) => (made.value = link))}
      >
        <Icon name="link" />
        <span class="tool-word">{t("vendor.button")}</span>
      </button>
      {made.value !== null && <LinkDialog invited={made.value} close={() => (made.value = null)} />}
    </>
  );
}

function LinkDialog({ invited, close }: { invited: VendorInvited; close(): void }) {
  const { desk } = useConsole();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    dialog.current?.showModal();
    return () => before?.focus();
  }, []);
  const copy = () =>
    navigator.clipboard.writeText(invited.url).then(
      () => desk.notices.say(t("vendor.copied")),
      () => (desk.trouble.value = t("trouble.copy", { text: invited.url })),
    );
  return (
    <dialog ref={dialog} class="offer" data-testid="invite-dialog" aria-labelledby="invite-heading" aria-describedby="invite-what" onClose={close}>
      <h2 id="invite-heading">{t("vendor.heading")}</h2>
      <p id="invite-what">{t("vendor.what", { time: timeOf(invited.until, desk.clock.read()) })}</p>
      <form onSubmit={(e) => e.preventDefault()}>
        <label for="invite-link">{t("vendor.link")}</label>
        <input id="invite-link" data-testid="invite-link" readOnly value={invited.url} onFocus={(e) => e.currentTarget.select()} />
        <div class="actions">
          <button type="button" class="button primary" onClick={() => void copy()}>
            {t("vendor.copy")}
          </button>
          <button type="button" class="button" data-testid="invite-close" onClick={() => dialog.current?.close()}>
            {t("close")}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** InviteStrip says that a link is out that nobody has opened yet. */
export function InviteStrip({ session }: { session: SessionView }) {
  const { desk } = useConsole();
  if (!session.mine || session.invited_until === undefined) return null;
  return (
    <div class="people-strip" data-testid="invited">
      <p>
        <Icon name="link" />
        <span>{t("vendor.out", { time: timeOf(session.invited_until, desk.clock.read()) })}</span>
        <button type="button" class="button small" onClick={() => void desk.acts.withdrawInvites(session.id)}>
          {t("offer.withdraw")}
        </button>
      </p>
    </div>
  );
}
