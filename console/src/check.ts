// What is looked at before a message is believed: enough that nothing in the
// page can trip over it. The broker validates what it sends; this holds for a
// broker of another version, and for mistakes.

import { type Clip, maxClipImage, type Messages, type Terminal, type Transfer } from "./protocol";

/** A message that came, with the body that its type promises. */
export type Incoming = { [T in keyof Messages]: { type: T; ref: number; body: Messages[T] } }[keyof Messages];

type Fields = Record<string, unknown>;

const object = (v: unknown): v is Fields => typeof v === "object" && v !== null;
const text = (v: unknown): v is string => typeof v === "string";
const list = (v: unknown, of: (item: unknown) => boolean) => v === null || v === undefined || (Array.isArray(v) && v.every(of));

const person = (v: unknown) => object(v) && text(v["name"]);
const consent = (v: unknown) => object(v) && text(v["permission"]) && text(v["state"]);

const guest = (v: unknown) => object(v) && typeof v["epoch"] === "number" && text(v["name"]) && text(v["team"]) && text(v["way"]) && text(v["state"]);
const offering = (v: unknown) => object(v) && text(v["team"]) && text(v["by"]);
const colleague = (v: unknown) => object(v) && ["id", "name", "team", "level"].every((k) => text(v[k]));
const count = (v: unknown) => typeof v === "number" && v >= 0;
const row = (v: unknown) => object(v) && text(v["key"]) && list(v["cells"], text);
const still = (v: unknown) => object(v) && count(v["n"]) && date(v["at"]);
const chatLine = (v: unknown) => object(v) && typeof v["n"] === "number" && text(v["from"]) && text(v["text"]) && text(v["key"]) && date(v["at"]);

function session(v: unknown): boolean {
  return (
    object(v) && text(v["id"]) && text(v["state"]) && person(v["technician"]) && date(v["issued_at"]) && date(v["key_expires"]) &&
    list(v["consents"], consent) && list(v["steps"], text) && list(v["viewers"], text) &&
    list(v["tools"], text) && list(v["stills"], still) && list(v["guests"], guest) && list(v["may"], text) && (v["offer"] === undefined || offering(v["offer"])) &&
    (v["ticket"] === undefined || v["ticket"] === null || (object(v["ticket"]) && text(v["ticket"]["id"]) && text(v["ticket"]["ref"])))
  );
}

const ticket = (v: unknown) => object(v) && text(v["id"]) && text(v["ref"]) && text(v["title"]) && text(v["state"]) && text(v["team"]) && text(v["level"]) && typeof v["version"] === "number" && typeof v["turn"] === "number" && date(v["created"]);
const entry = (v: unknown) => object(v) && typeof v["n"] === "number" && date(v["at"]) && text(v["kind"]);
const choice = (v: unknown) => object(v) && text(v["id"]) && text(v["name"]);
const linked = (v: unknown) => object(v) && text(v["id"]) && text(v["by"]) && date(v["started"]);

function shownTicket(v: Fields): boolean {
  const choices = v["choices"];
  const work = v["work"];
  return ticket(v["ticket"]) && list(v["history"], entry) && list(v["acts"], text) && list(v["sessions"], linked) && object(work) && list(work["steps"], text) && (work["after"] === undefined || count(work["after"])) &&
    object(choices) && ["categories", "teams", "colleagues"].every((k) => list(choices[k], choice));
}

function date(v: unknown): boolean {
  return text(v) && !Number.isNaN(Date.parse(v));
}

/** wellFormed tells whether a message the console knows has the form that its type promises. */
export function wellFormed(m: Incoming): boolean {
  const body: unknown = m.body;
  if (!object(body)) return false;
  switch (m.type) {
    case "hello":
      return object(body["version"]);
    case "welcome":
      return person(body["account"]) && date(body["now"]) && list(body["sessions"], session);
    case "session_changed":
      return session(body["session"]) && (body["now"] === undefined || date(body["now"]));
    case "session_issued":
      return session(body["session"]) && text(body["key"]) && text(body["url"]) && text(body["address"]);
    case "chat":
      return typeof body["allowed"] === "boolean" && list(body["lines"], chatLine);
    case "vendor_invited":
      return text(body["session"]) && text(body["url"]) && date(body["until"]);
    case "colleague_list":
      return list(body["people"], colleague) && list(body["teams"], text);
    case "guest_ended":
      return text(body["session"]) && text(body["cause"]) && count(body["epoch"]);
    case "chat_said":
      return text(body["key"]);
    case "answer":
      return text(body["sdp"]);
    case "system_started":
      return text(body["session"]);
    case "system_part":
      return text(body["session"]) && text(body["section"]) && count(body["snapshot"]) && count(body["part"]) && typeof body["last"] === "boolean" && list(body["rows"], row);
    case "system_changes":
      return text(body["session"]) && count(body["watch"]) && count(body["n"]) && list(body["rows"], row) && list(body["gone"], text);
    case "ticket_list":
      return list(body["tickets"], ticket) && count(body["untaken"]);
    case "ticket_changed":
      return ticket(body["ticket"]);
    case "ticket_shown":
      return shownTicket(body);
    case "ticket_gone":
      return text(body["ticket"]);
    case "ticket_refused":
      return text(body["problem"]);
    case "error":
      return text(body["code"]);
    default:
      return true; // not for a console: passed over
  }
}

/** readTerminal reads a message of a terminal's channel; null if it is none. */
export function readTerminal(data: string): Terminal | null {
  try {
    const m: unknown = JSON.parse(data);
    const count = (v: unknown) => v === undefined || (typeof v === "number" && Number.isSafeInteger(v));
    const ok = object(m) && text(m["kind"]) && typeof m["epoch"] === "number" && ["run", "cols", "rows", "at", "code"].every((k) => count(m[k])) &&
      ["text", "program", "cause", "algorithm", "key", "known", "before", "seal", "method"].every((k) => m[k] === undefined || text(m[k])) && ["ask", "left"].every((k) => count(m[k]));
    return ok ? (m as unknown as Terminal) : null;
  } catch {
    return null;
  }
}

/** readTransfer reads a message about files; null if it is none. */
export function readTransfer(data: string): Transfer | null {
  try {
    const m: unknown = JSON.parse(data);
    const count = (v: unknown) => v === undefined || (typeof v === "number" && Number.isSafeInteger(v) && v >= 0);
    const words = (v: unknown) => v === undefined || text(v);
    const entry = (e: unknown) => object(e) && text(e["name"]) && count(e["size"]) && (e["folder"] === undefined || typeof e["folder"] === "boolean") && (e["modified"] === undefined || typeof e["modified"] === "number");
    const ok = object(m) && text(m["kind"]) && typeof m["epoch"] === "number" && ["id", "size", "at", "count", "left"].every((k) => count(m[k])) &&
      ["path", "hash", "cause"].every((k) => words(m[k])) && (m["entries"] === undefined || (Array.isArray(m["entries"]) && m["entries"].every(entry)));
    return ok ? (m as unknown as Transfer) : null;
  } catch {
    return null;
  }
}

/** readClip reads a message about the clipboard; null if it is none. */
export function readClip(data: string): Clip | null {
  try {
    const m: unknown = JSON.parse(data);
    const small = (v: unknown) => v === undefined || (typeof v === "number" && Number.isSafeInteger(v) && v >= 0 && v <= maxClipImage);
    const ok = object(m) && text(m["kind"]) && typeof m["epoch"] === "number" && typeof m["id"] === "number" && ["size", "at"].every((k) => small(m[k])) &&
      ["type", "hash", "cause"].every((k) => m[k] === undefined || text(m[k]));
    return ok ? (m as unknown as Clip) : null;
  } catch {
    return null;
  }
}

/** readChunk reads a part of a file, or of what is on a clipboard; null if it is none. */
export function readChunk(data: ArrayBuffer): { epoch: number; id: number; at: number; content: Uint8Array<ArrayBuffer> } | null {
  if (data.byteLength <= chunkHeader) return null;
  const view = new DataView(data);
  const at = Number(view.getBigUint64(8));
  return Number.isSafeInteger(at) ? { epoch: view.getUint32(0), id: view.getUint32(4), at, content: new Uint8Array(data, chunkHeader) } : null;
}

/** chunkHeader is the size of what stands before a part's content: epoch, id, at. */
export const chunkHeader = 16;
