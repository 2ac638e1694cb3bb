// The recording's server: bytes by range, the index, chosen tracks, the key bag.

import type { Bytes } from "../crypto/bytes";
import { Problem } from "./problem";

export class Server {
  readonly #base: string;

  /** base is the address below which the recording is served, with a slash at its end. */
  constructor(base: string) {
    this.#base = base;
  }

  async #get(path: string, range?: [number, number]): Promise<Response> {
    let r: Response;
    try {
      r = await fetch(this.#base + path, range === undefined ? {} : { headers: { Range: `bytes=${range[0]}-${range[1] - 1}` } });
    } catch {
      throw new Problem("network");
    }
    if (r.status === 403) throw new Problem("grant");
    if (r.status === 410) throw new Problem("over");
    if (!r.ok || (range !== undefined && r.status !== 206)) throw new Problem(r.status === 416 ? "malformed" : "network");
    return r;
  }

  async #bytes(path: string, range?: [number, number]): Promise<Bytes> {
    const r = await this.#get(path, range);
    try {
      return new Uint8Array(await r.arrayBuffer());
    } catch {
      throw new Problem("network");
    }
  }

  /** index is the headers of all records. */
  index = (segment: number): Promise<Bytes> => this.#bytes(`index/${segment}`);

  /** records are the whole records of some tracks. */
  records = (segment: number, tracks: number[]): Promise<Bytes> => this.#bytes(`records/${segment}?tracks=${tracks.join(",")}`);

  /** range is the file from one byte up to another. */
  range = (segment: number, from: number, to: number): Promise<Bytes> => this.#bytes(`segments/${segment}`, [from, to]);

  /** keys is what the way to the keys begins with: a key bag or a share, of the log where that is all there is. */
  keys = async (from: "bags" | "shares" | "logs", segment: number): Promise<string> => (await this.#get(`${from}/${segment}`)).text();

  /** forms are what a share has besides keys, encrypted; null where there are none. */
  forms = async (): Promise<string | null> => {
    const r = await fetch(`${this.#base}forms`).catch(() => null);
    if (r === null || (!r.ok && r.status !== 404)) throw new Problem("network");
    return r.ok ? r.text() : null;
  };

  /** log is the customer's log of a segment, sealed. */
  log = async (segment: number): Promise<string> => (await this.#get(`log/${segment}`)).text();

  /** state puts an export on the log before it begins. */
  async state(how: "export", reason: string): Promise<void> {
    let r: Response;
    try {
      r = await fetch(`${this.#base}view`, { method: "POST", body: new URLSearchParams({ how, reason }) });
    } catch {
      throw new Problem("network");
    }
    if (!r.ok) throw new Problem(r.status === 403 ? "grant" : "network");
  }
}
