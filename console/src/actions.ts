// Everything that can be done at this moment, by name: what the palette offers.

import { drawable, drawStep } from "./annotate/drawing";
import { exactable } from "./codecs";
import { controllable, nextStep } from "./control/control";
import { clippable, clipStep, clipTools } from "./clipboard/consent";
import { filesTools, fileable, fileStep } from "./files/consent";
import { restartable, restartStep } from "./restart/restart";
import { shellable, shellStep } from "./shell/shell";
import { crispable, over, selfIn, talksIn } from "./sessionview";
import { queue } from "./queue";
import { keepable } from "./stills";
import { readable } from "./system/system";
import { ticketIn } from "./tickets/tab";
import { d, t } from "./text";
import { doorsOf } from "./view/people";
import { focusFilter } from "./view/focus";
import { toggleFullScreen } from "./view/fullscreen";
import type { Parts } from "./view/context";

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
    if (readable(s, desk.welcome.value?.permissions ?? null)) add("system", t("act.system"), "I", () => layout.toggle("system"));
    if (desk.pictures.of(s.id)?.picture.state.value === "live" && s.state === "Active") {
      if (controllable(s, desk.welcome.value?.permissions ?? null)) {
        const { state, word, ask } = nextStep(s);
        if (state === "given") add("control-use", t("act.control_use"), "R", () => desk.control());
        add("control", t(word), ask ? "R" : "", () => void (ask ? desk.acts.ask(s.id, "control") : desk.acts.giveBack(s.id, "control")));
      }
      for (const kind of ["shell", "scripts"] as const) {
        if (!shellable(s, desk.welcome.value?.permissions ?? null, kind)) continue;
        const { state, word, ask } = shellStep(s, kind);
        if (state === "given" && kind === "shell") add("shell-use", t("act.shell_use"), "S", () => desk.shell());
        add(kind, t(word), ask && kind === "shell" ? "S" : "", () => void (ask ? desk.acts.ask(s.id, kind) : desk.acts.giveBack(s.id, kind)));
      }
      if (shellable(s, desk.welcome.value?.permissions ?? null, "ssh")) {
        const { state, word, ask } = shellStep(s, "ssh");
        if (state === "given") add("ssh-use", t("act.shell_use"), "", () => desk.pictures.of(s.id)?.shell.focus());
        const shell = desk.pictures.of(s.id)?.shell;
        add("ssh", t(word), "", () => (ask ? shell !== undefined && (shell.form.value = true) : void desk.acts.giveBack(s.id, "ssh")));
      }
      for (const kind of filesTools) {
        if (!fileable(s, desk.welcome.value?.permissions ?? null, kind)) continue;
        const { word, ask } = fileStep(s, kind);
        add(kind, t(word), "", () => void (ask ? desk.acts.ask(s.id, kind) : desk.acts.giveBack(s.id, kind)));
      }
      if (keepable(s, desk.welcome.value?.permissions ?? null)) add("stills", t("stills.heading"), "", () => layout.toggle("stills"));
      if (drawable(s, desk.welcome.value?.permissions ?? null)) {
        const { word, ask } = drawStep(s);
        add("annotate", t(word), "", () => void (ask ? desk.acts.ask(s.id, "annotate") : desk.acts.giveBack(s.id, "annotate")));
      }
      for (const kind of clipTools) {
        if (!clippable(s, desk.welcome.value?.permissions ?? null, kind)) continue;
        const { word, ask } = clipStep(s, kind);
        add(kind, t(word), "", () => void (ask ? desk.acts.ask(s.id, kind) : desk.acts.giveBack(s.id, kind)));
      }
      if (restartable(s, desk.welcome.value?.permissions ?? null)) {
        const { word, ask } = restartStep(s);
        add("reboot", t(word), "", () => void (ask ? desk.acts.ask(s.id, "reboot") : desk.acts.giveBack(s.id, "reboot")));
      }
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
