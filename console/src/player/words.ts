// What happened, in the page's words. The page brings the texts along.

import { Track } from "./record";
import type { Happening } from "./happening";

let all: Record<string, string> = {};

/** texts are all that the page brought. */
export const texts = (): Readonly<Record<string, string>> => all;

/** speak takes the texts that came with the page. */
export function speak(with_: Record<string, string>): void {
  all = with_;
}

type Values = Record<string, string | number>;

const fill = (text: string, values: Values) => text.replace(/\{([a-z0-9_]+)\}/g, (whole, name: string) => String(values[name] ?? whole));

/** say returns a text of the page with its {placeholders} filled. */
export const say = (key: string, values: Values = {}): string => fill(all[key] ?? `⟨${key}⟩`, values);

const language = document.documentElement.lang;
const plurals = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(language);

/** count returns a number with its noun. */
export function count(what: string, n: number): string {
  return fill(all[`count.${what}.${plurals.select(n)}`] ?? all[`count.${what}.other`] ?? `{n}`, { n: numbers.format(n) });
}

/** clock writes milliseconds as 9:58 or 1:02:03. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** harmless takes out what people do not see but what changes what they see (Unicode TR 36, section 2.5). */
export const harmless = (text: string) => text.replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, " ");

const text = (v: unknown): string => (typeof v === "string" ? `\u2068${harmless(v)}\u2069` : typeof v === "number" || typeof v === "boolean" ? String(v) : "");

/** sectionsOf names sections of system information. */
function sectionsOf(list: unknown): string {
  const names = (Array.isArray(list) ? list : []).map((s) => all[`log.section.${String(s)}`] ?? text(s));
  return names.length === 0 ? say("log.section.none") : names.join(", ");
}

/** clipOf names what was on a clipboard. */
const clipOf = (kind: unknown) => all[`log.clip_of.${String(kind)}`] ?? text(kind);

/** tell puts a happening into words; one without words is shown by its code. */
export function tell(h: Happening): string {
  const d = h.data;
  const values: Values = Object.fromEntries(Object.entries(d).map(([k, v]) => [k, text(v)]));
  const e = (code: string, more: Values = {}) => say(all[`audit.e.${code}`] === undefined ? `log.e.${code}` : `audit.e.${code}`, { ...values, ...more });
  switch (h.code) {
    case "session.issued": {
      const t = (d["technician"] ?? {}) as Record<string, unknown>;
      let issued = e(h.code, { name: text(t["name"]), team: text(t["team"]), office: text(t["office"]) });
      if (d["test"] === true) issued = e("issued_test", { issued });
      return values["reason"] ? e("issued_why", { issued }) : issued;
    }
    case "key.redeemed":
      return e(h.code, { where: say(`log.by.${d["by"] === "agent" ? "agent" : "portal"}`) });
    case "reason.given":
      return values["text"] ? e(h.code) : e("reason.gone");
    case "consent.asked":
    case "consent.given":
    case "consent.refused":
    case "consent.withdrawn":
      return e(h.code, { permission: all[`audit.permission.${String(d["permission"])}`] ?? values["permission"] ?? "" });
    case "control.state":
      return d["block"] ? e("control.blocked", { why: all[`log.block.${String(d["block"])}`] ?? values["block"] ?? "" }) : e(h.code);
    case "guest.asked":
    case "guest.allowed":
    case "guest.refused":
    case "guest.left":
      return e(h.code, { way: all[`log.guest.way.${String(d["way"])}`] ?? values["way"] ?? "", cause: all[`log.guest.cause.${String(d["cause"])}`] === undefined ? (values["cause"] ?? "") : say(`log.guest.cause.${String(d["cause"])}`, values) });
    case "session.offered":
      return e(h.code, { name: values["name"] || values["team"] || "" });
    case "session.offer_ended":
      return e(h.code, { cause: all[`log.offer.${String(d["cause"])}`] ?? values["cause"] ?? "" });
    case "session.handed_over": {
      const to = (d["technician"] ?? {}) as Record<string, unknown>;
      return e(h.code, { name: text(to["name"]), team: text(to["team"]), way: all[`log.guest.way.${String(d["way"])}`] ?? values["way"] ?? "" });
    }
    case "still.asked":
      return e(values["caption"] ? h.code : "still.asked_plain");
    case "still.failed":
      return e(h.code, { why: all[`log.still.${String(d["problem"])}`] ?? values["problem"] ?? "" });
    case "annotate.drawn": {
      const first = (Array.isArray(d["points"]) ? (d["points"] as unknown[])[0] : undefined) as Record<string, unknown> | undefined;
      const kind = all[`audit.drawn.${String(d["kind"])}`] === undefined ? "clear" : String(d["kind"]);
      return e(h.code, { what: say(`audit.drawn.${kind}`, { x: text(first?.["x"]), y: text(first?.["y"]) }) });
    }
    case "shell.started":
      return e(values["script"] ? "shell.script" : h.code);
    case "shell.own":
      return e(h.code, { script: values["name"] ?? "", hash: values["sha256"] ?? "" });
    case "shell.ended":
      return e(d["stopped"] === true ? "shell.stopped" : h.code);
    case "ssh.started": {
      const to = (d["device"] ?? {}) as Record<string, unknown>;
      return e(h.code, { device: text(`${String(to["host"])}:${String(to["port"])}`), user: text(to["user"]) });
    }
    case "ssh.key":
      return e(values["before"] ? "ssh.key_changed" : h.code);
    case "ssh.trusted":
      return e(values["words"] ? "ssh.trusted_words" : h.code);
    case "ssh.opened":
      return e(d["old"] === true ? "ssh.opened_old" : h.code);
    case "ssh.ended":
      return e(d["stopped"] === true ? "ssh.stopped" : values["cause"] && Number(d["code"]) < 0 ? "ssh.failed" : h.code);
    case "system.requested":
      return e(h.code, { sections: sectionsOf(d["sections"]) });
    case "system.read":
      return Array.isArray(d["unread"]) && d["unread"].length > 0
        ? e("system.read_partly", { sections: sectionsOf(d["sections"]), unread: sectionsOf(d["unread"]) })
        : e(h.code, { sections: sectionsOf(d["sections"]) });
    case "system.followed":
      return e(d["on"] === true ? h.code : "system.unfollowed");
    case "restart.prepared":
    case "restart.began":
      return e(h.code, { seconds: count("seconds", Math.max(0, Number(d["seconds"] ?? 0))) });
    case "restart.returned":
      return e(h.code, { seconds: count("seconds", Math.ceil(Math.max(0, Number(d["away_ms"] ?? 0)) / 1000)) });
    case "file.listed":
      return e(values["path"] ? h.code : "file.listed_top");
    case "file.asked":
      return e(d["to"] === "technician" ? "file.asked_from" : h.code);
    case "file.ended":
      if (d["result"] !== "done") return e("file.ended_not", { why: all[`log.file.${String(d["result"])}`] ?? values["result"] ?? "" });
      return e(d["to"] === "technician" ? "file.ended_from" : h.code);
    case "clipboard.asked":
      return d["to"] === "technician" ? e("clipboard.asked_from") : e(h.code, { what: clipOf(d["type"]) });
    case "clipboard.whole":
      return e(h.code, { what: clipOf(d["type"]) });
    case "clipboard.ended":
      if (d["result"] !== "done") return e("clipboard.ended_not", { why: all[`log.clip.${String(d["result"])}`] ?? values["result"] ?? "" });
      return e(d["to"] === "technician" ? "clipboard.ended_from" : h.code, { what: clipOf(d["type"]) });
    case "screen.shown": {
      const size = d["width"] ? ` (${values["width"]} × ${values["height"]})` : "";
      const what = say(`log.source.${all[`log.source.${String(d["source"])}`] === undefined ? "unknown" : String(d["source"])}`);
      return e(h.code, { what: what + (values["name"] ? ` ${values["name"]}` : "") + size });
    }
    case "agent.returned":
      return e(h.code, { seconds: count("seconds", Math.ceil(Math.max(0, Number(d["away_ms"] ?? 0)) / 1000)) });
    case "transport.changed":
      return e(d["connected"] === true ? "transport.made" : h.code);
    case "state.changed": {
      const to = String(d["to"]);
      return e(h.code, { state: to === "Waiting" ? say("audit.e.state.waiting") : (all[`log.state.${to}`] ?? text(to)) });
    }
    case "session.ended":
      return e(h.code, { why: all[`audit.end.${String(d["reason"])}`] ?? "" }).trim();
    case "agent.removed":
      return d["complete"] === false ? e("removed_partly", { left: (Array.isArray(d["left"]) ? d["left"] : []).map(text).join(", ") }) : e(h.code);
    case "session.rated": {
      const rated = e(h.code);
      return values["words"] ? e("rated_words", { rated }) : rated;
    }
  }
  if (h.track === Track.chat && values["text"]) {
    const name = d["side"] === "customer" ? say("audit.js.chat_customer") : (values["from"] ?? values["name"] ?? "");
    return e("chat", { name, text: values["text"] });
  }
  if (all[`audit.e.${h.code}`] !== undefined || all[`log.e.${h.code}`] !== undefined) return e(h.code);
  return say("log.e.unknown", { code: text(h.code) });
}
