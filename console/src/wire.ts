// The console's WebSocket: envelopes, answers by reference, and coming back by
// itself after the connection was lost. See package protocol for the messages.

import { signal } from "@preact/signals";
import { currentVersion, type Envelope, type ErrorCode, maxMessage, type Messages, subprotocolConsole } from "./protocol";
import { type Incoming, wellFormed } from "./check";
import { Pulse } from "./pulse";
import { delay, tryFor } from "./retry";
import { language } from "./text";

/** Why a request failed: the broker's code, or that no answer came. */
export class Refused extends Error {
  readonly code: ErrorCode | "offline" | "timeout";
  constructor(code: Refused["code"]) {
    super(code);
    this.code = code;
  }
}

/** Where the connection stands. */
export type Line =
  | { kind: "connecting" }
  | { kind: "online" }
  | { kind: "lost"; retryAt: number } // milliseconds of performance.now()
  | { kind: "outdated" } // the broker speaks another major version
  | { kind: "forbidden" }; // this person may not use the console (any more)

const answerTimeout = 15_000;
const statusTimeout = 5_000;

interface Waiter {
  resolve(m: Incoming): void;
  reject(e: Refused): void;
  timer: number;
}

export class Wire {
  readonly line = signal<Line>({ kind: "connecting" });
  readonly #url: string;
  readonly #receive: (m: Incoming) => void;
  readonly #signedOut: () => void;
  readonly #waiting = new Map<number, Waiter>();
  #socket: WebSocket | null = null;
  #lastID = 0;
  #attempt = 0;
  #retry = 0;
  readonly #pulse = new Pulse(() => this.request("ping", {}), () => this.#silent(this.#socket));
  #dialled = 0; // when the present socket was made, by performance.now()
  #dialling = 0;
  #took = 0; // until the last connection was of use, in milliseconds; 0 before the first

  /** receive gets every message of a known form; signedOut is called when the broker no longer knows this person. */
  constructor(url: string, receive: (m: Incoming) => void, signedOut: () => void) {
    this.#url = url;
    this.#receive = receive;
    this.#signedOut = signedOut;
    const look = () => {
      this.retryNow();
      this.probe(); // after a sleep, say
    };
    addEventListener("online", look);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());
  }

  connect(): void {
    clearTimeout(this.#retry);
    this.#retry = 0;
    this.line.value = { kind: "connecting" };
    const socket = new WebSocket(this.#url, subprotocolConsole);
    this.#socket = socket;
    this.#lastID = 0;
    this.#dialled = performance.now();
    clearTimeout(this.#dialling);
    this.#dialling = setTimeout(() => this.#silent(socket), tryFor(this.#attempt, this.#took));
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.send("hello", { version: currentVersion, software: "console", system: "", language });
    };
    socket.onmessage = (e) => this.#read(e.data);
    socket.onclose = () => void this.#closed(socket, opened);
  }

  /** retryNow does not wait for the next try, if one is waited for. */
  retryNow(): void {
    if (this.#retry !== 0) this.connect();
  }

  /** answered tells that the broker's welcome came: the connection is of use. */
  answered(): void {
    clearTimeout(this.#dialling);
    this.#took = performance.now() - this.#dialled;
    this.#pulse.start();
    this.#attempt = 0;
    this.line.value = { kind: "online" };
  }

  /** probe looks at once whether the broker still answers: what else goes to it does not get through. */
  probe(): void {
    this.#pulse.probe();
  }

  /** send returns the message's id, or 0 when there is no connection. */
  send<T extends keyof Messages>(type: T, body: Messages[T], ref = 0): number {
    if (this.#socket?.readyState !== WebSocket.OPEN) return 0;
    const id = ++this.#lastID;
    const envelope: Envelope = { v: currentVersion.major, type, id, body };
    if (ref !== 0) envelope.ref = ref;
    this.#socket.send(JSON.stringify(envelope));
    return id;
  }

  /** request sends a message and waits for the one that refers to it. It rejects with Refused. */
  request<T extends keyof Messages>(type: T, body: Messages[T]): Promise<Incoming> {
    const id = this.send(type, body);
    if (id === 0) return Promise.reject(new Refused("offline"));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Refused("timeout"));
      }, answerTimeout);
      this.#waiting.set(id, { resolve, reject, timer });
    });
  }

  #read(data: unknown): void {
    if (typeof data !== "string" || data.length > maxMessage) return;
    const m = parse(data);
    if (m === null) return;
    if (m.type === "hello" && m.body.version.major !== currentVersion.major) return this.#outdated();
    if (m.type === "error" && m.body.code === "version") return this.#outdated();
    const waiter = this.#waiting.get(m.ref);
    if (waiter === undefined) return this.#receive(m);
    this.#waiting.delete(m.ref);
    clearTimeout(waiter.timer);
    if (m.type === "error") return waiter.reject(new Refused(m.body.code));
    this.#receive(m); // before the one who asked goes on
    waiter.resolve(m);
  }

  #outdated(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#quiet();
    this.line.value = { kind: "outdated" };
    socket?.close();
    this.#failAll();
  }

  /** #silent does not wait for the end of a connection on which nothing comes: that takes minutes. */
  #silent(socket: WebSocket | null): void {
    if (socket === null || socket !== this.#socket) return;
    void this.#closed(socket, true);
    socket.close();
  }

  #quiet(): void {
    clearTimeout(this.#dialling);
    this.#pulse.stop();
  }

  async #closed(socket: WebSocket, opened: boolean): Promise<void> {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#quiet();
    this.#failAll();
    const wait = delay(this.#attempt++);
    this.line.value = { kind: "lost", retryAt: performance.now() + wait };
    this.#retry = setTimeout(() => this.connect(), wait);
    if (opened) return;
    // A browser does not say why it got no socket: ask the same address as a page.
    const status = await this.#status();
    if (this.#socket !== null) return; // a new try began meanwhile
    if (status === 401 || status === 403) {
      clearTimeout(this.#retry);
      this.#retry = 0;
      if (status === 401) this.#signedOut();
      else this.line.value = { kind: "forbidden" };
    }
  }

  async #status(): Promise<number> {
    try {
      return (await fetch(this.#url.replace(/^ws/, "http"), { redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(statusTimeout) })).status;
    } catch {
      return 0; // nobody answers
    }
  }

  #failAll(): void {
    for (const w of this.#waiting.values()) {
      clearTimeout(w.timer);
      w.reject(new Refused("offline"));
    }
    this.#waiting.clear();
  }
}

/** parse reads an envelope and its body; null for anything malformed. */
function parse(data: string): Incoming | null {
  let e: unknown;
  try {
    e = JSON.parse(data);
  } catch {
    return null;
  }
  if (typeof e !== "object" || e === null) return null;
  const { type, ref = 0, body = {} } = e as Partial<Envelope>;
  if (typeof type !== "string" || typeof ref !== "number") return null;
  const m = { type, ref, body } as Incoming; // an unknown type meets no case and is passed over
  return wellFormed(m) ? m : null;
}
