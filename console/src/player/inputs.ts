// What a technician did with mouse and keyboard, as lines that people read: each act
// is a record of its own.

import type { Happening } from "./happening";

/** Acts that are nearer to each other than this, in ms, are one line, which is at most so long, in characters. */
const pause = 2_000;
const most = 160;

/** For how long, in ms, a drawing or the pointer is still the same one. */
const rests = 4_000;

/** together makes one happening of acts that follow each other. */
export function together(list: readonly Happening[]): Happening[] {
  const lines: Happening[] = [];
  let line = -1; // in lines, where what comes next may go
  let what = "";
  let until = 0;
  let drawn = "";
  let still = 0;
  for (const h of list) {
    if (h.code === "annotate.drawn") {
      const key = `${String(h.data["kind"])} ${String(h.data["mark"] ?? "")}`; // what goes on, or is still there, is no other
      if (h.data["kind"] === "point" && !Array.isArray(h.data["points"])) continue; // it goes
      if (key !== drawn || h.at > still) lines.push(h);
      drawn = key;
      still = h.at + rests;
      continue;
    }
    if (h.code !== "control.input") {
      lines.push(h);
      continue;
    }
    const acts = Array.isArray(h.data["acts"]) ? h.data["acts"].map(said).join("") : "";
    if (acts === "") continue; // what was pressed goes up
    const last = lines[line];
    if (last !== undefined && last.segment === h.segment && h.at < until && what.length + acts.length <= most) {
      what += acts;
      lines[line] = { ...last, data: { what } };
    } else {
      what = acts;
      line = lines.push({ ...h, data: { what } }) - 1;
    }
    until = h.at + pause;
  }
  return lines;
}

/** said is one act: text as it is, keys and buttons in brackets. */
function said(act: unknown): string {
  if (typeof act !== "object" || act === null) return "";
  const a = act as Record<string, unknown>;
  switch (a["kind"]) {
    case "text":
      return String(a["text"] ?? "");
    case "key":
      return a["down"] === true ? `[${String(a["code"])}]` : "";
    case "button":
      return a["down"] === true ? `[●${String(a["button"])} ${Number(a["x"] ?? 0)}, ${Number(a["y"] ?? 0)}]` : "";
    case "wheel":
      return "[↕]";
    default:
      return "";
  }
}
