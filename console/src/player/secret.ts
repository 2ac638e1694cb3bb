// The secret of a private link: a P-256 key that the customer's browser made. It
// stands in the fragment of the address, which browsers send to nobody.

import { base64, type Bytes, hex, unbase64, utf8 } from "../crypto/bytes";
import { expand32 } from "../crypto/hpke";
import { type Identity, lockPair, pairOf } from "./identity";
import { Kem, recipientText } from "./keytext";

const size = 43; // 32 bytes as base64url without padding

export const base64url = (b: Uint8Array): string => base64(b).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** unbase64url reads 32 bytes in their one spelling; null for anything else. */
export function unbase64url32(text: string): Bytes | null {
  if (text.length !== size || !/^[A-Za-z0-9_-]+$/.test(text)) return null;
  const b = unbase64(text.replaceAll("-", "+").replaceAll("_", "/") + "=");
  return b !== null && b.length === 32 && base64url(b) === text ? b : null;
}

/** makeSecret draws the secret of a link. */
export async function makeSecret(): Promise<string> {
  const pair = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
  return (await crypto.subtle.exportKey("jwk", pair.privateKey)).d ?? "";
}

/** What the secret is good for. */
export interface Held {
  identity: Identity; // opens what was encrypted for the link
  recipient: string; // its public half, as text
  token: string; // shows the server that somebody has the link; the secret does not follow from it
}

/** holdSecret reads a secret; null for what is none. */
export async function holdSecret(text: string): Promise<Held | null> {
  const secret = unbase64url32(text);
  if (secret === null) return null;
  try {
    const pair = await pairOf(secret);
    return { identity: await lockPair(pair), recipient: await recipientText({ kem: Kem.p256, bytes: pair.publicKey }), token: base64url(await expand32(secret, utf8("consento-copy/v1 token"))) };
  } catch {
    return null;
  }
}

/** tokenHash is what the server keeps of a token. */
export async function tokenHash(token: string): Promise<string> {
  const b = unbase64url32(token) ?? new Uint8Array(0);
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", b)));
}
