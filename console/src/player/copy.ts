// The customer's copy: opened by the secret in the address, which stays in this
// browser. The server gives ciphertext to who shows that they have the link.

import { openNote } from "./bag";
import { damageOf, problemOf } from "./damage";
import { by, dataOf } from "./element";
import { type About, json, save, video } from "./export";
import { Problem } from "./problem";
import { Track } from "./record";
import { Recording } from "./recording";
import { type Held, holdSecret } from "./secret";
import { Server } from "./server";
import { byShare } from "./share";
import { Theatre } from "./theatre";
import { say, speak } from "./words";

interface Page {
  id: string;
  office: string;
  texts: Record<string, string>;
}

interface Answer {
  problem?: string;
  until: string; // RFC 3339
  recording: boolean;
  held: boolean;
  session: string;
  missing: boolean;
  segments: { number: number; keys: boolean; log: boolean }[];
}

/** The customer's log as it lies in a copy. */
interface Told {
  session: { technician: { name: string; team: string; office: string }; issued_at: string };
  left_out: number;
  entries: { at: string; code: string; data?: Record<string, unknown> }[];
}

const page = dataOf<Page>("copy-data");
speak(page.texts);
const base = `/copy/${page.id}/`;
const server = new Server(base);
const theatre = new Theatre(trouble);
let held: Held | null = null;
let recording: Recording | null = null;
let about: About = { office: page.office, auditor: "", technician: "", team: "", verdict: "unverifiable", reasons: [say("copy.unverified")] };

/** state shows the part of the page that is about one state. */
function state(name: string): void {
  document.body.dataset["link"] = name;
  for (const e of document.querySelectorAll<HTMLElement>("[data-state]")) e.hidden = !(e.dataset["state"] ?? "").split(" ").includes(name);
}

function tell(sentence: string): void {
  by("problem").textContent = sentence;
  by("problem").hidden = sentence === "";
}

function trouble(e: unknown): void {
  if (e instanceof Problem) return e.code === "grant" || e.code === "over" ? void begin() : tell(problemOf(e));
  if (e !== null) {
    tell(say("audit.js.damaged_copy"));
    throw e; // a mistake of ours: it stands in the console
  }
  tell(damageOf(recording));
}

/** ask shows the token to the server; its answer, null when the page says what is wrong. */
async function ask(what: "about" | "open"): Promise<Answer | null> {
  if (held === null) {
    state("wrong");
    return null;
  }
  let answer: Answer;
  try {
    const r = await fetch(base + what, { method: "POST", body: new URLSearchParams({ token: held.token }) });
    answer = (await r.json()) as Answer;
  } catch {
    state("network");
    return null;
  }
  if (answer.problem !== undefined) {
    theatre.close();
    recording = null;
    state(answer.problem);
    return null;
  }
  return answer;
}

async function begin(): Promise<void> {
  theatre.close();
  held = await holdSecret(location.hash.slice(1));
  // The other languages are the same page: the secret goes along, inside this browser.
  for (const a of document.querySelectorAll<HTMLAnchorElement>(".languages a")) a.hash = location.hash;
  const answer = await ask("about");
  if (answer === null) return;
  by("copy-until").textContent = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" }).format(new Date(answer.until));
  for (const e of document.querySelectorAll<HTMLElement>("[data-recording]")) e.hidden = e.dataset["recording"] !== (answer.recording ? "yes" : answer.held ? "held" : "no");
  state("ready");
}

/** readLog decrypts the customer's log; of several segments one behind the other. */
async function readLog(numbers: readonly number[], by: Held): Promise<Told[]> {
  const all: Told[] = [];
  for (const n of numbers) {
    const text = await openNote(await server.log(n), [by.identity]);
    try {
      all.push(JSON.parse(text) as Told);
    } catch {
      throw new Problem("malformed");
    }
  }
  return all;
}

async function open(): Promise<void> {
  tell("");
  const answer = await ask("open");
  if (answer === null || held === null) return;
  try {
    const logs = await readLog(answer.segments.filter((s) => s.log).map((s) => s.number), held);
    const first = logs[0]?.session.technician;
    if (first !== undefined) about = { ...about, technician: first.name, team: first.team };
    by("copy-technician").textContent = first === undefined ? "" : `\u2068${first.name}\u2069, \u2068${first.team}\u2069`;
    const numbers = answer.segments.filter((s) => s.keys).map((s) => s.number);
    const entries = logs.flatMap((l) => l.entries);
    const r = numbers.length > 0
      ? await Recording.open(server, answer.session, numbers, byShare({ identities: [held.identity] }))
      : Recording.told(answer.session, Date.parse(entries[0]?.at ?? "") || 0);
    r.tell(entries.map((e, index) => ({ at: Math.max(0, Date.parse(e.at) - r.started), segment: 0, index, track: Track.events, code: e.code, data: e.data ?? {} })));
    recording = r;
    by("seen").hidden = by("save-video").hidden = r.streams.size === 0;
    by("missing").hidden = !answer.missing;
    state("open");
    await theatre.open(recording);
  } catch (e) {
    trouble(e);
  }
}

by("open").addEventListener("click", () => void open());
by("save").addEventListener("click", (e) => {
  const what = e.target instanceof HTMLButtonElement ? e.target.value : "";
  if (recording !== null && what !== "") void take(what, recording);
});

/** take hands what was decrypted to the browser as a file. */
async function take(what: string, r: Recording): Promise<void> {
  const said = by("saved");
  try {
    const files = what === "video" ? await video(r, (share) => (said.textContent = say("audit.js.exporting", { percent: Math.round(100 * share) }))) : [json(r, about)];
    files.forEach(save);
    said.textContent = say("audit.js.exported");
  } catch (e) {
    said.textContent = "";
    trouble(e);
  }
}

addEventListener("hashchange", () => location.reload());
addEventListener("pageshow", (e) => e.persisted && location.reload()); // nothing decrypted comes back with the page
void begin();
