// Signing in to a device of the customer's network: its key first, then what it asks
// for. What the technician enters leaves this window only sealed to the agent.

import { signal } from "@preact/signals";
import { base64, concat, unbase64, utf8 } from "../crypto/bytes";
import { encapsulate, exported } from "../crypto/hpke";
import { type Device, type LoginMethod, maxSealed, minTrustWords, type Terminal } from "../protocol";

/** What a technician entered: a password or an answer, or a private key. */
export type Entered = { text: string } | { key: string; passphrase: string };

/** Its length says nothing of the password's. */
const padding = 512;

const kem = 0x0010; // DHKEM(P-256, HKDF-SHA256)

/** seal encrypts for the agent: see PROTOCOL.md, Data channel shell. */
async function seal(to: string, info: string, entered: Entered): Promise<string> {
  const key = unbase64(to);
  if (key === null) throw new Error("no key to seal to");
  const { enc, shared } = await encapsulate(key);
  const secret = await exported(kem, shared, utf8(info), "credential");
  const aes = await crypto.subtle.importKey("raw", secret, "AES-GCM", false, ["encrypt"]);
  secret.fill(0);
  const plain = utf8(JSON.stringify(entered));
  const padded = new Uint8Array(Math.ceil((plain.length + 1) / padding) * padding).fill(0x20);
  padded.set(plain);
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, aes, padded));
  plain.fill(0);
  padded.fill(0);
  return base64(concat(enc, sealed));
}

/** addressOf writes host and port as one text. */
export const addressOf = (d: Device) => `${d.host.includes(":") ? `[${d.host}]` : d.host}:${d.port}`;

/** deviceOf reads what was typed as a device's address; null if it is none. The broker looks closer. */
export function deviceOf(address: string, user: string, old: boolean): Device | null {
  const m = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+)|([0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*))(?::(\d{1,5}))?$/i.exec(address.trim());
  if (m === null) return null;
  const host = m[1] ?? m[2] ?? m[3] ?? "";
  const port = Number(m[4] ?? 22);
  if (port < 1 || port > 65_535 || !/^[0-9a-z_.:-]{1,253}$/i.test(host) || user.trim() === "" || user.trim().length > 64) return null;
  return { host, port, user: user.trim(), ...(old ? { old } : {}) };
}

/** What is said to the agent, but for epoch and run. */
type Say = (m: Omit<Terminal, "epoch" | "run">) => boolean;

export class Login {
  /** What the device says it is; null before. */
  readonly key = signal<Terminal | null>(null);
  readonly trusted = signal(false);
  /** What it asks for; null while nothing is. */
  readonly prompt = signal<Terminal | null>(null);
  readonly #say: Say;
  readonly #info: (ask: number, key: string) => string;

  constructor(say: Say, info: (ask: number, key: string) => string) {
    this.#say = say;
    this.#info = info;
  }

  clear(): void {
    this.key.value = this.prompt.value = null;
    this.trusted.value = false;
  }

  /** take takes what the agent says. */
  take(m: Terminal): void {
    if (m.kind === "hostkey") {
      if (this.key.peek()?.key !== m.key) this.trusted.value = false;
      this.key.value = m;
      return;
    }
    this.trusted.value = true;
    this.prompt.value = m;
  }

  /** trust goes on with the key that is shown; false if words are lacking, or it cannot be said now. */
  trust(method: LoginMethod, words: string): boolean {
    const key = this.key.peek();
    const text = words.trim();
    if (key?.key === undefined || (key.known === "changed" && [...text].length < minTrustWords)) return false;
    return (this.trusted.value = this.#say({ kind: "trust", key: key.key, method, ...(text === "" ? {} : { text }) }));
  }

  /** answer seals what was entered and sends it; false if it is too long, or cannot be sent now. */
  async answer(entered: Entered): Promise<boolean> {
    const [key, prompt] = [this.key.peek(), this.prompt.peek()];
    if (key?.key === undefined || key.seal === undefined || prompt?.ask === undefined) return false;
    const sealed = await seal(key.seal, this.#info(prompt.ask, key.key), entered);
    if (sealed.length > maxSealed || this.prompt.peek() !== prompt || !this.#say({ kind: "secret", ask: prompt.ask, sealed })) return false;
    this.prompt.value = null;
    return true;
  }
}

/** sealInfo is what a credential is sealed for; protocol.SealInfo is the same. */
export const sealInfo = (session: string, epoch: number, run: number, ask: number, d: Device, key: string) =>
  ["consento ssh v1", session, epoch, run, ask, addressOf(d), d.user, key].join("\n");
