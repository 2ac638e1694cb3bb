// The auditors' root key: Ed25519, which signs recipient policies. It is made here
// or read from a file, and kept locked under a passphrase as identities are.

import { base64, type Bytes, concat, hex, unbase64, utf8 } from "../crypto/bytes";
import { Problem } from "./problem";

const pem = { begin: "-----BEGIN PRIVATE KEY-----", end: "-----END PRIVATE KEY-----" } as const;

/** A Root can still be taken out, to be wrapped. */
export interface Root {
  readonly publicKey: Bytes; // 32 bytes
  readonly pkcs8: Bytes;
}

/** A Signer signs and cannot be taken out. */
export interface Signer {
  readonly publicKey: string; // hexadecimal
  sign(message: Bytes): Promise<Bytes>;
}

async function publicOf(key: CryptoKey): Promise<Bytes> {
  const { x = "" } = await crypto.subtle.exportKey("jwk", key);
  return unbase64(x.replaceAll("-", "+").replaceAll("_", "/")) ?? new Uint8Array(0);
}

/** makeRoot draws a new key pair. A Problem where the browser has no Ed25519. */
export async function makeRoot(): Promise<Root> {
  try {
    const pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
    return { publicKey: await publicOf(pair.privateKey), pkcs8: new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey)) };
  } catch {
    throw new Problem("no_ed25519");
  }
}

/** takeRoot reads PKCS #8. */
export async function takeRoot(pkcs8: Bytes): Promise<Root> {
  try {
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
    return { publicKey: await publicOf(key), pkcs8: new Uint8Array(await crypto.subtle.exportKey("pkcs8", key)) };
  } catch {
    throw new Problem("no_root");
  }
}

/** readRoot reads the file `root` of `consento-verify keygen --root`. */
export async function readRoot(file: string): Promise<Root> {
  const text = file.trim();
  const body = text.startsWith(pem.begin) && text.endsWith(pem.end) ? unbase64(text.slice(pem.begin.length, -pem.end.length).replace(/\s/g, "")) : null;
  if (body === null) throw new Problem("no_root");
  return takeRoot(body);
}

/** rootFile is the same file, for a copy. */
export const rootFile = (root: Root): string => `${pem.begin}\n${(base64(root.pkcs8).match(/.{1,64}/g) ?? []).join("\n")}\n${pem.end}\n`;

/** signerOf makes of a root key what signs. */
export async function signerOf(root: Root): Promise<Signer> {
  const key = await crypto.subtle.importKey("pkcs8", root.pkcs8, "Ed25519", false, ["sign"]);
  return { publicKey: hex(root.publicKey), sign: async (message) => new Uint8Array(await crypto.subtle.sign("Ed25519", key, message)) };
}

/** verified says whether a signature is the public key's. */
export async function verified(publicKey: Bytes, signature: Bytes, message: Bytes): Promise<boolean> {
  try {
    return await crypto.subtle.verify("Ed25519", await crypto.subtle.importKey("raw", concat(publicKey), "Ed25519", false, ["verify"]), signature, message);
  } catch {
    return false;
  }
}

/** signed puts the domain of policies before their text. */
export const policyMessage = (text: string): Bytes => concat(utf8("consento-policy/v1"), Uint8Array.of(0), utf8(text));
