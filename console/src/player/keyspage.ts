// The page of an auditor's keys: makes or reads a key, locks it under a passphrase,
// and sends the public half and the locked one.

import { by, dataOf } from "./element";
import { makePair, passphraseProblem, readPair, unwrapPair, wrapSecret } from "./identity";
import { Kem, recipientText } from "./keytext";
import { Problem } from "./problem";
import { say, speak } from "./words";

interface Keys {
  keys: { id: string; name: string; wrapped: string }[];
  texts: Record<string, string>;
}

const data = dataOf<Keys>("keys-data");
speak(data.texts);

const make = by<HTMLFormElement>("make");
const keep = by<HTMLFormElement>("keep");
const said = make.querySelector<HTMLElement>("[data-said]");
const value = (id: string) => by<HTMLInputElement>(id).value;

function refuse(code: string, field: string): void {
  if (said === null) return;
  said.hidden = false;
  said.textContent = say(`audit.js.${code}`);
  by(field).focus();
}

make.addEventListener("submit", (e) => {
  e.preventDefault();
  const passphrase = value("passphrase");
  if (value("key-name").trim() === "") return refuse("no_name", "key-name");
  const wrong = passphraseProblem(passphrase, value("passphrase-again"));
  if (wrong !== null) return refuse(wrong, wrong === "differ" ? "passphrase-again" : "passphrase");
  void send(passphrase);
});
make.hidden = false; // sent before this script was there, it would come to nothing

async function send(passphrase: string): Promise<void> {
  const file = by<HTMLInputElement>("key-file").files?.[0];
  try {
    const pair = file === undefined ? await makePair() : await readPair(file.size > 4096 ? "" : await file.text());
    const fields: Record<string, string> = { name: value("key-name"), public_key: await recipientText({ kem: Kem.p256, bytes: pair.publicKey }), wrapped: await wrapSecret(pair.pkcs8, passphrase) };
    for (const [name, text] of Object.entries(fields)) (keep.elements.namedItem(name) as HTMLInputElement).value = text;
    keep.submit();
  } catch (e) {
    if (!(e instanceof Problem)) throw e;
    refuse(e.code, "key-file");
  }
}

for (const form of document.querySelectorAll<HTMLFormElement>("form.try")) {
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const key = data.keys.find((k) => k.id === form.closest<HTMLElement>("[data-key]")?.dataset["key"]);
    const field = form.querySelector("input");
    const answer = form.querySelector(".tried");
    if (key === undefined || field === null || answer === null) return;
    answer.textContent = say("audit.js.working");
    unwrapPair(key.wrapped, field.value).then(
      () => (answer.textContent = say("audit.js.right_passphrase")),
      () => (answer.textContent = say("audit.js.wrong_passphrase")),
    );
    field.value = "";
  });
  form.hidden = false;
}
