// The search in what is encrypted: summaries of sessions and their keys come from the
// server, are decrypted and searched here. What is looked for stays in this browser.

import { unbase64 } from "../crypto/bytes";
import { by, dataOf, make } from "./element";
import type { Identity } from "./identity";
import { Problem } from "./problem";
import { Cache, forget, type Kept } from "./searchcache";
import { Index, stretches, wordsIn } from "./searchindex";
import { joined, openSummary, type SummaryPart, type Words } from "./summary";
import { type LockedKey, Unlock } from "./unlock";
import { count, say, speak } from "./words";

/** How long an unlocked search stands untouched, in ms. */
const idle = 15 * 60_000;
const mostHits = 100;
const atOnce = 16; // key bags opened beside each other

interface Session {
  id: string;
  started: string; // RFC 3339
  technician: string;
  team: string;
  ticket: string; // number; "": it belongs to none
  end: string;
  parts: number;
}

const data = dataOf<{ keys: LockedKey[]; most: number; texts: Record<string, string> }>("search-data");
speak(data.texts);

const [problem, searcher, words, state, progress] = [by("problem"), by("searcher"), by<HTMLInputElement>("words"), by("state"), by<HTMLProgressElement>("progress")];
const dates = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
let identities: Identity[] = [];
let sessions = new Map<string, Session>();
let index = new Index();
let cache: Cache | null = null;
let run = 0; // a later unlocking ends the one before
let touched = Date.now();

function tell(e: unknown): void {
  const over = e instanceof Problem && e.code === "grant";
  const sentence = e === null ? "" : e instanceof Problem ? say(over ? "audit.js.search_over" : `audit.js.${e.code}`, e.values) : say("audit.js.malformed");
  problem.textContent = sentence;
  problem.hidden = sentence === "";
  if (over) {
    void lock();
    unlock.form.hidden = true;
    by("again").hidden = false;
    problem.hidden = false;
    problem.textContent = sentence;
  }
  if (e !== null && !(e instanceof Problem)) throw e; // a mistake of ours: it stands in the console
}

async function ask<T>(path: string, body?: URLSearchParams): Promise<T> {
  let r: Response;
  try {
    r = await fetch(`/audit/search/${path}`, body === undefined ? {} : { method: "POST", body });
  } catch {
    throw new Problem("network");
  }
  if (r.status === 403) throw new Problem("grant");
  if (!r.ok) throw new Problem("network");
  return (await r.json().catch(() => {
    throw new Problem("network");
  })) as T;
}

// What could not be searched, by why.
const left = { foreign: 0, second: 0, empty: 0, damaged: 0 };

function showLeft(): void {
  const lines = (["foreign", "second", "empty", "damaged"] as const).filter((why) => left[why] > 0).map((why) => make("li", {}, say(`audit.js.search_${why}`, { sessions: count("sessions", left[why]) })));
  by("left").replaceChildren(...lines);
}

/** openOne decrypts the words of one session; null when it has none, or what keeps it from being read. */
async function openOne(parts: readonly SummaryPart[]): Promise<Words | null | keyof typeof left> {
  const opened: Words[] = [];
  let why: keyof typeof left | null = parts.length === 0 ? "foreign" : null;
  for (const part of parts) {
    try {
      const words = await openSummary(part, identities);
      if (words !== null) opened.push(words);
    } catch (e) {
      if (!(e instanceof Problem)) throw e;
      why = e.code === "foreign_key" ? "foreign" : e.code === "second_key" ? "second" : "damaged";
    }
  }
  return opened.length > 0 ? joined(opened) : why;
}

async function openAll(ids: readonly string[], parts: readonly SummaryPart[]): Promise<Kept[]> {
  const of = new Map<string, SummaryPart[]>();
  for (const p of parts) of.set(p.id, [...(of.get(p.id) ?? []), p]);
  const kept: Kept[] = [];
  const waiting = [...ids];
  const work = async () => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      const words = await openOne(of.get(id) ?? []);
      if (typeof words === "string") left[words]++;
      else kept.push({ id, parts: sessions.get(id)?.parts ?? 0, words });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return kept;
}

function step(read: number): void {
  progress.hidden = false;
  progress.max = Math.max(1, sessions.size);
  progress.value = read;
  state.textContent = say("audit.js.search_reading", { done: read, total: sessions.size });
}

/** read brings everything into the index: what this browser kept, then what the server has. */
async function read(first: Identity): Promise<void> {
  const mine = ++run;
  const begun = performance.now();
  const list = await ask<{ salt: string; sessions: Session[] }>("sessions");
  const salt = unbase64(list.salt);
  if (salt === null) throw new Problem("network");
  sessions = new Map(list.sessions.map((s) => [s.id, s]));
  cache?.close();
  cache = await Cache.open(first, salt);
  const have = new Map<string, Words | null>();
  for (const k of await cache.all()) if (sessions.get(k.id)?.parts === k.parts) have.set(k.id, k.words);
  Object.assign(left, { foreign: 0, second: 0, empty: 0, damaged: 0 });
  const missing = [...sessions.keys()].filter((id) => !have.has(id));
  let gone = have.size;
  step(gone);
  while (missing.length > 0) {
    const some = missing.slice(0, data.most);
    const got = await ask<{ done: number; parts: SummaryPart[] }>("summaries", new URLSearchParams({ ids: some.join(), keys: identities.map((i) => i.id).join() }));
    if (mine !== run) return; // locked meanwhile
    if (!(got.done > 0 && got.done <= some.length)) throw new Problem("network");
    const taken = missing.splice(0, got.done);
    const kept = await openAll(taken, got.parts);
    if (mine !== run) return;
    await cache.keep(kept);
    for (const k of kept) have.set(k.id, k.words);
    gone += taken.length;
    touched = Date.now();
    step(gone);
  }
  index = new Index();
  for (const [id, s] of sessions) {
    const own = have.get(id);
    if (own === undefined) continue;
    if (own === null) left.empty++;
    const end = s.end === "" ? "" : say(`audit.end.${s.end}`);
    index.add(id, joined([{ people: s.technician, team: s.team }, own ?? {}, { end, ticket: s.ticket }]));
  }
  progress.hidden = true;
  state.textContent = say("audit.js.search_ready", { sessions: count("sessions", index.size) });
  searcher.dataset["took"] = String(Math.round(performance.now() - begun));
  showLeft();
  find();
}

/** hit is one session that was found. */
function hit(id: string, places: { name: string; text: string }[], asked: readonly string[]): HTMLLIElement {
  const s = sessions.get(id) as Session;
  const said = places.flatMap(({ name, text }) => [
    make("dt", {}, say(`audit.js.word.${name}`)),
    make("dd", {}, make("bdi", {}, ...stretches(text, asked).map((x) => (x.found ? make("mark", {}, x.text) : x.text)))),
  ]);
  return make(
    "li",
    { class: "card", "data-hit": id },
    make("p", {}, make("a", { href: `/audit/sessions/${id}` }, make("time", { datetime: s.started }, `${dates.format(new Date(s.started))} UTC`)), " ", make("bdi", {}, s.technician), ", ", make("bdi", {}, s.team), ...(s.ticket === "" ? [] : [", ", s.ticket])),
    make("dl", { class: "facts" }, ...said),
  );
}

function find(): void {
  const asked = wordsIn(words.value);
  const begun = performance.now();
  const found = index.find(asked);
  searcher.dataset["found"] = String(found.length);
  searcher.dataset["search"] = (performance.now() - begun).toFixed(1);
  by("results").hidden = asked.length === 0 || state.textContent === "";
  by("found").textContent = found.length === 0 ? say("audit.js.search_none") : say("audit.js.search_found", { found: found.length, sessions: count("sessions", index.size) });
  by("newest").textContent = found.length > mostHits ? say("audit.js.search_newest", { most: mostHits }) : "";
  by("hits").replaceChildren(...index.hits(found.slice(0, mostHits), asked).map((h) => hit(h.id, h.places, asked)));
}

/** lock forgets keys, words and what this browser kept. */
async function lock(): Promise<void> {
  run++;
  identities = [];
  sessions = new Map();
  index = new Index();
  words.value = state.textContent = "";
  by("hits").replaceChildren();
  by("left").replaceChildren();
  by("results").hidden = searcher.hidden = true;
  unlock.form.hidden = false;
  delete searcher.dataset["took"];
  cache?.close();
  cache = null;
  await forget();
}

const unlock = new Unlock(data.keys, async (more) => {
  tell(null);
  try {
    const identity = await more();
    identities = [...identities.filter((i) => i.id !== identity.id), identity];
    touched = Date.now();
    searcher.hidden = false;
    await read(identities[0] as Identity);
    if (identities.length === 0) return; // locked meanwhile
    // A second key may be needed; else there is nothing left to unlock.
    if (left.second === 0) unlock.done();
    words.focus();
  } catch (e) {
    if (identities.length < 2) searcher.hidden = true;
    if (!(e instanceof Problem && e.code === "grant")) identities = identities.slice(0, -1);
    tell(e);
  }
});

let waiting = 0;
words.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(find, 150);
});
by("find").addEventListener("submit", (e) => {
  e.preventDefault();
  find();
});
by("lock").addEventListener("click", () => void lock());
document.querySelector('form[action="/signout"]')?.addEventListener("submit", () => void forget());
for (const event of ["pointermove", "keydown", "pointerdown"]) addEventListener(event, () => (touched = Date.now()), { passive: true });
setInterval(() => {
  if (identities.length > 0 && Date.now() - touched > idle) void lock().then(() => {
    problem.hidden = false;
    problem.textContent = say("audit.js.locked");
  });
}, 10_000);
addEventListener("pageshow", (e) => e.persisted && location.reload()); // nothing decrypted comes back with the page
