// HPKE (RFC 9180) as the key bags use it: base mode, HKDF-SHA256, export-only, on
// WebCrypto. The KEM is DHKEM(P-256, HKDF-SHA256) here; player/hybrid.ts has the other.

import { type Bytes, concat, utf8 } from "./bytes";

const curve = { name: "ECDH", namedCurve: "P-256" } as const;
const kemSuite = concat(utf8("KEM"), Uint8Array.of(0x00, 0x10));
const none: Bytes = new Uint8Array(0);

/** What a sender draws for a public key: the secret that both have, and what the other needs for it. */
export interface Encapsulated {
  readonly shared: Bytes; // 32 bytes
  readonly enc: Bytes;
}

export async function hmac(key: Uint8Array, data: Bytes): Promise<Bytes> {
  // WebCrypto refuses an empty key; HMAC fills it up with zeros all the same (RFC 2104).
  const k = await crypto.subtle.importKey("raw", concat(key.length > 0 ? key : new Uint8Array(32)), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", k, data));
}

/** expand32 is HKDF-Expand (RFC 5869, section 2.3) with SHA-256 for 32 bytes: one block. */
export const expand32 = (key: Uint8Array, info: Uint8Array): Promise<Bytes> => hmac(key, concat(info, Uint8Array.of(1)));

// RFC 9180, section 4.
const labelledExtract = (of: Bytes, salt: Bytes, label: string, ikm: Bytes) => hmac(salt, concat(utf8("HPKE-v1"), of, utf8(label), ikm));
const labelledExpand = (of: Bytes, key: Bytes, label: string, info: Bytes) => expand32(key, concat(Uint8Array.of(0, 32), utf8("HPKE-v1"), of, utf8(label), info));

/** diffie is ECDH over P-256: 32 bytes. It throws for what is no point. */
export async function diffie(privateKey: CryptoKey, point: Bytes): Promise<Bytes> {
  const theirs = await crypto.subtle.importKey("raw", point, curve, false, []);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "ECDH", public: theirs }, privateKey, 256));
}

/** ephemeral draws a key pair for one message: its private half and its point. */
export async function ephemeral(): Promise<{ privateKey: CryptoKey; point: Bytes }> {
  const pair = await crypto.subtle.generateKey(curve, false, ["deriveBits"]);
  return { privateKey: pair.privateKey, point: new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)) };
}

// RFC 9180, section 4.1.
async function extractAndExpand(dh: Bytes, enc: Bytes, publicKey: Bytes): Promise<Bytes> {
  const eae = await labelledExtract(kemSuite, none, "eae_prk", dh);
  return labelledExpand(kemSuite, eae, "shared_secret", concat(enc, publicKey));
}

/** decapsulate returns the secret that enc (65 bytes) brings; it throws for an enc that is no point. */
export const decapsulate = async (enc: Bytes, privateKey: CryptoKey, publicKey: Bytes): Promise<Bytes> => extractAndExpand(await diffie(privateKey, enc), enc, publicKey);

/** encapsulate draws a secret for a public key (65 bytes); it throws for one that is no point. */
export async function encapsulate(publicKey: Bytes): Promise<Encapsulated> {
  const { privateKey, point } = await ephemeral();
  return { enc: point, shared: await extractAndExpand(await diffie(privateKey, publicKey), point, publicKey) };
}

/** exported returns 32 bytes exported from the context of a KEM's shared secret (RFC 9180, sections 5.1 and 5.3). */
export async function exported(kem: number, shared: Bytes, info: Bytes, exporter: string): Promise<Bytes> {
  const suite = concat(utf8("HPKE"), Uint8Array.of(kem >> 8, kem & 255, 0x00, 0x01, 0xff, 0xff));
  const [psk, about] = await Promise.all([labelledExtract(suite, none, "psk_id_hash", none), labelledExtract(suite, none, "info_hash", info)]);
  const secret = await labelledExtract(suite, shared, "secret", none);
  const out = await labelledExpand(suite, secret, "exp", concat(Uint8Array.of(0), psk, about));
  return labelledExpand(suite, out, "sec", utf8(exporter));
}
