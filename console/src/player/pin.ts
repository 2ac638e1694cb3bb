// The auditors' key as this browser has come to know it: whoever serves the pages
// cannot put another in its place unseen.

const name = "consento auditors' key";

/** knownRoot is the key that somebody compared, or signed with, on this browser; null for none. */
export function knownRoot(): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // storage is switched off: it is compared each time
  }
}

/** rememberRoot keeps a key that was compared. */
export function rememberRoot(publicKey: string): void {
  try {
    localStorage.setItem(name, publicKey);
  } catch {
    // As above.
  }
}
