// Fetches one file. What came of it stays, so that the rest can come later.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Transfer } from "../protocol";
import { type Exchange, Stopped } from "./exchange";
import type { Told } from "./send";

/** How much is kept in memory before the browser may put it elsewhere, in bytes. */
const block = 1 << 20;
/** How much is acknowledged together, in bytes. */
const ackStep = 64 << 10;

/** Fetched is what came of a file. */
export class Fetched {
  size = -1; // not known yet
  at = 0;
  #hash = sha256.create();
  #parts: Blob[] = [];
  #loose: Uint8Array<ArrayBuffer>[] = [];
  #held = 0;

  add(content: Uint8Array<ArrayBuffer>): void {
    this.#hash.update(content);
    this.#loose.push(content);
    this.at += content.length;
    this.#held += content.length;
    if (this.#held >= block) this.#settle();
  }

  /** hash is that of what came. */
  hash(): string {
    return bytesToHex(this.#hash.clone().digest());
  }

  restart(): void {
    this.#hash = sha256.create();
    this.#parts = [];
    this.#loose = [];
    this.at = this.#held = 0;
  }

  blob(): Blob {
    this.#settle();
    return new Blob(this.#parts, { type: "application/octet-stream" });
  }

  #settle(): void {
    if (this.#held > 0) this.#parts.push(new Blob(this.#loose));
    this.#loose = [];
    this.#held = 0;
  }
}

/** fetch fetches a file, or the rest of it. It rejects with Stopped. */
export function fetch(exchange: Exchange, path: string, got: Fetched, told: Told): Promise<void> {
  return new Promise((resolve, reject) => {
    let over = false;
    let acked = got.at;
    const end = (then: () => void) => {
      if (over) return;
      over = true;
      exchange.forget(id);
      then();
    };
    const cancel = (why: Stopped["why"], keep: boolean) =>
      end(() => {
        exchange.say({ kind: "cancel", id, ...(keep ? { keep } : {}) });
        reject(new Stopped(why));
      });
    const whole = (m: Transfer) => {
      if (got.at !== (m.size ?? 0) || got.hash() !== m.hash) {
        got.restart();
        cancel("hash", false);
        return;
      }
      end(() => {
        if (exchange.say({ kind: "done", id, hash: got.hash() })) resolve();
        else reject(new Stopped("away"));
      });
    };
    const id = exchange.ask(
      { kind: "get", path, ...(got.at === 0 ? {} : { at: got.at, hash: got.hash() }) },
      {
        said(m) {
          if (m.kind === "ready") {
            if ((m.at ?? 0) !== got.at) got.restart();
            got.size = m.size ?? 0;
            acked = got.at;
            told.moved(got.at);
          } else if (m.kind === "end") whole(m);
          else if (m.kind === "failed") end(() => reject(new Stopped(m.cause ?? "failed")));
        },
        part(at, content) {
          if (over) return;
          if (at !== got.at || at + content.length > got.size) {
            cancel("failed", false);
            return;
          }
          got.add(content);
          told.moved(got.at);
          if (got.at - acked < ackStep && got.at !== got.size) return;
          acked = got.at;
          exchange.say({ kind: "ack", id, at: acked });
        },
      },
    );
    if (id === 0) {
      over = true;
      reject(new Stopped("away"));
      return;
    }
    told.stop = (keep) => cancel("cancelled", keep);
  });
}

/** save gives a file to the person as a download of the browser's. */
export function save(name: string, blob: Blob): void {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(blob);
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 60_000); // the browser reads it a moment later
}
