// What leaves the browser in clear: the picture as MP4, what happened as a report in
// JSON or XML. Their forms are published as schemas beside this page.

import { Fragment, mimeOf } from "./mp4";
import { Problem } from "./problem";
import type { Piece, Recording } from "./recording";
import { laneOf } from "./lanes";
import { tell } from "./words";

/** What the page adds to a report. */
export interface About {
  office: string;
  auditor: string;
  technician: string;
  team: string;
  verdict: string;
  reasons: string[];
}

export interface File {
  name: string;
  blob: Blob;
}

const batch = 64;

/** video makes an MP4 of each run of one form of the picture, decrypted as it goes. */
export async function video(r: Recording, progress: (share: number) => void): Promise<File[]> {
  const runs: { stream: number; pieces: Piece[] }[] = [];
  for (const [stream, pieces] of r.streams) {
    for (const p of pieces) {
      const run = runs.at(-1);
      const before = run?.pieces.at(-1);
      if (run !== undefined && before !== undefined && run.stream === stream && sameForm(before, p)) run.pieces.push(p);
      else runs.push({ stream, pieces: [p] });
    }
  }
  if (runs.length === 0) throw new Problem("no_video");
  const total = runs.reduce((n, run) => n + run.pieces.length, 0);
  const files: File[] = [];
  let done = 0;
  for (const [n, run] of runs.entries()) {
    const first = run.pieces[0] as Piece;
    const parts: BlobPart[] = [first.init];
    let written = 0; // ms, up to which the run has pictures
    for (let i = 0; i < run.pieces.length; ) {
      const segment = (run.pieces[i] as Piece).segment;
      const some = run.pieces.slice(i, i + batch).filter((p) => p.segment === segment);
      const items = await segment.read(some.map((p) => p.header));
      for (const item of items) {
        const piece = some.find((p) => p.header.index === item.header.index) as Piece;
        const f = new Fragment(item.body.slice(1));
        const at = Math.max(written, piece.at - first.at);
        f.place(at, piece.end - first.at);
        written = at + f.length;
        parts.push(f.bytes);
      }
      i += some.length;
      done += some.length;
      progress(done / total);
    }
    files.push({ name: `${r.id}${n === 0 ? "" : `-${n + 1}`}.mp4`, blob: new Blob(parts, { type: mimeOf(first.init) }) });
  }
  return files;
}

const sameForm = (a: Piece, b: Piece) => a.init === b.init || (a.init.length === b.init.length && a.init.every((n, i) => n === b.init[i]));

/** report is everything that happened, as data. */
export function report(r: Recording, about: About): Record<string, unknown> {
  return {
    format: "consento audit report",
    version: 1,
    made: new Date().toISOString(),
    office: about.office,
    auditor: about.auditor,
    session: {
      id: r.id, started: new Date(r.started).toISOString(), length_ms: Math.round(r.length), technician: about.technician, team: about.team, origin: r.segments[0]?.open.origin ?? "",
      segments: r.segments.length,
    },
    verdict: { state: about.verdict, reasons: about.reasons },
    damaged: r.damaged.map((d) => ({ segment: d.segment, record: d.header.index, at_ms: d.at })),
    gaps: r.holes.map((h) => ({ from_ms: h.from, to_ms: h.to })),
    entries: r.happenings.map((h) => ({
      at_ms: h.at, time: new Date(r.started + h.at).toISOString(), segment: h.segment, record: h.index, kind: laneOf(h), code: h.code, text: tell(h), data: h.data,
    })),
  };
}

export const json = (r: Recording, about: About): File => ({
  name: `${r.id}.json`,
  blob: new Blob([`${JSON.stringify(report(r, about), null, 2)}\n`], { type: "application/json" }),
});

/** What the members of a list are called in XML. */
const members: Record<string, string> = { entries: "entry", reasons: "reason", gaps: "gap", damaged: "unreadable" };

/** xml is the same report (report.xsd); data stays JSON inside it. */
export function xml(r: Recording, about: About): File {
  const doc = document.implementation.createDocument("urn:consento:report:1", "report");
  const put = (to: Element, name: string, value: unknown): void => {
    if (Array.isArray(value)) {
      const list = to.appendChild(doc.createElementNS(to.namespaceURI, name));
      for (const v of value) put(list, members[name] ?? name, v);
      return;
    }
    const e = to.appendChild(doc.createElementNS(to.namespaceURI, name));
    if (typeof value === "object" && value !== null && name !== "data") for (const [k, v] of Object.entries(value)) put(e, k, v);
    else e.textContent = allowed(typeof value === "object" ? JSON.stringify(value) : String(value));
  };
  for (const [k, v] of Object.entries(report(r, about))) put(doc.documentElement, k, v);
  const text = new XMLSerializer().serializeToString(doc);
  return { name: `${r.id}.xml`, blob: new Blob(['<?xml version="1.0" encoding="UTF-8"?>\n', text, "\n"], { type: "application/xml" }) };
}

/** Characters that XML 1.0 has no way to write are shown as what they are not. */
const allowed = (text: string) => text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/gu, "\ufffd");

/** save hands a file to the browser. */
export function save(f: File): void {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(f.blob);
  a.download = f.name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 60_000);
}
