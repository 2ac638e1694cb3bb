// HPKE (RFC 9180) as the key bags use it: base mode, DHKEM(P-256, HKDF-SHA256),
// HKDF-SHA256, export-only. Only the receiving side, on WebCrypto.

import { type Bytes, concat, utf8 } from "./bytes";

const curve = { name: "ECDH", namedCurve: "P-256" } as const;
const kemSuite = concat(utf8("KEM"), Uint8Array.of(0x00, 0x10));
const suite = concat(utf8("HPKE"), Uint8Array.of(0x00, 0x10, 0x00, 0x01, 0xff, 0xff));
const none: Bytes = new Uint8Array(0);

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

/**
 * receive returns 32 bytes exported from the context that enc (65 bytes) opens for
 * the private key, whose public half is publicKey (65 bytes). It throws for an enc
 * that is no point.
 */
export async function receive(enc: Bytes, privateKey: CryptoKey, publicKey: Bytes, info: Bytes, exporter: string): Promise<Bytes> {
  const ephemeral = await crypto.subtle.importKey("raw", enc, curve, false, []);
  const dh = new Uint8Array(await crypto.subtle.deriveBits({ name: "ECDH", public: ephemeral }, privateKey, 256));
  const eae = await labelledExtract(kemSuite, none, "eae_prk", dh);
  const shared = await labelledExpand(kemSuite, eae, "shared_secret", concat(enc, publicKey));
  const [psk, about] = await Promise.all([labelledExtract(suite, none, "psk_id_hash", none), labelledExtract(suite, none, "info_hash", info)]);
  const secret = await labelledExtract(suite, shared, "secret", none);
  const exported = await labelledExpand(suite, secret, "exp", concat(Uint8Array.of(0), psk, about));
  return labelledExpand(suite, exported, "sec", utf8(exporter));
}
