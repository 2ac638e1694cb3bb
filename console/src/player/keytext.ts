// Keys as text, and on paper (recordings/FORMAT.md, Keys as text).

import { base32, type Bytes, concat, equal, hex, unbase32, utf8 } from "../crypto/bytes";
import { Problem } from "./problem";

/** Kinds of keys, by the number of their KEM: name, length of the public and of the private half, of what encapsulates, in bytes. */
export const Kem = { p256: 0x0010, hybrid: 0x0050 } as const;

const sizes: Record<number, { publicKey: number; privateKey: number }> = {
  [Kem.p256]: { publicKey: 65, privateKey: 32 },
  [Kem.hybrid]: { publicKey: 1184 + 65, privateKey: 32 },
};

/** A key with its kind. */
export interface Key {
  readonly kem: number;
  readonly bytes: Bytes;
}

const identityPrefix = "CONSENTO-IDENTITY-1";
const recipientPrefix = "consento-recipient-1";

export const sha256 = async (b: Bytes): Promise<Bytes> => new Uint8Array(await crypto.subtle.digest("SHA-256", b));

/** keyId is the short name of a public key in key bags. */
export const keyId = async (publicKey: Bytes): Promise<string> => hex((await sha256(publicKey)).slice(0, 8));

async function write(prefix: string, key: Key): Promise<string> {
  const body = concat(Uint8Array.of(key.kem >> 8, key.kem & 255), key.bytes);
  const sum = await sha256(concat(utf8(prefix), body));
  return base32(concat(body, sum.slice(0, 4)));
}

async function read(prefix: string, text: string, size: "publicKey" | "privateKey"): Promise<Key | null> {
  const b = text.length <= 2048 ? unbase32(text) : null;
  if (b === null || b.length < 2 + 4 + 1) return null;
  const key = { kem: ((b[0] ?? 0) << 8) | (b[1] ?? 0), bytes: b.slice(2, -4) };
  if (sizes[key.kem]?.[size] !== key.bytes.length || !equal(utf8(await write(prefix, key)), utf8(text))) return null;
  return key;
}

/** recipientText is a public key as text. */
export const recipientText = async (key: Key): Promise<string> => recipientPrefix + (await write(recipientPrefix, key)).toLowerCase();

/** readRecipient is its reverse: a Problem for any other spelling. */
export async function readRecipient(text: string): Promise<Key> {
  const key = text.startsWith(recipientPrefix) && text === text.toLowerCase() ? await read(recipientPrefix, text.slice(recipientPrefix.length).toUpperCase(), "publicKey") : null;
  if (key === null) throw new Problem("no_recipient");
  return key;
}

/** readIdentity reads the text of a private key. */
export async function readIdentity(text: string): Promise<Key> {
  const key = text.startsWith(identityPrefix) ? await read(identityPrefix, text.slice(identityPrefix.length), "privateKey") : null;
  if (key === null) throw new Problem("no_identity");
  return key;
}

const lineLength = 16;
const groupLength = 4;

/** check is the first ten bits of SHA-256 over number and characters of a line. */
async function check(n: number, row: string): Promise<string> {
  return base32((await sha256(utf8(`consento-sheet/v1 ${n} ${row}`))).slice(0, 2)).slice(0, 2);
}

/** sheetLines is a private key as lines to print. */
export async function sheetLines(key: Key): Promise<string[]> {
  const text = await write(identityPrefix, key);
  const lines: string[] = [];
  for (let n = 1; (n - 1) * lineLength < text.length; n++) {
    const row = text.slice((n - 1) * lineLength, n * lineLength);
    const groups = (row.match(new RegExp(`.{1,${groupLength}}`, "g")) ?? []).map((g) => `${g} `).join("");
    lines.push(`${n}  ${groups.padEnd(20)} ${await check(n, row)}`);
  }
  return lines;
}

/** Characters that a sheet does not have are read as those that they look like. */
const alike = (text: string) => text.replaceAll("0", "O").replaceAll("1", "I").replaceAll("8", "B");

/**
 * readSheet reads what somebody typed from a sheet: lines that begin with their
 * number; others are passed over. A Problem names the line that is wrong.
 */
export async function readSheet(typed: string): Promise<Key> {
  let text = "";
  let n = 0;
  for (const raw of typed.split("\n")) {
    const line = raw.trim().split(/\s+/).join(" ").toUpperCase();
    if (!/^[0-9]/.test(line)) continue;
    n++;
    const [number = "", ...rest] = line.split(" ");
    const m = /^([A-Z2-7 ]+) +([A-Z2-7]{2})$/.exec(alike(rest.join(" ")));
    const row = m?.[1]?.replaceAll(" ", "") ?? "";
    if (m === null || number.replace(/[.:)]$/, "") !== String(n) || row.length > lineLength || (await check(n, row)) !== m[2]) throw new Problem("sheet_line", { line: String(n) });
    text += row;
  }
  if (n === 0) throw new Problem("no_sheet");
  try {
    return await readIdentity(identityPrefix + text);
  } catch {
    throw new Problem("sheet_cut");
  }
}

/**
 * typedBack compares one line that somebody typed with that of the sheet: null when
 * it is the same, else the number of the first group that differs, the check
 * characters being the last.
 */
export function typedBack(line: string, typed: string): number | null {
  const plain = (text: string) => alike(text.trim().toUpperCase().replace(/^\d{1,2}[.:)]?\s+/, "").replace(/\s+/g, ""));
  const [want, got] = [plain(line), plain(typed)];
  if (want === got) return null;
  let at = 0;
  while (want[at] === got[at]) at++;
  const row = want.length - 2;
  return at >= row ? Math.ceil(row / groupLength) + 1 : Math.floor(at / groupLength) + 1;
}
