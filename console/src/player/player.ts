// The auditor's player. The server sends ciphertext; keys are opened and contents
// decrypted here, and forgotten when nobody is there.

import { by, dataOf } from "./element";
import { type About, json, save, video, xml } from "./export";
import type { Identity } from "./identity";
import { byBag } from "./keys";
import { Problem } from "./problem";
import { Recording } from "./recording";
import { Server } from "./server";
import { byLog } from "./share";
import { Sharing } from "./sharing";
import { Theatre } from "./theatre";
import { type LockedKey, Unlock } from "./unlock";
import { clock, say, speak } from "./words";

/** How long an unlocked player stands untouched, in ms. */
const idle = 15 * 60_000;

interface Play {
  id: string;
  segments: { number: number; bytes: number; bag: boolean; log: boolean }[];
  keys: LockedKey[];
  texts: Record<string, string>;
  report: About;
}

const play = dataOf<Play>("play-data");
speak(play.texts);

const server = new Server(`/audit/sessions/${play.id}/`);
const problem = by("problem");
const theatre = new Theatre(trouble);
let identities: Identity[] = [];
let recording: Recording | null = null;
let touched = Date.now();

function tell(sentence: string): void {
  problem.textContent = sentence;
  problem.hidden = sentence === "";
}

/** trouble says what went wrong; null when records did not open. */
function trouble(e: unknown): void {
  const first = recording?.damaged[0];
  if (e instanceof Problem) return tell(say(`audit.js.${e.code}`, e.values));
  if (e !== null) {
    tell(say("audit.js.malformed"));
    throw e; // a mistake of ours: it stands in the console
  }
  if (first !== undefined) tell(say("audit.js.damaged", { record: first.header.index, time: clock(first.at) }));
}

async function open(more: () => Promise<Identity>): Promise<void> {
  tell("");
  try {
    const identity = await more();
    identities = [...identities.filter((i) => i.id !== identity.id), identity];
    const bags = play.segments.filter((s) => s.bag);
    const [parts, way] = bags.length > 0 ? [bags, byBag(identities)] : [play.segments.filter((s) => s.log), byLog(identities)];
    recording = await Recording.open(server, play.id, parts.map((s) => s.number), way);
    unlock.done();
    touched = Date.now();
    await theatre.open(recording);
  } catch (e) {
    if (!(e instanceof Problem && e.code === "second_key")) identities = [];
    trouble(e);
  }
}

function lock(sentence: string): void {
  identities = [];
  recording = null;
  theatre.close();
  unlock.form.hidden = false;
  tell(sentence);
}

if (document.getElementById("share") !== null) new Sharing(play.id, () => recording, trouble);

const unlock = new Unlock(play.keys, open);
by("lock").addEventListener("click", () => lock(""));

for (const event of ["pointermove", "keydown", "pointerdown"]) addEventListener(event, () => (touched = Date.now()), { passive: true });
setInterval(() => {
  if (theatre.playing) touched = Date.now();
  if (recording !== null && Date.now() - touched > idle) lock(say("audit.js.locked"));
}, 10_000);
addEventListener("pageshow", (e) => e.persisted && location.reload()); // keys do not come back with the page

by<HTMLFormElement>("export").addEventListener("submit", (e) => {
  e.preventDefault();
  const what = e.submitter instanceof HTMLButtonElement ? e.submitter.value : "";
  const why = by<HTMLInputElement>("why");
  if (why.value.trim().length < 3) {
    by("exported").textContent = say("audit.js.no_reason");
    why.focus();
    return;
  }
  void leave(what, why.value.trim());
});

/** leave states the export before anything is decrypted for it. */
async function leave(what: string, reason: string): Promise<void> {
  const r = recording;
  const said = by("exported");
  if (r === null) return;
  try {
    await server.state("export", reason);
    if (what === "print") return print();
    const files = what === "video" ? await video(r, (share) => (said.textContent = say("audit.js.exporting", { percent: Math.round(100 * share) }))) : [what === "xml" ? xml(r, play.report) : json(r, play.report)];
    files.forEach(save);
    said.textContent = say("audit.js.exported");
  } catch (e) {
    said.textContent = "";
    trouble(e);
  }
}
