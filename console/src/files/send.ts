// Sends one file: what the other side has of it already is not sent again.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Picture } from "../picture";
import { maxChunk, type Transfer, transferAheadMs, transferFirst, transferWindow } from "../protocol";
import { type Exchange, Stopped } from "./exchange";

/** How much of a file is read at once, in bytes. */
const block = 1 << 20;

/** What is told while a file is sent. */
export interface Told {
  moved(bytes: number): void;
  /** stop is set to what ends it, perhaps to go on later. */
  stop: (keep: boolean) => void;
}

/**
 * send sends a file and returns the path that it has there in the end. It rejects with Stopped.
 */
export function send(exchange: Exchange, picture: Picture, file: File, path: string, batch: number, told: Told): Promise<string> {
  return new Promise((resolve, reject) => {
    let over = false;
    let acked = 0;
    let wake: () => void = () => {};
    const end = (then: () => void) => {
      if (over) return;
      over = true;
      exchange.forget(id);
      wake();
      then();
    };
    const run = async (ready: Transfer) => {
      let hash = sha256.create();
      let at = ready.at ?? 0;
      if (at > 0) {
        for (let from = 0; from < at && !over; from += block) hash.update(await read(file, from, Math.min(at, from + block)));
        if (bytesToHex(hash.clone().digest()) !== ready.hash) {
          hash = sha256.create(); // another file: from the start
          at = 0;
        }
      }
      acked = at;
      told.moved(at);
      const ahead = new Pace(at);
      for (let from = at; from < file.size && !over; from += block) {
        const data = await read(file, from, Math.min(file.size, from + block));
        hash.update(data);
        for (let i = 0; i < data.length && !over; ) {
          while (at - acked > ahead.now(acked) - maxChunk && !over) await new Promise<void>((go) => (wake = go));
          if (over) return;
          const content = data.subarray(i, i + maxChunk);
          if (!picture.parcels.part(exchange.epoch.peek(), id, at, content)) throw new Stopped("away");
          i += content.length;
          at += content.length;
        }
      }
      if (!over && !exchange.say({ kind: "end", id, size: file.size, hash: bytesToHex(hash.digest()) })) throw new Stopped("away");
    };
    const id = exchange.ask(
      { kind: "put", path, size: file.size, ...(batch === 0 ? {} : { batch }) },
      {
        said(m) {
          if (m.kind === "ready") {
            run(m).catch((e: unknown) =>
              end(() => {
                exchange.say({ kind: "cancel", id, keep: true });
                reject(e instanceof Stopped ? e : new Stopped("changed")); // the file cannot be read any more
              }),
            );
          } else if (m.kind === "ack") {
            acked = Math.max(acked, m.at ?? 0);
            told.moved(acked);
            wake();
          } else if (m.kind === "done") end(() => resolve(m.path ?? path));
          else if (m.kind === "failed") end(() => reject(new Stopped(m.cause ?? "failed")));
        },
        part() {},
      },
    );
    if (id === 0) {
      over = true;
      reject(new Stopped("away"));
      return;
    }
    told.stop = (keep) =>
      end(() => {
        exchange.say({ kind: "cancel", id, ...(keep ? { keep } : {}) });
        reject(new Stopped("cancelled"));
      });
  });
}

/** How often it is looked what the way carries, in ms. */
const paceInterval = 100;

/** Pace says how much may be on its way: what the way carried lately in transferAheadMs. */
class Pace {
  #window = transferFirst;
  #since = performance.now();
  #acked: number;

  constructor(acked: number) {
    this.#acked = acked;
  }

  now(acked: number): number {
    const passed = performance.now() - this.#since;
    if (passed >= paceInterval) {
      this.#window = Math.min(Math.max(((acked - this.#acked) * transferAheadMs) / passed, transferFirst), transferWindow);
      this.#since += passed;
      this.#acked = acked;
    }
    return this.#window;
  }
}

async function read(file: File, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await file.slice(from, to).arrayBuffer());
}
