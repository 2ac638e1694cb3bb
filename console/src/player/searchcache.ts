// What was decrypted for the search, kept encrypted in this browser, so that coming back
// to the page does not read everything again. Its key needs the auditor's key and the
// server's salt, which ends with the stated search: what is left behind opens no more.

import { type Bytes, utf8 } from "../crypto/bytes";
import { ephemeral, expand32, hmac } from "../crypto/hpke";
import type { Identity } from "./identity";
import type { Words } from "./summary";

const database = "consento-search";

/** A session as it is kept. */
export interface Kept {
  readonly id: string;
  readonly parts: number;
  readonly words: Words | null; // null: there is nothing to search by
}

interface Head {
  point: Bytes; // public half of a key whose private half nobody has
  identity: string;
  check: Bytes; // tells whether the key is right
}

interface Chunk {
  iv: Bytes;
  body: Bytes;
}

const done = <T>(r: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    r.addEventListener("success", () => resolve(r.result));
    r.addEventListener("error", () => reject(r.error ?? new Error("IndexedDB")));
  });

const info = "consento-search-cache/v1";

/** forget deletes what is kept in this browser. */
export function forget(): Promise<void> {
  return new Promise((resolve) => {
    const r = indexedDB.deleteDatabase(database);
    for (const event of ["success", "error", "blocked"]) r.addEventListener(event, () => resolve());
  });
}

async function secretOf(identity: Identity, point: Bytes, salt: Bytes): Promise<{ key: CryptoKey; check: Bytes }> {
  const secret = await hmac(salt, await identity.decapsulate(point));
  const raw = await expand32(secret, utf8(`${info} key`));
  return { key: await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]), check: await expand32(secret, utf8(`${info} check`)) };
}

/** A Cache without a database (a private window, a full disk) keeps nothing. */
export class Cache {
  readonly #db: IDBDatabase | null;
  readonly #key: CryptoKey | null;

  private constructor(db: IDBDatabase | null, key: CryptoKey | null) {
    this.#db = db;
    this.#key = key;
  }

  /** open opens what was kept for this key and salt; anything else is deleted. */
  static async open(identity: Identity, salt: Bytes): Promise<Cache> {
    try {
      let db = await Cache.#database();
      const head = (await done(db.transaction("head").objectStore("head").get("head"))) as Head | undefined;
      if (head !== undefined && head.identity === identity.id) {
        const { key, check } = await secretOf(identity, head.point, salt);
        if (check.every((b, i) => b === head.check[i])) return new Cache(db, key);
      }
      if (head !== undefined) {
        db.close();
        await forget();
        db = await Cache.#database();
      }
      const { point } = await ephemeral();
      const { key, check } = await secretOf(identity, point, salt);
      await done(db.transaction("head", "readwrite").objectStore("head").put({ point, identity: identity.id, check } satisfies Head, "head"));
      return new Cache(db, key);
    } catch {
      return new Cache(null, null);
    }
  }

  static #database(): Promise<IDBDatabase> {
    const r = indexedDB.open(database, 1);
    r.addEventListener("upgradeneeded", () => {
      r.result.createObjectStore("head");
      r.result.createObjectStore("chunks", { autoIncrement: true });
    });
    return done(r).then((db) => {
      db.addEventListener("versionchange", () => db.close()); // it is to be deleted
      return db;
    });
  }

  /** all is what is kept; what does not open is left out. */
  async all(): Promise<Kept[]> {
    if (this.#db === null || this.#key === null) return [];
    const kept: Kept[] = [];
    try {
      const chunks = (await done(this.#db.transaction("chunks").objectStore("chunks").getAll())) as Chunk[];
      for (const c of chunks) {
        const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: c.iv, additionalData: utf8(info) }, this.#key, c.body);
        kept.push(...(JSON.parse(new TextDecoder().decode(plain)) as Kept[]));
      }
    } catch {
      // It is read from the server again.
    }
    return kept;
  }

  /** keep adds some; where that fails they are read again the next time. */
  async keep(some: readonly Kept[]): Promise<void> {
    if (this.#db === null || this.#key === null || some.length === 0) return;
    try {
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const body = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: utf8(info) }, this.#key, utf8(JSON.stringify(some))));
      await done(this.#db.transaction("chunks", "readwrite").objectStore("chunks").add({ iv, body } satisfies Chunk));
    } catch {
      // A full disk, or it was deleted in another window.
    }
  }

  close(): void {
    this.#db?.close();
  }
}
