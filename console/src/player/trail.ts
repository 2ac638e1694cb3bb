// The trail of what was done: what is sealed beside the log is opened here.

import { openNote } from "./bag";
import { by, dataOf, make } from "./element";
import type { Identity } from "./identity";
import { Problem } from "./problem";
import { type LockedKey, Unlock } from "./unlock";
import { say, speak } from "./words";

const data = dataOf<{ keys: LockedKey[]; texts: Record<string, string> }>("trail-data");
speak(data.texts);

const problem = by("problem");
let identities: Identity[] = [];

function tell(sentence: string): void {
  problem.textContent = sentence;
  problem.hidden = sentence === "";
}

/** lines shows an opened body: each member with its value, objects as JSON. */
function lines(text: string): Node[] {
  let members: [string, unknown][] = [["", text]];
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) members = Object.entries(value);
  } catch {
    // It is shown as it is.
  }
  return members
    .filter(([, v]) => v !== null && v !== "")
    .map(([name, v]) => make("div", {}, name === "" ? "" : `${name}: `, make("bdi", {}, typeof v === "object" ? JSON.stringify(v) : String(v))));
}

async function openAll(): Promise<void> {
  let foreign = 0;
  const bodies = [...document.querySelectorAll<HTMLElement>("[data-body]")];
  for (const place of bodies) {
    const r = await fetch(`/audit/trail/sealed/${place.dataset["body"] ?? ""}`).catch(() => null);
    if (r === null || (!r.ok && r.status !== 404)) throw new Problem("network");
    if (!r.ok) continue;
    try {
      place.replaceChildren(...lines(await openNote(await r.text(), identities)));
      place.classList.remove("soft");
    } catch (e) {
      if (!(e instanceof Problem)) throw e;
      place.textContent = say("audit.js.not_for_you");
      foreign++;
    }
  }
  if (foreign > 0 && foreign === bodies.length) throw new Problem("foreign_key");
}

const unlock = new Unlock(data.keys, async (identity) => {
  tell("");
  try {
    identities = [...identities, await identity()];
    await openAll();
    unlock.done();
  } catch (e) {
    identities = [];
    if (!(e instanceof Problem)) throw e;
    tell(say(e.code === "foreign_key" ? "audit.js.not_for_you" : `audit.js.${e.code}`, e.values));
  }
});
addEventListener("pageshow", (e) => e.persisted && location.reload()); // keys do not come back with the page
