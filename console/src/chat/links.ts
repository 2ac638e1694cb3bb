// Web addresses in a line of chat. Package protocol (ChatLinks) finds the same ones.

/** A part of a line: text, or an address and the host to which it leads. */
export type Part = { text: string } | { url: string; host: string; text: string };

const maxLinks = 10;

/** What ends an address: blanks, quotes and brackets, and the full stops of other scripts. */
const address = /https?:\/\/[^\s<>"'`{}|\\^「」『』（）【】《》〈〉、。，！？：；]*/giu;

/**
 * parts cuts a line into text and links. An address that names a user, has a character that is not ASCII or a host that
 * is no name stays text: nobody opens it by a click.
 */
export function parts(line: string): Part[] {
  const found: Part[] = [];
  let from = 0;
  let links = 0;
  for (const match of line.matchAll(address)) {
    const text = trimmed(match[0]);
    const url = links < maxLinks ? safe(text) : null;
    if (url === null) continue;
    if (match.index > from) found.push({ text: line.slice(from, match.index) });
    found.push({ url: url.href, host: url.host, text });
    from = match.index + text.length;
    links++;
  }
  if (from < line.length) found.push({ text: line.slice(from) });
  return found;
}

function safe(text: string): URL | null {
  if (!/^https?:\/\/[A-Za-z0-9.:[\]-]+(?:[/?#]|$)/i.test(text) || !/^[!-~]+$/.test(text) || /%(?![0-9a-f]{2})/i.test(text)) return null;
  try {
    const url = new URL(text);
    return url.username === "" && url.password === "" && url.hostname !== "" && (url.protocol === "http:" || url.protocol === "https:") ? url : null;
  } catch {
    return null;
  }
}

/** trimmed leaves out what ends the sentence rather than the address. */
function trimmed(text: string): string {
  for (;;) {
    const last = text.at(-1);
    const open = { ")": "(", "]": "[" }[last ?? ""];
    const closes = open !== undefined && text.split(open).length < text.split(last!).length;
    if (last === undefined || !(closes || ".,;:!?*_~".includes(last))) return text;
    text = text.slice(0, -1);
  }
}
