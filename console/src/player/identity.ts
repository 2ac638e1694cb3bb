// An auditor's key pair: made here, read from a file, wrapped under a passphrase.

import { base32, base64, type Bytes, concat, equal, hex, unbase32, unbase64, utf8 } from "./bytes";
import { Problem } from "./problem";

const curve = { name: "ECDH", namedCurve: "P-256" } as const;
const kem = Uint8Array.of(0x00, 0x10);
const rounds = 600_000;

/** An Identity opens what was encrypted for its public half. */
export interface Identity {
  /** The first 8 bytes of SHA-256 over the public key, as in key bags. */
  readonly id: string;
  readonly publicKey: Bytes; // 65 bytes
  readonly privateKey: CryptoKey; // derives only, and cannot be taken out
}

/** A Pair can still be taken out, to be wrapped. */
interface Pair {
  publicKey: Bytes;
  pkcs8: Bytes;
}

const sha256 = async (b: Bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", b));

/** makePair draws a new key pair. */
export async function makePair(): Promise<Pair> {
  const pair = await crypto.subtle.generateKey(curve, true, ["deriveBits"]);
  return {
    publicKey: new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)),
    pkcs8: new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey)),
  };
}

// PKCS #8 (RFC 5958) of a bare P-256 key (RFC 5915), without its public half.
const bare = Uint8Array.of(
  0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
  0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20,
);

/** readPair reads the identity file of `consento-verify keygen`. */
export async function readPair(file: string): Promise<Pair> {
  const prefix = "CONSENTO-IDENTITY-1";
  const lines = file.split(/\r?\n/).map((l) => l.trim()).filter((l) => l !== "" && !l.startsWith("#"));
  const line = lines[0];
  if (lines.length !== 1 || line === undefined || !line.startsWith(prefix) || line.length > 256) throw new Problem("no_identity");
  const b = unbase32(line.slice(prefix.length));
  if (b === null || b.length !== 2 + 32 + 4 || !equal(b.slice(0, 2), kem)) throw new Problem("no_identity");
  const sum = await sha256(concat(utf8(prefix), b.slice(0, 34)));
  if (!equal(sum.slice(0, 4), b.slice(34)) || prefix + base32(b) !== line) throw new Problem("no_identity");
  try {
    const key = await crypto.subtle.importKey("pkcs8", concat(bare, b.slice(2, 34)), curve, true, ["deriveBits"]);
    return { pkcs8: new Uint8Array(await crypto.subtle.exportKey("pkcs8", key)), publicKey: await publicOf(key) };
  } catch {
    throw new Problem("no_identity");
  }
}

async function publicOf(key: CryptoKey): Promise<Bytes> {
  const { x, y } = await crypto.subtle.exportKey("jwk", key);
  const part = (text = "") => unbase64(text.replaceAll("-", "+").replaceAll("_", "/")) ?? new Uint8Array(0);
  return concat(Uint8Array.of(4), part(x), part(y));
}

/** lockPair makes of a pair what opens and cannot be taken out. */
export async function lockPair(pair: Pair): Promise<Identity> {
  const privateKey = await crypto.subtle.importKey("pkcs8", pair.pkcs8, curve, false, ["deriveBits"]);
  return { id: hex((await sha256(pair.publicKey)).slice(0, 8)), publicKey: pair.publicKey, privateKey };
}

/** recipientText is the public half as text (recordings/FORMAT.md, Keys as text). */
export async function recipientText(publicKey: Bytes): Promise<string> {
  const prefix = "consento-recipient-1";
  const sum = await sha256(concat(utf8(prefix), kem, publicKey));
  return prefix + base32(concat(kem, publicKey, sum.slice(0, 4))).toLowerCase();
}

async function passphraseKey(passphrase: string, salt: Bytes, times: number, use: "encrypt" | "decrypt"): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", utf8(passphrase.normalize("NFKC")), "PBKDF2", false, ["deriveKey"]);
  return crypto.subtle.deriveKey({ name: "PBKDF2", hash: "SHA-256", salt, iterations: times }, base, { name: "AES-GCM", length: 256 }, false, [use]);
}

/** wrapPair locks the private half under a passphrase, as the server keeps it. */
export async function wrapPair(pair: Pair, passphrase: string): Promise<string> {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const key = await passphraseKey(passphrase, salt, rounds, "encrypt");
  const body = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, pair.pkcs8));
  return JSON.stringify({ v: 1, kdf: "PBKDF2-SHA256", rounds, salt: base64(salt), nonce: base64(nonce), body: base64(body) });
}

/** unwrapPair is the reverse: a Problem for a wrong passphrase. */
export async function unwrapPair(wrapped: string, passphrase: string): Promise<Pair> {
  const w = JSON.parse(wrapped) as { v: number; kdf: string; rounds: number; salt: string; nonce: string; body: string };
  const [salt, nonce, body] = [unbase64(w.salt), unbase64(w.nonce), unbase64(w.body)];
  if (w.v !== 1 || w.kdf !== "PBKDF2-SHA256" || salt === null || nonce === null || body === null) throw new Problem("no_identity");
  const key = await passphraseKey(passphrase, salt, w.rounds, "decrypt");
  let pkcs8: Bytes;
  try {
    pkcs8 = new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce }, key, body));
  } catch {
    throw new Problem("wrong_passphrase");
  }
  const taken = await crypto.subtle.importKey("pkcs8", pkcs8, curve, true, ["deriveBits"]);
  return { pkcs8, publicKey: await publicOf(taken) };
}
