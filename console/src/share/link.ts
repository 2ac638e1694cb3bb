// The WebSocket on which this page is the session's agent: envelopes, and answers
// by reference. See package protocol for the messages.

import { Pulse } from "../pulse";
import { currentVersion, type Envelope, type ErrorCode, maxMessage, type Messages, subprotocolAgent } from "../protocol";

/** A message that came, with the body that its type promises. */
export type Incoming = { [T in keyof Messages]: { type: T; ref: number; body: Messages[T] } }[keyof Messages];

/** Why a request failed: the broker's code, or that no answer came. */
export class Refused extends Error {
  readonly code: ErrorCode | "offline";
  constructor(code: Refused["code"]) {
    super(code);
    this.code = code;
  }
}

const answerTimeout = 15_000;

interface Waiter {
  resolve(m: Incoming): void;
  reject(e: Refused): void;
}

/** One connection. It is made once; after its end another Link is made. */
export class Link {
  /** lost is called once, when an open connection ended that was not closed here. */
  lost: () => void = () => undefined;
  readonly #receive: (m: Incoming) => void;
  readonly #socket: WebSocket;
  readonly #opened: Promise<void>;
  readonly #patience: number;
  readonly #waiting = new Map<number, Waiter>();
  readonly #pulse = new Pulse(() => this.request("ping", {}), () => this.#giveUp());
  #ended: () => void = () => undefined; // once
  #lastID = 0;
  #closed = false; // here
  #over = false; // nothing comes any more

  /** receive gets every message of a known form that answers no request. patience is how long an answer may take, in ms. */
  constructor(url: string, receive: (m: Incoming) => void, patience = answerTimeout, subprotocol: string = subprotocolAgent) {
    this.#receive = receive;
    this.#patience = patience;
    const socket = new WebSocket(url, subprotocol);
    this.#socket = socket;
    let opened = false;
    this.#opened = new Promise((resolve, reject) => {
      socket.onopen = () => {
        opened = true;
        resolve();
      };
      this.#ended = () => {
        if (this.#over) return;
        this.#over = true;
        this.#pulse.stop();
        reject(new Refused("offline"));
        for (const w of this.#waiting.values()) w.reject(new Refused("offline"));
        this.#waiting.clear();
        if (opened && !this.#closed) this.lost();
      };
      socket.onclose = () => this.#ended();
    });
    this.#opened.catch(() => undefined); // whoever waits for it is told
    socket.onmessage = (e) => this.#read(e.data);
  }

  /** keep notices from now on when the broker does not answer any more. */
  keep(): void {
    this.#pulse.start();
  }

  /** probe looks at once whether it still does. */
  probe(): void {
    this.#pulse.probe();
  }

  /** send returns the message's id, or 0 when there is no connection. */
  send<T extends keyof Messages>(type: T, body: Messages[T]): number {
    if (this.#over || this.#socket.readyState !== WebSocket.OPEN) return 0;
    const id = ++this.#lastID;
    const envelope: Envelope = { v: currentVersion.major, type, id, body };
    this.#socket.send(JSON.stringify(envelope));
    return id;
  }

  /** request sends a message once there is a connection, and waits for its answer. It rejects with Refused. */
  async request<T extends keyof Messages>(type: T, body: Messages[T]): Promise<Incoming> {
    const patience = setTimeout(() => this.#giveUp(), this.#patience); // a network that says nothing
    try {
      await this.#opened;
      const id = this.send(type, body);
      if (id === 0) throw new Refused("offline");
      return await new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    } finally {
      clearTimeout(patience);
    }
  }

  /** close ends the connection and resolves when it is closed, or a moment later. */
  close(): Promise<void> {
    this.#closed = true;
    this.#pulse.stop();
    return new Promise((resolve) => {
      if (this.#socket.readyState === WebSocket.CLOSED) return resolve();
      this.#socket.addEventListener("close", () => resolve());
      setTimeout(resolve, 1000);
      this.#socket.close();
    });
  }

  /** #giveUp does not wait for the end of a connection on which nothing comes: that takes minutes. */
  #giveUp(): void {
    this.#socket.close();
    this.#ended();
  }

  #read(data: unknown): void {
    if (this.#closed || this.#over || typeof data !== "string" || data.length > maxMessage) return;
    const m = parse(data);
    if (m === null) return;
    const waiter = this.#waiting.get(m.ref);
    if (waiter === undefined) return this.#receive(m);
    this.#waiting.delete(m.ref);
    if (m.type === "error") waiter.reject(new Refused(m.body.code));
    else waiter.resolve(m);
  }
}

type Fields = Record<string, unknown>;

const object = (v: unknown): v is Fields => typeof v === "object" && v !== null;
const text = (v: unknown): v is string => typeof v === "string";

const chatLine = (v: unknown) =>
  object(v) && typeof v["n"] === "number" && text(v["from"]) && text(v["text"]) && text(v["key"]) && text(v["at"]) && !Number.isNaN(Date.parse(v["at"]));

/** parse reads an envelope and its body; null for anything malformed. */
function parse(data: string): Incoming | null {
  let e: unknown;
  try {
    e = JSON.parse(data);
  } catch {
    return null;
  }
  if (!object(e)) return null;
  const { type, ref = 0, body = {} } = e as Partial<Envelope>;
  if (!text(type) || typeof ref !== "number" || !object(body)) return null;
  const m = { type, ref, body: body as unknown } as Incoming;
  return wellFormed(m.type, body) ? m : null;
}

/** wellFormed looks at what this page reads; the broker validates what it sends. */
function wellFormed(type: string, body: Fields): boolean {
  switch (type) {
    case "joined":
      return text(body["session"]) && text(body["resume"]) && object(body["terms"]) && text(body["terms"]["version"]) && text(body["terms"]["text"]);
    case "resumed":
      return body["consents"] === null || Array.isArray(body["consents"]);
    case "consent_ask":
    case "consent_recorded":
      return text(body["permission"]) && typeof body["epoch"] === "number";
    case "guest_ask":
      return object(body["guest"]) && typeof body["guest"]["epoch"] === "number" && ["name", "team", "way"].every((k) => text((body["guest"] as Fields)[k]));
    case "handed_over":
      return typeof body["epoch"] === "number" && object(body["technician"]) && text(body["technician"]["name"]) && object(body["former"]) && typeof body["former"]["epoch"] === "number";
    case "welcome":
      return body["sessions"] === null || (Array.isArray(body["sessions"]) && body["sessions"].every((s) => object(s) && text(s["id"]) && text(s["state"])));
    case "session_changed":
      return object(body["session"]) && text(body["session"]["id"]) && text(body["session"]["state"]);
    case "guest_recorded":
    case "guest_ended":
      return typeof body["epoch"] === "number";
    case "chat":
      return typeof body["allowed"] === "boolean" && (body["lines"] == null || (Array.isArray(body["lines"]) && body["lines"].every(chatLine)));
    case "chat_said":
      return text(body["key"]);
    case "answer":
      return text(body["sdp"]);
    case "error":
      return text(body["code"]);
    default:
      return true;
  }
}
