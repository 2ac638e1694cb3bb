// Passkeys that open an auditor's key beside the passphrase: W3C WebAuthn level 3 with
// the extension "prf" (section 10.1.4). What an authenticator gives for a salt wraps the
// private key; it stays on this page, and so nobody has to check who signed what.

import { base64, type Bytes, unbase64, utf8 } from "../crypto/bytes";
import { type Pair, takePair } from "./identity";
import { keyId } from "./keytext";
import { Problem } from "./problem";

/** A passkey as the server keeps it. */
export interface Passkey {
  credential: string; // base64url
  wrapped: string;
}

/** Whom a new passkey is for, as authenticators show it. */
export interface Owner {
  rp: string; // the host of the office's public address
  office: string;
  person: string;
}

interface Wrapped {
  v: number;
  kdf: string;
  rp: string;
  transports: string[];
  salt: string;
  nonce: string;
  body: string;
}

const kdf = "PRF-HKDF-SHA256";
/** How long a browser asks for a passkey, in ms. */
const timeout = 120_000;

const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));
const id = (credential: string): Bytes => unbase64(credential.replaceAll("-", "+").replaceAll("_", "/")) ?? new Uint8Array(0);

const read = ({ credential, wrapped }: Passkey) => ({ credential, ...(JSON.parse(wrapped) as Wrapped) });
const naming = (p: Passkey): PublicKeyCredentialDescriptor => ({ type: "public-key", id: id(p.credential), transports: read(p).transports as AuthenticatorTransport[] });

/** capable refuses a browser that has no passkeys, or none that give a secret. */
async function capable(): Promise<void> {
  if (typeof PublicKeyCredential === "undefined") throw new Problem("no_passkeys");
  const can = await PublicKeyCredential.getClientCapabilities?.(); // newer than passkeys
  if (can?.["extension:prf"] === false) throw new Problem("no_prf");
}

/** refusal puts into words what browsers say by the name of an exception, which is little: they do not tell pages whether a passkey was there. */
function refusal(e: unknown, otherwise: "passkey_unmade" | "passkey_unused", rp: string): unknown {
  if (!(e instanceof DOMException)) return e;
  switch (e.name) {
    case "InvalidStateError":
      return new Problem("passkey_twice");
    case "SecurityError":
      return new Problem("passkey_address", { address: rp });
    case "NotSupportedError":
    case "ConstraintError":
      return new Problem("passkey_unfit");
  }
  return new Problem(otherwise);
}

/** wrappingKey binds the authenticator's secret to what it is for: a blob in another's place does not open. */
async function wrappingKey(secret: Bytes, to: { rp: string; key: string; credential: string }, use: "encrypt" | "decrypt"): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const info = utf8(["consento-passkey/v1", to.rp, to.key, to.credential].join("\0"));
  return crypto.subtle.deriveKey({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info }, base, { name: "AES-GCM", length: 256 }, false, [use]);
}

/** secretOf takes the secret out of an authenticator's answer; null where it gave none. */
function secretOf(credential: PublicKeyCredential): Bytes | null {
  const first = credential.getClientExtensionResults().prf?.results?.first;
  if (first === undefined) return null;
  const bytes = first instanceof ArrayBuffer ? new Uint8Array(first) : new Uint8Array(first.buffer as ArrayBuffer, first.byteOffset, first.byteLength);
  return bytes.length === 32 ? bytes : null;
}

/** verified refuses an answer in which the authenticator did not check who is there, by PIN, finger or face: not everything between page and authenticator does what it is asked (WebAuthn section 6.1, flag UV). */
function verified(authenticatorData: ArrayBuffer): void {
  const flags = new Uint8Array(authenticatorData)[32] ?? 0;
  if ((flags & 0x04) === 0) throw new Problem("passkey_unverified");
}

/** ask lets the person use one of these passkeys. */
async function ask(passkeys: readonly Passkey[], rp: string, signal: AbortSignal): Promise<{ credential: string; secret: Bytes }> {
  let used: PublicKeyCredential;
  try {
    used = (await navigator.credentials.get({
      signal,
      publicKey: {
        rpId: rp,
        challenge: random(32), // nobody checks what is signed
        allowCredentials: passkeys.map(naming),
        userVerification: "required",
        timeout,
        extensions: { prf: { evalByCredential: Object.fromEntries(passkeys.map((p) => [p.credential, { first: unbase64(read(p).salt) ?? new Uint8Array(0) }])) } },
      },
    })) as PublicKeyCredential;
  } catch (e) {
    throw refusal(e, "passkey_unused", rp);
  }
  verified((used.response as AuthenticatorAssertionResponse).authenticatorData);
  const secret = secretOf(used);
  if (secret === null) throw new Problem("no_prf");
  return { credential: used.id, secret };
}

/** makePasskey makes one for a key, beside those that it has, and wraps the key under it. Some authenticators ask twice. */
export async function makePasskey(pair: Pair, keyName: string, owner: Owner, present: readonly Passkey[], signal: AbortSignal): Promise<Passkey> {
  await capable();
  if (owner.rp !== location.hostname) throw new Problem("passkey_address", { address: owner.rp });
  const [key, salt] = [await keyId(pair.publicKey), random(32)];
  let made: PublicKeyCredential;
  try {
    made = (await navigator.credentials.create({
      signal,
      publicKey: {
        rp: { id: owner.rp, name: owner.office || owner.rp },
        // Authenticators keep one passkey for an id: each key has its own.
        user: { id: utf8(`consento-key ${key}`), name: `${owner.person}: ${keyName}`, displayName: `${owner.person}: ${keyName}` },
        challenge: random(32),
        pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: "public-key" as const, alg })), // ES256, EdDSA, RS256
        authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
        attestation: "none",
        excludeCredentials: present.map(naming),
        timeout,
        extensions: { prf: { eval: { first: salt } } },
      },
    })) as PublicKeyCredential;
  } catch (e) {
    throw refusal(e, "passkey_unmade", owner.rp);
  }
  const shell: Wrapped = { v: 1, kdf, rp: owner.rp, transports: (made.response as AuthenticatorAttestationResponse).getTransports(), salt: base64(salt), nonce: "", body: "" };
  const prf = made.getClientExtensionResults().prf;
  try {
    verified((made.response as AuthenticatorAttestationResponse).getAuthenticatorData());
    if (prf?.enabled !== true && prf?.results === undefined) throw new Problem("no_prf");
    const secret = secretOf(made) ?? (await ask([{ credential: made.id, wrapped: JSON.stringify(shell) }], owner.rp, signal)).secret;
    const nonce = random(12);
    const body = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, await wrappingKey(secret, { rp: owner.rp, key, credential: made.id }, "encrypt"), pair.pkcs8);
    secret.fill(0);
    return { credential: made.id, wrapped: JSON.stringify({ ...shell, nonce: base64(nonce), body: base64(new Uint8Array(body)) }) };
  } catch (e) {
    // It opens nothing: who keeps passkeys may forget it.
    await PublicKeyCredential.signalUnknownCredential?.({ rpId: owner.rp, credentialId: made.id }).catch(() => undefined);
    throw e;
  }
}

/** openByPasskey takes a key out with any of its passkeys. */
export async function openByPasskey(key: { id: string; passkeys: readonly Passkey[] }, signal: AbortSignal): Promise<Pair> {
  await capable();
  const here = key.passkeys.filter((p) => read(p).rp === location.hostname);
  const [first] = key.passkeys;
  if (here.length === 0) throw new Problem("passkey_address", { address: first === undefined ? "" : read(first).rp });
  const { credential, secret } = await ask(here, location.hostname, signal);
  const used = here.find((p) => p.credential === credential);
  if (used === undefined) throw new Problem("passkey_wrong");
  const w = read(used);
  const [nonce, body] = [unbase64(w.nonce), unbase64(w.body)];
  if (w.v !== 1 || w.kdf !== kdf || nonce === null || body === null) throw new Problem("passkey_wrong");
  try {
    const wrapping = await wrappingKey(secret, { rp: w.rp, key: key.id, credential }, "decrypt");
    secret.fill(0);
    return await takePair(new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce }, wrapping, body)));
  } catch {
    throw new Problem("passkey_wrong");
  }
}
