// Bytes and the texts that stand for them.

export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();

/** utf8 returns the bytes of a text. */
export const utf8 = (text: string): Bytes => new Uint8Array(encoder.encode(text));

/** concat puts parts one behind the other. */
export function concat(...parts: Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    all.set(p, at);
    at += p.length;
  }
  return all;
}

export const hex = (b: Uint8Array): string => Array.from(b, (n) => n.toString(16).padStart(2, "0")).join("");

/** unhex reads hexadecimal digits; null for anything else. */
export function unhex(text: string): Bytes | null {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return null;
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

export const base64 = (b: Uint8Array): string => btoa(Array.from(b, (n) => String.fromCharCode(n)).join(""));

/** unbase64 reads standard base64; null for anything else. */
export function unbase64(text: string): Bytes | null {
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  } catch {
    return null;
  }
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** base32 is RFC 4648, section 6, without padding. */
export function base32(b: Uint8Array): string {
  let out = "";
  let bits = 0;
  let value = 0;
  for (const n of b) {
    value = ((value << 8) | n) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += digits[(value >> bits) & 31];
    }
  }
  return bits > 0 ? out + digits[(value << (5 - bits)) & 31] : out;
}

/** unbase32 is its reverse; null for a wrong character. */
export function unbase32(text: string): Bytes | null {
  const out: number[] = [];
  let bits = 0;
  let value = 0;
  for (const c of text) {
    const n = digits.indexOf(c);
    if (n < 0) return null;
    value = ((value << 5) | n) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out.push((value >> bits) & 255);
    }
  }
  return Uint8Array.from(out);
}

/** equal compares in a time that does not tell where they differ. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  let differ = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) differ |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return differ === 0;
}
