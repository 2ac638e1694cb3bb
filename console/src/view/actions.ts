// Everything that can be done at this moment, by name: what the palette offers.

import { exactable } from "../codecs";
import { available, clipTools, filesTools, stepOf, type Tool } from "../consent";
import { doorsOf } from "../guests";
import { crispable, over, selfIn, talksIn } from "../sessionview";
import { queue } from "../queue";
import { ticketIn } from "../tickets/tab";
import { d, t } from "../text";
import type { Parts } from "./context";
import { focusFilter } from "./focus";
import { toggleFullScreen } from "./fullscreen";
import { toolKeys } from "./tool";

export interface Action {
  id: string;
  name: string;
  /** What tells it from others of a like name; "" if nothing does. */
  detail: string;
  /** The key that does the same; "" if there is none. */
  key: string;
  run(): void;
}

/** actions lists them, what concerns the open session first. */
export function actions({ desk, settings, layout, bell }: Parts): Action[] {
  const list: Action[] = [];
  const add = (id: string, name: string, key: string, run: () => void, detail = "") => list.push({ id, name, detail, key, run });
  const s = desk.tabs.current.value;
  const allowed = desk.welcome.value?.permissions ?? null;
  if (s !== undefined) {
    const self = selfIn(s);
    if (self !== undefined) add("guest-leave", t(self.state === "asked" ? "guest.ask_no_more" : "guest.leave"), "", () => void desk.acts.leaveLive(s.id, self.epoch));
    for (const way of doorsOf(s)) add(`guest-${way}`, t(`guest.${way}`), "", () => void desk.acts.joinLive(s.id, way), s.technician.name);
    if (talksIn(s)) add("chat", t("act.chat"), "C", () => layout.toggle("chat"));
    if (s.mine && s.ticket !== undefined && desk.welcome.value?.tickets === true) {
      const link = s.ticket;
      add("guide", t("guide.open"), "E", () => layout.toggle("guide"));
      add("ticket-of", t("ticket.of_session.open"), "", () => desk.openTicket(link.id), link.ref);
    }
    if (s.mine) add("notes", t("act.notes"), "W", () => layout.toggle("notes"));
    if (s.mine && !over(s.state)) add("figures", t("act.figures"), "Q", () => layout.toggle("figures"));
    if (available(s, allowed, "system_info")) add("system", t("act.system"), "I", () => layout.toggle("system"));
    const live = desk.pictures.of(s.id);
    if (live?.picture.state.value === "live" && s.state === "Active") {
      const tool = (of: Tool, use?: () => void) => {
        if (!available(s, allowed, of)) return;
        const { state, word, ask } = stepOf(s, of);
        if (state === "given" && use !== undefined) add(`${of}-use`, t(of === "control" ? "act.control_use" : "act.shell_use"), toolKeys[of] ?? "", use);
        add(of, t(word), (ask && toolKeys[of]) || "", () => (ask && of === "ssh" ? (live.shell.form.value = true) : void desk.acts.toggle(s, of)));
      };
      tool("control", () => desk.control());
      tool("shell", () => desk.shell());
      tool("scripts");
      tool("ssh", () => live.shell.focus());
      filesTools.forEach((of) => tool(of));
      if (available(s, allowed, "stills")) add("stills", t("stills.heading"), "", () => layout.toggle("stills"));
      tool("annotate");
      clipTools.forEach((of) => tool(of));
      tool("reboot");
      add("zoom", settings.zoom.value === "fit" ? t("act.actual") : t("act.fit"), "Z", () => settings.toggleZoom());
      if (crispable(s) && exactable()) add("crisp", t(s.crisp === true ? "act.crisp_off" : "act.crisp_on"), "", () => desk.acts.crisp(s.id, s.crisp !== true));
      add("screen", t("help.screen"), "M", toggleFullScreen);
    }
    const issued = desk.issued.value.get(s.id);
    if (issued !== undefined) {
      const copy = (text: string) => navigator.clipboard.writeText(text).then(
        () => desk.notices.say(t("key.copied")),
        () => (desk.trouble.value = t("trouble.copy", { text })),
      );
      add("copy-link", t("key.copy_link"), "", () => void copy(issued.url));
      add("copy-key", t("key.copy_key"), "", () => void copy(issued.key));
    }
    add("close", t("act.close"), "", () => desk.tabs.close(s.id), desk.sessions.nameOf(s));
    if (s.mine && !over(s.state)) add("end", t("end_session"), "", () => desk.redX.press(s.id), desk.sessions.nameOf(s));
  }
  if (desk.welcome.value?.can_issue === true) add("new", desk.ticketAtHand.value === undefined ? t("new_session") : t("ticket.start_for", { ref: desk.ticketAtHand.value.ref }), "N", () => void desk.sessionFor());
  if (desk.welcome.value?.tickets === true) {
    const id = ticketIn(desk.tabs.selected.value);
    const open = id === null || id === "new" ? undefined : desk.tickets.opened.get(id);
    const shown = open?.shown.value;
    if (open !== undefined && shown) {
      for (const kind of shown.acts ?? []) add(`ticket-${kind}`, d(`act.${kind}`), "", () => document.querySelector<HTMLElement>(`.acts [data-act="${kind}"]`)?.click(), shown.ticket.ref);
      add("close-ticket", t("ticket.close_tab"), "", () => desk.tabs.close(desk.tabs.selected.value), shown.ticket.ref);
    }
    if (desk.tickets.works.value) add("new-ticket", d("new"), "A", () => desk.newTicket());
    add("queue", t(layout.rail.value === "tickets" ? "queue.show_sessions" : "queue.show_tickets"), "U", () => (layout.rail.value = layout.rail.value === "tickets" ? "sessions" : "tickets"));
    for (const x of desk.tickets.list.value.slice(0, 50)) add(`ticket-open-${x.id}`, x.title, "", () => desk.openTicket(x.id), [x.ref, x.requester ?? "", d(`state.${x.state}`)].filter(Boolean).join(" · "));
  }
  add("filter", t("rail.filter"), "/", () => focusFilter(desk, settings));
  for (const { sessions } of queue(desk.sessions.list.value)) {
    for (const x of sessions) {
      if (x.id === s?.id) continue;
      const at = desk.tabs.opened.value.indexOf(x.id);
      const who = x.mine ? x.system : x.technician.name;
      add(`open-${x.id}`, desk.sessions.nameOf(x), at >= 0 && at < 9 ? String(at + 1) : "", () => desk.tabs.open(x.id), [t(`state.${x.state}`), who].filter(Boolean).join(" · "));
    }
  }
  if (s !== undefined) add("list", t("act.list"), "", () => desk.tabs.leave());
  add("rail", t("help.rail"), "L", () => settings.toggleRail());
  add("notify", settings.notify.value ? t("act.notify_off") : t("act.notify_on"), "", () => {
    void bell.notify(!settings.notify.value).then((asked) => {
      if (asked !== "granted") desk.trouble.value = t(`notify.${asked}`);
    });
  });
  add("sound", settings.sound.value ? t("act.sound_off") : t("act.sound_on"), "", () => bell.sound(!settings.sound.value));
  add("letters", settings.letters.value ? t("act.letters_off") : t("act.letters_on"), "", () => settings.setLetters(!settings.letters.value));
  add("help", t("help.open_help"), "?", () => (layout.help.value = true));
  add("shared", t("rail.shared"), "", () => void window.open("/shared", "_blank", "noopener"));
  add("account", t("rail.account"), "", () => void window.open("/account", "_blank", "noopener"));
  add("sign-out", t("rail.sign_out"), "", () => document.querySelector<HTMLFormElement>("form.account")?.requestSubmit());
  return list;
}
