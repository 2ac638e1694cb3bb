// The page that wraps the keys of recordings for whom the policy in force names: the
// key bags come from the server, are opened and made anew here, and go back. It stops
// and goes on at any moment; what is done is not offered again.

import { openBag } from "./bag";
import { unhex } from "../crypto/bytes";
import { by, dataOf, make } from "./element";
import { hybridIdentity } from "./hybrid";
import type { Identity } from "./identity";
import { Kem, readSheet } from "./keytext";
import { readPolicy, type SignedPolicy, ways } from "./policyfile";
import { knownRoot, rememberRoot } from "./pin";
import { Problem } from "./problem";
import { rewrapLog } from "./share";
import { type LockedKey, Unlock } from "./unlock";
import { say, speak } from "./words";
import { wrapBag } from "./wrap";

interface Item {
  id: string;
  segment: number;
  started: string;
  team: string;
  territory: string;
  commit: string;
  bag: string; // "": missing or damaged
  log: boolean; // it is the keys of the part's log
}

const data = dataOf<{ file: string; total: number; keys: LockedKey[]; texts: Record<string, string> }>("rewrap-data");
speak(data.texts);

const problem = by("problem");
let identities: Identity[] = [];
let stopped = true;

/** How long unlocked keys stay while nothing is done, in ms. */
const idle = 15 * 60_000;
let touched = Date.now();

function tell(e: unknown): void {
  const sentence = e === null ? "" : e instanceof Problem ? say(`audit.js.${e.code}`, e.values) : say("audit.js.malformed");
  problem.textContent = sentence;
  problem.hidden = sentence === "";
  if (e !== null && !(e instanceof Problem)) throw e; // a mistake of ours: it stands in the console
}

async function post(path: string, body: BodyInit): Promise<Response> {
  let r: Response;
  try {
    r = await fetch(path, { method: "POST", body });
  } catch {
    throw new Problem("network");
  }
  if (r.status === 422) throw new Problem("policy_moved");
  if (r.status === 404 || r.status === 410) throw new Problem("gone"); // destroyed meanwhile
  if (!r.ok) throw new Problem("network");
  return r;
}

/** leave names a bag that stays as it is. */
function leave(list: "left-closed" | "left-damaged", item: Item): void {
  const place = by(list);
  place.hidden = false;
  place.querySelector("ul")?.append(make("li", {}, make("a", { href: `/audit/sessions/${item.id}` }, make("code", {}, item.id)), ` ${say("audit.js.part", { number: item.segment })}, ${item.started}`));
}

async function wrapOne(item: Item, policy: SignedPolicy): Promise<boolean> {
  const commit = unhex(item.commit);
  try {
    if (item.bag === "" || commit === null) throw new Problem("wrong_bag");
    const readers = await ways(policy.policy, item.team, item.territory);
    if (item.log) {
      await post(`/audit/rewrap/${item.id}/${item.segment}/log`, await rewrapLog(item.bag, { sid: item.id, segment: item.segment }, identities, readers));
      return true;
    }
    const key = await openBag(item.bag, { sid: item.id, segment: item.segment, commit }, identities);
    const bag = await wrapBag(key, item.id, item.segment, readers);
    key.fill(0);
    await post(`/audit/rewrap/${item.id}/${item.segment}`, bag);
    return true;
  } catch (e) {
    if (!(e instanceof Problem)) throw e;
    switch (e.code) {
      case "wrong_bag":
      case "malformed":
        leave("left-damaged", item);
        return false;
      case "foreign_key":
      case "second_key":
      case "no_rule":
        leave("left-closed", item);
        return false;
      case "gone":
        return false;
    }
    throw e;
  }
}

function progress(done: number, seen: number): void {
  by<HTMLProgressElement>("progress").value = seen;
  by("said").textContent = say("audit.js.rewrapped", { done, total: data.total });
}

async function work(): Promise<void> {
  let [done, seen, after] = [0, 0, ""];
  for (const list of ["left-closed", "left-damaged"]) {
    by(list).hidden = true;
    by(list).querySelector("ul")?.replaceChildren();
  }
  const policy = await readPolicy(data.file);
  do {
    const batch = (await (await post("/audit/rewrap/next", new URLSearchParams({ after }))).json()) as { items: Item[]; next: string };
    for (const item of batch.items) {
      if (stopped) return;
      if (await wrapOne(item, policy)) done++;
      progress(done, ++seen);
    }
    after = batch.next;
  } while (after !== "" && !stopped);
  by("said").textContent += ` ${say("audit.js.rewrap_end")}`;
}

/** ready shows the work as soon as a key is there. */
function ready(more: readonly Identity[]): void {
  identities = [...identities.filter((i) => !more.some((m) => m.id === i.id)), ...more];
  by("work").hidden = false;
  by("work").dataset["keys"] = String(identities.length);
  by("work-title").focus();
}

function running(on: boolean): void {
  stopped = !on;
  by("go").hidden = on;
  by("stop").hidden = !on;
}

if (data.total > 0) {
  const known = knownRoot();
  const compared = by<HTMLInputElement>("compared-root");
  const unlock = new Unlock(data.keys, async (identity) => {
    try {
      tell(null);
      ready([await identity()]);
      unlock.form.reset();
    } catch (e) {
      tell(e);
    }
  });
  by<HTMLFormElement>("sheets").addEventListener("submit", (e) => {
    e.preventDefault();
    void (async () => {
      const typed: Identity[] = [];
      for (const n of [1, 2]) {
        const field = by<HTMLTextAreaElement>(`sheet-${n}`);
        try {
          const key = await readSheet(field.value);
          if (key.kem !== Kem.hybrid) throw new Problem("sheet_cut");
          const identity = await hybridIdentity(key.bytes);
          if (typed.some((t) => t.id === identity.id)) throw new Problem("sheet_twice");
          typed.push(identity);
        } catch (wrong) {
          tell(wrong instanceof Problem ? new Problem(wrong.code, { ...wrong.values, sheet: String(n) }) : wrong);
          field.focus();
          return;
        }
      }
      tell(null);
      by<HTMLFormElement>("sheets").reset();
      ready(typed);
    })();
  });
  void readPolicy(data.file).then((p) => {
    by("compared").hidden = compared.checked = p.policy.root === known;
    by("root-other").hidden = known === null || p.policy.root === known;
  }, tell);
  by("go").addEventListener("click", () => {
    if (!compared.checked) {
      tell(new Problem("not_compared"));
      compared.focus();
      return;
    }
    tell(null);
    running(true);
    void readPolicy(data.file)
      .then((p) => rememberRoot(p.policy.root))
      .then(work)
      .catch(tell)
      .finally(() => running(false));
  });
  by("stop").addEventListener("click", () => (stopped = true));
}
for (const event of ["pointermove", "keydown", "pointerdown"]) addEventListener(event, () => (touched = Date.now()), { passive: true });
setInterval(() => {
  if (!stopped) touched = Date.now();
  if (identities.length > 0 && Date.now() - touched > idle) location.reload(); // which forgets them
}, 10_000);
addEventListener("pageshow", (e) => e.persisted && location.reload()); // keys do not come back with the page
