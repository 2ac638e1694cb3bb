// Keys for ML-KEM-768 with P-256 (HPKE 0x0050, draft-ietf-hpke-pq), which lie long
// and hold against quantum computers: those of the sheets. P-256 is WebCrypto's,
// ML-KEM and SHA-3 are the library's.

import { sha3_256, shake256 } from "@noble/hashes/sha3.js";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { type Bytes, concat, utf8 } from "../crypto/bytes";
import { diffie, type Encapsulated, ephemeral } from "../crypto/hpke";
import { type Identity, privateFrom } from "./identity";
import { Kem, keyId } from "./keytext";

const sizes = { seed: 64, publicKey: 1184, enc: 1088, point: 65 } as const;

// draft-irtf-cfrg-hybrid-kems: both secrets, and of the classical half what was sent and for whom.
const combined = (pq: Uint8Array, classical: Bytes, enc: Bytes, point: Bytes): Bytes =>
  new Uint8Array(sha3_256(concat(pq, classical, enc, point, utf8("MLKEM768-P256"))));

/** hybridIdentity makes the key pair of a seed of 32 bytes, which a sheet holds. */
export async function hybridIdentity(seed: Bytes): Promise<Identity & { readonly publicKey: Bytes }> {
  for (let try_ = 1; ; try_++) {
    const stream = shake256(seed, { dkLen: sizes.seed + 32 * try_ });
    const half = await privateFrom(new Uint8Array(stream.slice(-32)));
    if (half === null) continue; // no number of the curve: once in 2^32
    const pq = ml_kem768.keygen(stream.slice(0, sizes.seed));
    const publicKey = concat(pq.publicKey, half.point);
    return {
      kem: Kem.hybrid,
      id: await keyId(publicKey),
      encSize: sizes.enc + sizes.point,
      publicKey,
      decapsulate: async (enc) => {
        const [sent, point] = [enc.slice(0, sizes.enc), enc.slice(sizes.enc)];
        return combined(ml_kem768.decapsulate(sent, pq.secretKey), await diffie(half.privateKey, point), point, half.point);
      },
    };
  }
}

/** encapsulateHybrid draws a secret for a public key of this kind. */
export async function encapsulateHybrid(publicKey: Bytes): Promise<Encapsulated> {
  const point = publicKey.slice(sizes.publicKey);
  const own = await ephemeral();
  const pq = ml_kem768.encapsulate(publicKey.slice(0, sizes.publicKey));
  return { enc: concat(pq.cipherText, own.point), shared: combined(pq.sharedSecret, await diffie(own.privateKey, point), own.point, point) };
}
