// On the customer's own pages: makes the key of the private link while the session
// goes on, and shows the link when it is over. The key stays in this tab.

import { by, dataOf } from "./element";
import { holdSecret, makeSecret, tokenHash } from "./secret";

interface Offer {
  session: string;
  over: boolean;
  origin: string;
}

/** What this tab remembers of the link. */
interface Kept {
  session: string;
  secret: string;
  id: string; // "": the server has not promised it yet
  recording: boolean;
  until: string; // RFC 3339
}

const place = "consento-copy";
const offer = dataOf<Offer>("copy-offer");

function kept(): Kept | null {
  try {
    const k = JSON.parse(sessionStorage.getItem(place) ?? "null") as Kept | null;
    return k?.session === offer.session ? k : null;
  } catch {
    return null; // storage is off: there is no link then
  }
}

/** promise asks for a link to the copy of a session that goes on. */
async function promise(): Promise<void> {
  const before = kept();
  if (before !== null && before.id !== "") return;
  const secret = before?.secret ?? (await makeSecret());
  const held = await holdSecret(secret);
  if (held === null) return;
  const k: Kept = { session: offer.session, secret, id: "", recording: false, until: "" };
  sessionStorage.setItem(place, JSON.stringify(k));
  const body = new URLSearchParams({ recipient: held.recipient, token_hash: await tokenHash(held.token) });
  const r = await fetch("/session/copy", { method: "POST", body });
  if (!r.ok) return;
  const given = (await r.json()) as Pick<Kept, "id" | "recording" | "until">;
  sessionStorage.setItem(place, JSON.stringify({ ...k, ...given }));
  document.documentElement.dataset["link"] = "promised";
}

/** show puts the link on the page of the end. */
function show(): void {
  const k = kept();
  const card = by("copy-card");
  if (k === null || k.id === "" || Date.now() >= Date.parse(k.until)) {
    by("copy-elsewhere").hidden = false;
    return;
  }
  const address = `${offer.origin}/copy/${k.id}#${k.secret}`;
  by("copy-link").textContent = address;
  by<HTMLAnchorElement>("copy-open").href = `/copy/${k.id}#${k.secret}`;
  by("copy-until").textContent = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" }).format(new Date(k.until));
  for (const e of card.querySelectorAll<HTMLElement>("[data-recording]")) e.hidden = (e.dataset["recording"] === "yes") !== k.recording;
  card.hidden = false;
}

// Without storage or network there is no link: the log can be saved all the same.
if (offer.over) show();
else promise().catch(() => undefined);
