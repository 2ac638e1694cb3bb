// What the technician asks of the broker about a session. What is refused is said as trouble,
// until the next act succeeds.

import type { Signal } from "@preact/signals";
import type { Incoming } from "../check";
import { stepOf, type Tool } from "../consent";
import type { ColleagueList, Device, GuestWay, Permission, VendorInvited } from "../protocol";
import type { SessionView } from "../sessionview";
import { has, t } from "../text";
import { Refused, type Wire } from "../wire";

export class Acts {
  readonly #wire: Wire;
  readonly #trouble: Signal<string>;

  constructor(wire: Wire, trouble: Signal<string>) {
    this.#wire = wire;
    this.#trouble = trouble;
  }

  /** giveReason says why a session is needed; false if the broker does not take it (any more). */
  async giveReason(session: string, text: string): Promise<boolean> {
    return (await this.done(this.#wire.request("reason", { session, text }))) !== null;
  }

  /** crisp wishes a picture that is exact at rest, or no more. */
  crisp(session: string, on: boolean): void {
    this.#wire.send("crisp", { session, on });
  }

  /** stillOnTicket names a picture for the record on the session's ticket. */
  async stillOnTicket(session: string, still: number): Promise<void> {
    await this.done(this.#wire.request("still_on_ticket", { session, still }));
  }

  /** takeStill takes a picture for the record; false if it was not asked for. */
  async takeStill(session: string, caption: string): Promise<boolean> {
    return (await this.done(this.#wire.request("still_request", { session, caption }))) !== null;
  }

  /** ask has one more permission put to the customer. */
  async ask(session: string, permission: Permission, device?: Device): Promise<void> {
    await this.done(this.#wire.request("consent_request", { session, permission, ...(device === undefined ? {} : { device }) }), true);
  }

  /** giveBack gives a permission back, or takes its question back. */
  async giveBack(session: string, permission: Permission): Promise<void> {
    await this.done(this.#wire.request("consent_return", { session, permission }));
  }

  /** toggle asks for a tool, or gives it or its question back: what its button does now. */
  toggle(s: SessionView, tool: Tool): Promise<void> {
    return stepOf(s, tool).ask ? this.ask(s.id, tool) : this.giveBack(s.id, tool);
  }

  /** joinLive asks to come into a colleague's session. */
  async joinLive(session: string, way: GuestWay): Promise<void> {
    await this.done(this.#wire.request("guest_join", { session, way }), true);
  }

  /** leaveLive ends somebody's place in a session, or the question about them. */
  async leaveLive(session: string, epoch: number): Promise<void> {
    await this.done(this.#wire.request("guest_leave", { session, epoch }), true);
  }

  /** colleagues are to whom a session can be handed; null if that is not to be had. It is no act: trouble stays. */
  async colleagues(): Promise<ColleagueList | null> {
    try {
      const m = await this.#wire.request("colleagues", {});
      return m.type === "colleague_list" ? m.body : null;
    } catch (e) {
      this.#trouble.value = troubleOf(e);
      return null;
    }
  }

  /** offerLive offers a session to a colleague or a team: the ticket's escalation does the latter. */
  async offerLive(session: string, to: { account?: string; team?: string; words?: string }): Promise<void> {
    await this.done(this.#wire.request("live_offer", { session, ...to }), true);
  }

  /** endOffer withdraws an offer, or declines it. */
  async endOffer(session: string): Promise<void> {
    await this.done(this.#wire.request("live_offer_end", { session }), true);
  }

  /** invite makes a link for one person from outside; null if there is none. */
  async invite(session: string): Promise<VendorInvited | null> {
    const m = await this.done(this.#wire.request("vendor_invite", { session }));
    return m?.type === "vendor_invited" ? m.body : null;
  }

  /** withdrawInvites makes links good for nothing that nobody has opened. */
  async withdrawInvites(session: string): Promise<void> {
    await this.done(this.#wire.request("vendor_withdraw", { session }), true);
  }

  /** done waits for an act's answer; null if it was refused. later: what cannot be now can be asked for again. */
  async done(asked: Promise<Incoming>, later = false): Promise<Incoming | null> {
    try {
      const m = await asked;
      this.#trouble.value = "";
      return m;
    } catch (e) {
      this.#trouble.value = later && e instanceof Refused && e.code === "not_now" ? t("error.ask_later") : troubleOf(e);
      return null;
    }
  }
}

/** troubleOf says what went wrong, in a sentence. */
export function troubleOf(e: unknown): string {
  const key = `error.${e instanceof Refused ? e.code : "unavailable"}`;
  return has(key) ? t(key) : t("error.unavailable");
}
