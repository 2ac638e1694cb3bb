// The page of who may read: keeps a locked copy of the auditors' key, makes the next
// policy, says what it changes, signs it, and hands it in.

import { hex } from "../crypto/bytes";
import { type Draft, readDraft, showDraft } from "./draft";
import { by, dataOf, make } from "./element";
import { save } from "./export";
import { passphraseProblem, unwrapSecret, wrapSecret } from "./identity";
import { knownRoot, rememberRoot } from "./pin";
import { type Change, changes, checkPolicy, idOf, type Policy, readPolicy, signPolicy, type SignedPolicy } from "./policyfile";
import { Problem } from "./problem";
import { makeRoot, readRoot, type Root, rootFile, type Signer, signerOf, takeRoot } from "./rootkey";
import { say, speak } from "./words";

interface LockedRoot {
  public_key: string;
  wrapped: string;
}

const data = dataOf<Draft & { file: string; roots: LockedRoot[]; texts: Record<string, string> }>("policy-data");
speak(data.texts);

const value = (id: string) => by<HTMLInputElement>(id).value;
const fileOf = (id: string) => by<HTMLInputElement>(id).files?.[0];
const textOf = async (file: File) => (file.size > 4096 ? "" : file.text());

/** refuse says in a form what is wrong. */
function refuse(form: HTMLElement, e: unknown, field?: string): void {
  const said = form.querySelector<HTMLElement>("[data-said]");
  if (!(e instanceof Problem) || said === null) throw e;
  said.textContent = say(`audit.js.${e.code}`, e.values);
  said.hidden = false;
  if (field !== undefined) by(field).focus();
  else said.scrollIntoView({ block: "nearest" });
}

const settle = (form: HTMLElement) => form.querySelector<HTMLElement>("[data-said]")?.setAttribute("hidden", "");

// The auditors' key.

const rootForm = by<HTMLFormElement>("root");
let made: { root: Root; wrapped: string } | null = null;

function keep(publicKey: string, wrapped: string): void {
  const send = by<HTMLFormElement>("root-send");
  (send.elements.namedItem("public_key") as HTMLInputElement).value = publicKey;
  (send.elements.namedItem("wrapped") as HTMLInputElement).value = wrapped;
  send.submit();
}

rootForm.addEventListener("submit", (e) => {
  e.preventDefault();
  settle(rootForm);
  const passphrase = value("root-passphrase");
  const wrong = passphraseProblem(passphrase, value("root-again"));
  if (wrong !== null) return refuse(rootForm, new Problem(wrong), wrong === "differ" ? "root-again" : "root-passphrase");
  void (async () => {
    const file = fileOf("root-file");
    try {
      const root = file === undefined ? await makeRoot() : await readRoot(await textOf(file));
      const wrapped = await wrapSecret(root.pkcs8, passphrase);
      if (file !== undefined) return keep(hex(root.publicKey), wrapped);
      made = { root, wrapped };
      by("root-public").textContent = hex(root.publicKey);
      rootForm.hidden = true;
      by("rooted").hidden = false;
      by("root-save").focus();
    } catch (problem) {
      refuse(rootForm, problem, "root-file");
    }
  })();
});
by("root-save").addEventListener("click", () => {
  if (made === null) return;
  save({ name: "auditors-root.pem", blob: new Blob([rootFile(made.root)], { type: "application/x-pem-file" }) });
  by("root-saved").textContent = say("audit.js.exported");
});
by("root-keep").addEventListener("click", () => {
  if (made !== null) keep(hex(made.root.publicKey), made.wrapped);
});

// The next policy.

const [draft, review, sign] = [by<HTMLFormElement>("draft"), by("review"), by<HTMLFormElement>("sign")];
let current: SignedPolicy | null = null;
let next: Policy | null = null;

/** keyOf is a choice of a root key: one that is kept here, or a file. */
function keyFields(name: string, legend: string): HTMLElement {
  const select = make("select", { id: `${name}-key` }, ...data.roots.map((r) => make("option", { value: r.public_key }, `${r.public_key.slice(0, 16)}…`)), make("option", { value: "" }, say("audit.js.root_by_file")));
  const file = make("div", { class: "field" }, make("label", { for: `${name}-file` }, say("audit.js.root_file")), make("input", { id: `${name}-file`, type: "file" }));
  const passphrase = make("div", { class: "field" }, make("label", { for: `${name}-passphrase` }, say("audit.js.passphrase")), make("input", { id: `${name}-passphrase`, type: "password", autocomplete: "off", maxlength: "256" }));
  const choose = () => {
    file.hidden = select.value !== "";
    passphrase.hidden = select.value === "";
  };
  const inForce = current?.policy.root;
  const preferred = data.roots.find((r) => r.public_key === inForce) ?? data.roots.at(-1);
  select.value = preferred?.public_key ?? "";
  select.addEventListener("change", choose);
  choose();
  return make("fieldset", { id: `${name}-fields` }, make("legend", {}, legend), make("div", { class: "field" }, make("label", { for: `${name}-key` }, say("audit.js.root_key")), select), file, passphrase);
}

async function signerFrom(name: string): Promise<Signer> {
  const kept = data.roots.find((r) => r.public_key === value(`${name}-key`));
  if (kept !== undefined) return signerOf(await takeRoot(await unwrapSecret(kept.wrapped, value(`${name}-passphrase`))));
  const file = fileOf(`${name}-file`);
  if (file === undefined) throw new Problem("no_root");
  return signerOf(await readRoot(await textOf(file)));
}

const who = (c: Change) => `\u2068${[c.rule?.name, c.rule?.territory].filter(Boolean).join(", ") || say("audit.js.everyone")}\u2069`;

async function inWords(c: Change): Promise<string> {
  if (c.key === undefined) return say(`audit.js.change.${c.code}`, { who: who(c) });
  if (c.code === "root_new") return say("audit.js.change.root_new", { key: c.key });
  const name = data.keys.find((k) => k.key === c.key)?.name;
  const id = await idOf(c.key);
  return say(`audit.js.change.${c.code}`, { who: who(c), key: name === undefined || name === "" ? id : `\u2068${name}\u2069 (${id})` });
}

/** prepare says what the draft would change; nothing is signed before that was seen. */
async function prepare(): Promise<void> {
  const before = current?.policy ?? null;
  next = { number: (before?.number ?? 0) + 1, prev: current?.hash ?? "", made: Date.now(), root: before?.root ?? "0".repeat(64), ...readDraft(before) };
  await checkPolicy(next);
  const list = changes(before, next);
  if (list.length === 0) throw new Problem("no_change");
  by("changes").replaceChildren(...(await Promise.all(list.map(inWords))).map((words) => make("li", {}, words)));
  by("review-warn").textContent = say("audit.js.no_escrow");
  by("review-warn").hidden = next.escrow.length > 0;
  by("sign-fields").replaceChildren(keyFields("root-sign", say("audit.js.sign_with")));
  settle(sign);
  draft.hidden = true;
  review.hidden = false;
  by("review-title").focus();
}

draft.addEventListener("submit", (e) => {
  e.preventDefault();
  settle(draft);
  prepare().catch((problem: unknown) => refuse(draft, problem));
});
by("review-back").addEventListener("click", () => {
  review.hidden = true;
  draft.hidden = false;
  draft.querySelector("input")?.focus();
});

sign.addEventListener("submit", (e) => {
  e.preventDefault();
  settle(sign);
  void (async () => {
    if (next === null) return;
    try {
      const signer = await signerFrom("root-sign");
      let before: Signer | undefined;
      if (current !== null && signer.publicKey !== current.policy.root) {
        if (document.getElementById("root-before-fields") === null) {
          by("changes").append(make("li", {}, await inWords({ code: "root_new", key: signer.publicKey })));
          by("sign-fields").append(keyFields("root-before", say("audit.js.sign_before")));
          throw new Problem("other_root");
        }
        before = await signerFrom("root-before");
        if (before.publicKey !== current.policy.root) throw new Problem("other_root");
      }
      const file = await signPolicy({ ...next, root: signer.publicKey }, signer, before);
      rememberRoot(signer.publicKey);
      const bring = by<HTMLFormElement>("bring");
      const files = new DataTransfer();
      files.items.add(new File([file], `${next.number}.policy`, { type: "text/plain" }));
      by<HTMLInputElement>("policy").files = files.files;
      bring.submit();
    } catch (problem) {
      refuse(sign, problem);
    }
  })();
});

void (async () => {
  try {
    if (data.file !== "") current = await readPolicy(data.file);
  } catch (problem) {
    draft.hidden = false;
    refuse(draft, problem);
    return;
  }
  const known = knownRoot();
  by("root-other").hidden = current === null || known === null || known === current.policy.root;
  await showDraft(data, current?.policy ?? null);
  draft.hidden = false;
})();
addEventListener("pageshow", (e) => e.persisted && location.reload()); // keys do not come back with the page
