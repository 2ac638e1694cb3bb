// The page of an auditor's keys: makes or reads a key, locks it under a passphrase,
// perhaps under a passkey too, and sends the public half and the locked ones.

import { by, dataOf } from "./element";
import { makePair, type Pair, passphraseProblem, readPair, unwrapPair, wrapSecret } from "./identity";
import { Kem, recipientText } from "./keytext";
import { makePasskey, openByPasskey, type Owner } from "./passkey";
import { Problem } from "./problem";
import type { LockedKey } from "./unlock";
import { say, speak } from "./words";

interface Keys {
  keys: LockedKey[];
  passkeys_for: Owner;
  texts: Record<string, string>;
}

const data = dataOf<Keys>("keys-data");
speak(data.texts);

const make = by<HTMLFormElement>("make");
const value = (id: string) => by<HTMLInputElement>(id).value;

/** refuse says above a form what is wrong, and leads to the field. */
function refuse(form: HTMLElement, e: unknown, field: string): void {
  const said = form.querySelector<HTMLElement>("[data-said]");
  if (!(e instanceof Problem) || said === null) throw e;
  said.hidden = false;
  said.textContent = say(`audit.js.${e.code}`, e.values);
  by(field).focus();
}

/** submit fills in a form that the person does not see, and sends it. */
function submit(form: string, fields: Record<string, string>): void {
  const send = by<HTMLFormElement>(form);
  for (const [name, text] of Object.entries(fields)) (send.elements.namedItem(name) as HTMLInputElement).value = text;
  send.submit();
}

/** Only one question of the browser is open at a time: another takes its place. */
let asking = new AbortController();
function turn(): AbortSignal {
  asking.abort();
  asking = new AbortController();
  return asking.signal;
}

/** busy says what goes on in a form. */
function busy(form: HTMLElement, code: string): void {
  const asked = form.querySelector("[data-asked]");
  if (asked !== null) asked.textContent = code === "" ? "" : say(`audit.js.${code}`);
}

/** during lets the buttons of a form rest while something is made that is then sent. */
async function during(form: HTMLElement, work: () => Promise<void>): Promise<void> {
  const buttons = form.querySelectorAll("button");
  for (const b of buttons) b.disabled = true;
  form.querySelector("[data-said]")?.setAttribute("hidden", "");
  busy(form, "working");
  try {
    await work();
  } catch (e) {
    for (const b of buttons) b.disabled = false;
    busy(form, "");
    throw e;
  }
}

/** passkeyFields makes a passkey, as the server is to keep it. */
async function passkeyFields(form: HTMLElement, pair: Pair, keyName: string, name: string, present: LockedKey["passkeys"]): Promise<Record<string, string>> {
  busy(form, "passkey_now");
  const made = await makePasskey(pair, keyName, data.passkeys_for, present, turn());
  return { passkey_name: name, credential: made.credential, passkey: made.wrapped };
}

// A new key.

const withPasskey = document.getElementById("with-passkey") as HTMLInputElement | null; // none where there can be no passkeys
const wanted = () => withPasskey?.checked === true;
const showName = () => (by("with-name").hidden = !wanted());
withPasskey?.addEventListener("change", showName);
if (withPasskey !== null) showName(); // a browser may remember the tick

make.addEventListener("submit", (e) => {
  e.preventDefault();
  const passphrase = value("passphrase");
  if (value("key-name").trim() === "") return refuse(make, new Problem("no_name"), "key-name");
  const wrong = passphraseProblem(passphrase, value("passphrase-again"));
  if (wrong !== null) return refuse(make, new Problem(wrong), wrong === "differ" ? "passphrase-again" : "passphrase");
  if (wanted() && value("with-passkey-name").trim() === "") return refuse(make, new Problem("no_passkey_name"), "with-passkey-name");
  void send(passphrase);
});
make.hidden = false; // sent before this script was there, it would come to nothing

async function send(passphrase: string): Promise<void> {
  const file = by<HTMLInputElement>("key-file").files?.[0];
  let field = "key-file";
  try {
    await during(make, async () => {
      const pair = file === undefined ? await makePair() : await readPair(file.size > 4096 ? "" : await file.text());
      const fields: Record<string, string> = { name: value("key-name"), public_key: await recipientText({ kem: Kem.p256, bytes: pair.publicKey }), wrapped: await wrapSecret(pair.pkcs8, passphrase) };
      field = "with-passkey";
      if (wanted()) Object.assign(fields, await passkeyFields(make, pair, value("key-name"), value("with-passkey-name"), []));
      submit("keep", fields);
    });
  } catch (e) {
    refuse(make, e, field);
  }
}

// Keys that are here.

for (const card of document.querySelectorAll<HTMLElement>("[data-key]")) {
  const key = data.keys.find((k) => k.id === card.dataset["key"]);
  if (key !== undefined) trying(card, key);
  for (const [name, begin] of [["add-passkey", adding], ["relock", relocking]] as const) {
    const form = card.querySelector<HTMLFormElement>(`form.${name}`);
    if (key !== undefined && form !== null) begin(form, key);
  }
}

/** trying says whether a passphrase, or a passkey, opens a key. */
function trying(card: HTMLElement, key: LockedKey): void {
  const form = card.querySelector<HTMLFormElement>("form.try");
  const field = form?.querySelector("input");
  const answer = form?.querySelector(".tried");
  if (!form || !field || !answer) return;
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    asking.abort();
    answer.textContent = say("audit.js.working");
    unwrapPair(key.wrapped, field.value).then(
      () => (answer.textContent = say("audit.js.right_passphrase")),
      () => (answer.textContent = say("audit.js.wrong_passphrase")),
    );
    field.value = "";
  });
  form.querySelector("[data-try-passkey]")?.addEventListener("click", () => {
    const signal = turn();
    answer.textContent = say("audit.js.passkey_now");
    openByPasskey(key, signal).then(
      () => (answer.textContent = say("audit.js.right_passkey")),
      (e: unknown) => {
        if (signal.aborted) return;
        answer.textContent = "";
        if (!(e instanceof Problem)) throw e;
        answer.textContent = say(`audit.js.${e.code}`, e.values);
      },
    );
  });
  form.hidden = false;
}

/** adding makes one more passkey: the passphrase first, then the authenticator. */
function adding(form: HTMLFormElement, key: LockedKey): void {
  const [name, passphrase] = [`passkey-name-${key.id}`, `passkey-passphrase-${key.id}`];
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    if (value(name).trim() === "") return refuse(form, new Problem("no_passkey_name"), name);
    let field = passphrase;
    void during(form, async () => {
      const pair = await unwrapPair(key.wrapped, value(passphrase));
      field = name;
      submit("keep-passkey", { id: key.id, ...(await passkeyFields(form, pair, key.name, value(name), key.passkeys)) });
    }).catch((problem: unknown) => refuse(form, problem, field));
  });
  form.hidden = false;
}

/** relocking sets another passphrase: a passkey opens the key for it. */
function relocking(form: HTMLFormElement, key: LockedKey): void {
  const [passphrase, again] = [`relock-${key.id}`, `relock-again-${key.id}`];
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const wrong = passphraseProblem(value(passphrase), value(again));
    if (wrong !== null) return refuse(form, new Problem(wrong), wrong === "differ" ? again : passphrase);
    void during(form, async () => {
      busy(form, "passkey_now");
      const pair = await openByPasskey(key, turn());
      busy(form, "working");
      submit("keep-relocked", { id: key.id, wrapped: await wrapSecret(pair.pkcs8, value(passphrase)) });
    }).catch((problem: unknown) => refuse(form, problem, passphrase));
  });
  form.hidden = false;
}
