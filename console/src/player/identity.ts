// An auditor's key pair: made here, read from a file, wrapped under a passphrase.

import { base64, type Bytes, concat, unbase64, utf8 } from "../crypto/bytes";
import { decapsulate } from "../crypto/hpke";
import { Kem, keyId, readIdentity } from "./keytext";
import { Problem } from "./problem";

const curve = { name: "ECDH", namedCurve: "P-256" } as const;
const rounds = 600_000;

/** An Identity opens what was encrypted for its public half. */
export interface Identity {
  readonly kem: number;
  /** The first 8 bytes of SHA-256 over the public key, as in key bags. */
  readonly id: string;
  readonly encSize: number; // bytes
  /** decapsulate returns the secret that enc brings, and throws for an enc that is none. */
  decapsulate(enc: Bytes): Promise<Bytes>;
}

/** A Pair can still be taken out, to be wrapped. */
export interface Pair {
  readonly publicKey: Bytes; // 65 bytes
  readonly pkcs8: Bytes;
}

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

/** privateFrom makes a private key of its number (32 bytes), which cannot be taken out again; null for one that the curve does not have. */
export async function privateFrom(number: Bytes): Promise<{ privateKey: CryptoKey; point: Bytes } | null> {
  const pkcs8 = concat(bare, number);
  try {
    const point = await publicOf(await crypto.subtle.importKey("pkcs8", pkcs8, curve, true, ["deriveBits"]));
    return { privateKey: await crypto.subtle.importKey("pkcs8", pkcs8, curve, false, ["deriveBits"]), point };
  } catch {
    return null;
  }
}

/** readPair reads the identity file of `consento-verify keygen`. */
export async function readPair(file: string): Promise<Pair> {
  const lines = file.split(/\r?\n/).map((l) => l.trim()).filter((l) => l !== "" && !l.startsWith("#"));
  const key = await readIdentity(lines.length === 1 ? (lines[0] ?? "") : "");
  if (key.kem !== Kem.p256) throw new Problem("no_identity");
  try {
    return await pairOf(key.bytes);
  } catch {
    throw new Problem("no_identity");
  }
}

/** pairOf makes a pair of a private key of 32 bytes; it throws for what is none. */
export async function pairOf(secret: Bytes): Promise<Pair> {
  const key = await crypto.subtle.importKey("pkcs8", concat(bare, secret), curve, true, ["deriveBits"]);
  return { pkcs8: new Uint8Array(await crypto.subtle.exportKey("pkcs8", key)), publicKey: await publicOf(key) };
}

async function publicOf(key: CryptoKey): Promise<Bytes> {
  const { x, y } = await crypto.subtle.exportKey("jwk", key);
  const part = (text = "") => unbase64(text.replaceAll("-", "+").replaceAll("_", "/")) ?? new Uint8Array(0);
  return concat(Uint8Array.of(4), part(x), part(y));
}

/** lockPair makes of a pair what opens and cannot be taken out. */
export async function lockPair(pair: Pair): Promise<Identity> {
  const privateKey = await crypto.subtle.importKey("pkcs8", pair.pkcs8, curve, false, ["deriveBits"]);
  return { kem: Kem.p256, id: await keyId(pair.publicKey), encSize: 65, decapsulate: (enc) => decapsulate(enc, privateKey, pair.publicKey) };
}

async function passphraseKey(passphrase: string, salt: Bytes, times: number, use: "encrypt" | "decrypt"): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", utf8(passphrase.normalize("NFKC")), "PBKDF2", false, ["deriveKey"]);
  return crypto.subtle.deriveKey({ name: "PBKDF2", hash: "SHA-256", salt, iterations: times }, base, { name: "AES-GCM", length: 256 }, false, [use]);
}

/** wrapSecret locks a private key under a passphrase, as the server keeps it. */
export async function wrapSecret(pkcs8: Bytes, passphrase: string): Promise<string> {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const key = await passphraseKey(passphrase, salt, rounds, "encrypt");
  const body = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, pkcs8));
  return JSON.stringify({ v: 1, kdf: "PBKDF2-SHA256", rounds, salt: base64(salt), nonce: base64(nonce), body: base64(body) });
}

/** unwrapSecret is the reverse: a Problem for a wrong passphrase. */
export async function unwrapSecret(wrapped: string, passphrase: string): Promise<Bytes> {
  const w = JSON.parse(wrapped) as { v: number; kdf: string; rounds: number; salt: string; nonce: string; body: string };
  const [salt, nonce, body] = [unbase64(w.salt), unbase64(w.nonce), unbase64(w.body)];
  if (w.v !== 1 || w.kdf !== "PBKDF2-SHA256" || salt === null || nonce === null || body === null) throw new Problem("no_identity");
  const key = await passphraseKey(passphrase, salt, w.rounds, "decrypt");
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce }, key, body));
  } catch {
    throw new Problem("wrong_passphrase");
  }
}

/** unwrapPair takes an auditor's key pair out: a Problem for a wrong passphrase. */
export async function unwrapPair(wrapped: string, passphrase: string): Promise<Pair> {
  return takePair(await unwrapSecret(wrapped, passphrase));
}

/** takePair reads PKCS #8; it throws for what is none. */
export const takePair = async (pkcs8: Bytes): Promise<Pair> => ({ pkcs8, publicKey: await publicOf(await crypto.subtle.importKey("pkcs8", pkcs8, curve, true, ["deriveBits"])) });

const leastPassphrase = 15;

/** passphraseProblem says what keeps a new passphrase, typed twice, from use: the code of its words. */
export function passphraseProblem(passphrase: string, again: string): "short" | "differ" | null {
  if ([...passphrase.normalize("NFKC")].length < leastPassphrase) return "short";
  return passphrase === again ? null : "differ";
}
