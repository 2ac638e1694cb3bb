// What an auditor shared with a technician, opened by the secret of its link.

import { damageOf, problemOf } from "./damage";
import { by, dataOf } from "./element";
import { Problem } from "./problem";
import { Recording } from "./recording";
import { unbase64url32 } from "./secret";
import { Server } from "./server";
import { byShare, openForms } from "./share";
import { Theatre } from "./theatre";
import { say, speak } from "./words";

interface Page {
  id: string;
  session: string;
  segments: { number: number; keys: boolean }[];
  texts: Record<string, string>;
}

const page = dataOf<Page>("shared-data");
speak(page.texts);
const server = new Server(`/shared/${page.id}/`);
let recording: Recording | null = null;
const theatre = new Theatre(trouble);
const link = by<HTMLInputElement>("shared-link");

function tell(sentence: string): void {
  by("problem").textContent = sentence;
  by("problem").hidden = sentence === "";
}

function trouble(e: unknown): void {
  if (e instanceof Problem) return tell(problemOf(e));
  if (e !== null) {
    tell(say("audit.js.damaged_copy"));
    throw e; // a mistake of ours: it stands in the console
  }
  tell(damageOf(recording));
}

async function open(): Promise<void> {
  tell("");
  const typed = link.value.trim();
  const secret = unbase64url32(typed.slice(typed.lastIndexOf("#") + 1));
  if (secret === null) throw new Problem("wrong_link");
  const r = await fetch(`/shared/${page.id}/open`, { method: "POST" }).catch(() => null);
  if (r === null) throw new Problem("network");
  if (!r.ok) throw new Problem(r.status === 410 ? "over" : "grant");
  const forms = await server.forms();
  recording = await Recording.open(server, page.session, page.segments.filter((s) => s.keys).map((s) => s.number), byShare({ secret }), forms === null ? [] : await openForms(page.id, forms, secret));
  by("open-shared").hidden = true;
  await theatre.open(recording);
}

// A link that was followed has its secret in the address; it is taken out of sight.
if (location.hash !== "") {
  link.value = location.hash;
  history.replaceState(null, "", location.pathname);
}
by<HTMLFormElement>("open-shared").addEventListener("submit", (e) => {
  e.preventDefault();
  open().catch(trouble);
});
by("open-shared").hidden = false;
addEventListener("pageshow", (e) => e.persisted && location.reload()); // nothing decrypted comes back with the page
