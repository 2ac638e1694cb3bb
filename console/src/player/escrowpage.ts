// The page of the printed keys: makes three, shows each for printing, asks a line of
// each back, sends the public halves, and forgets.

import { by, dataOf } from "./element";
import { hybridIdentity } from "./hybrid";
import { Kem, recipientText, sheetLines, typedBack } from "./keytext";
import { say, speak } from "./words";

interface Sheet {
  id: string;
  recipient: string;
  lines: string[];
}

speak(dataOf<{ texts: Record<string, string> }>("escrow-data").texts);

const [begin, have, back, send] = [by<HTMLFormElement>("begin"), by<HTMLFormElement>("have"), by<HTMLFormElement>("back"), by<HTMLFormElement>("send")];
const [sheet, typed, error] = [by("sheet"), by<HTMLInputElement>("typed"), by("error-typed")];
let sheets: Sheet[] = [];
let at = 0; // sheet
let asked = 0; // line of it, from 0

async function makeSheet(): Promise<Sheet> {
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const { id, publicKey } = await hybridIdentity(seed);
  const made = { id, recipient: await recipientText({ kem: Kem.hybrid, bytes: publicKey }), lines: await sheetLines({ kem: Kem.hybrid, bytes: seed }) };
  seed.fill(0);
  return made;
}

/** leaving warns whoever goes away in between: nothing would be left of the keys. */
const leaving = (e: BeforeUnloadEvent) => e.preventDefault();

/** show shows a sheet for printing. */
function show(n: number): void {
  const s = sheets[n];
  if (s === undefined) return;
  at = n;
  by("sheet-title").textContent = say("audit.js.sheet_title", { number: n + 1 });
  by("sheet-id").textContent = s.id;
  by("sheet-lines").textContent = s.lines.join("\n");
  sheet.hidden = have.hidden = false;
  sheet.classList.remove("away");
  back.hidden = begin.hidden = true;
  by("sheet-title").focus();
}

/** ask hides the sheet and asks one of its lines back. */
function ask(): void {
  const lines = sheets[at]?.lines ?? [];
  asked = (crypto.getRandomValues(new Uint8Array(1))[0] ?? 0) % lines.length;
  by("back-title").textContent = say("audit.js.sheet_title", { number: at + 1 });
  by("back-label").textContent = say("audit.js.type_line", { line: asked + 1 });
  typed.value = "";
  wrong(null);
  sheet.classList.add("away"); // from the screen; it can still be printed
  have.hidden = true;
  back.hidden = false;
  typed.focus();
}

function wrong(sentence: string | null): void {
  by("back-field").classList.toggle("invalid", sentence !== null);
  error.hidden = sentence === null;
  error.textContent = sentence ?? "";
  typed.setAttribute("aria-invalid", String(sentence !== null));
  typed.setAttribute("aria-describedby", sentence === null ? "hint-typed" : "hint-typed error-typed");
}

begin.addEventListener("submit", (e) => {
  e.preventDefault();
  void (async () => {
    addEventListener("beforeunload", leaving);
    sheets = [await makeSheet(), await makeSheet(), await makeSheet()];
    show(0);
  })();
});
have.addEventListener("submit", (e) => {
  e.preventDefault();
  ask();
});
by("print").addEventListener("click", () => print());
by("again").addEventListener("click", () => show(at));

back.addEventListener("submit", (e) => {
  e.preventDefault();
  const group = typedBack(sheets[at]?.lines[asked] ?? "", typed.value);
  if (group !== null) {
    wrong(say("audit.js.typed_wrong", { line: asked + 1, group }));
    typed.focus();
    return;
  }
  const done = sheets[at];
  if (done !== undefined) done.lines = []; // forgotten: it is on paper
  by("sheet-lines").textContent = "";
  if (at + 1 < sheets.length) return show(at + 1);
  sheets.forEach((s, n) => ((send.elements.namedItem(`key${n + 1}`) as HTMLInputElement).value = s.recipient));
  removeEventListener("beforeunload", leaving);
  send.submit();
});

begin.hidden = false;
addEventListener("pageshow", (e) => e.persisted && location.reload()); // keys do not come back with the page
