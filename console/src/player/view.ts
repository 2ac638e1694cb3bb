// The player of `consento-verify view`: the page comes from a program on the same
// computer, which brings a key of this run alone.

import { by, dataOf } from "./element";
import { lockPair, readPair } from "./identity";
import { byBag } from "./keys";
import { Problem } from "./problem";
import { Recording } from "./recording";
import { Server } from "./server";
import { byShare } from "./share";
import { Theatre } from "./theatre";
import { clock, say, speak } from "./words";

interface View {
  id: string;
  segments: number[];
  from: "bags" | "shares";
  identity: string;
  texts: Record<string, string>;
}

const view = dataOf<View>("view-data");
speak(view.texts);
const problem = by("problem");
let recording: Recording | null = null;

/** trouble says what went wrong; null when records did not open. */
function trouble(e: unknown): void {
  const first = recording?.damaged[0];
  let sentence = "";
  if (e instanceof Problem) sentence = say(`audit.js.${e.code}`, e.values);
  else if (e !== null) sentence = say("audit.js.malformed");
  else if (first !== undefined) sentence = say("audit.js.damaged", { record: first.header.index, time: clock(first.at) });
  if (sentence !== "") problem.textContent = sentence;
  problem.hidden = problem.textContent === "";
  if (e !== null && !(e instanceof Problem)) throw e; // a mistake of ours: it stands in the console
}

const theatre = new Theatre(trouble);

async function open(): Promise<void> {
  try {
    const identity = await lockPair(await readPair(view.identity));
    recording = await Recording.open(new Server("./"), view.id, view.segments, view.from === "shares" ? byShare({ identities: [identity] }) : byBag([identity]));
    await theatre.open(recording);
  } catch (e) {
    trouble(e);
  }
}

addEventListener("pageshow", (e) => e.persisted && location.reload());
void open();
