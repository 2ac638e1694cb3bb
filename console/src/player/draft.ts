// The form in which the next policy is made: whose sessions are read by which keys,
// the printed keys, the customer's copy.

import { by, make } from "./element";
import { idOf, type Policy, type Rule } from "./policyfile";
import { readRecipient } from "./keytext";
import { Problem } from "./problem";
import { say } from "./words";

/** What a policy may be made of. */
export interface Draft {
  readonly keys: { key: string; name: string; auditor: boolean }[];
  readonly escrow: string[]; // printed and confirmed: three, or none
  readonly teams: string[];
  readonly territories: string[];
}

let offered: { key: string; name: string; id: string }[] = [];
let printed: string[] = [];
let rules = 0; // made so far, for their ids

const list = (id: string, values: readonly string[]) => make("datalist", { id }, ...values.map((v) => make("option", { value: v })));

function box(label: string, id: string, on: boolean, ...more: Node[]): HTMLLabelElement {
  const input = make("input", { type: "checkbox", id });
  input.checked = on;
  return make("label", { class: "pick" }, input, make("span", {}, `${label} `, ...more));
}

function keyBox(n: number, k: { key: string; name: string; id: string }, on: boolean): HTMLElement {
  const b = box(k.name, `rule-${n}-${k.id}`, on, make("code", {}, k.id));
  b.dataset["key"] = k.key;
  return b;
}

function addRule(rule: Rule): void {
  const n = ++rules;
  const text = (what: "name" | "territory", options: string) =>
    make("div", { class: "field" }, make("label", { for: `rule-${n}-${what}` }, say(`audit.js.rule_${what}`)), make("input", { id: `rule-${n}-${what}`, list: options, value: rule[what], maxlength: "100", autocomplete: "off", "aria-describedby": `rule-${n}-hint` }));
  const remove = make("button", { type: "button", class: "button small" }, say("audit.js.rule_remove"));
  const set = make(
    "fieldset",
    { class: "choices rule", "data-rule": String(n) },
    make("legend", {}, say("audit.js.rule", { number: n })),
    make("p", { class: "hint", id: `rule-${n}-hint` }, say("audit.js.rule_hint")),
    make("div", { class: "filter-fields" }, text("name", "teams"), text("territory", "territories")),
    make("fieldset", { class: "choices", "data-keys": "" }, make("legend", {}, say("audit.js.rule_keys")), ...offered.map((k) => keyBox(n, k, rule.recipients.includes(k.key)))),
    make("p", {}, box(say("audit.js.rule_dual"), `rule-${n}-dual`, rule.dual)),
    make("p", {}, remove),
  );
  remove.addEventListener("click", () => {
    set.remove();
    by("rule-add").focus();
  });
  by("rules").append(set);
}

function offer(key: string, name: string, id: string): void {
  if (offered.some((k) => k.key === key)) return;
  offered.push({ key, name, id });
  for (const set of document.querySelectorAll<HTMLElement>("[data-rule]")) set.querySelector("[data-keys]")?.append(keyBox(Number(set.dataset["rule"]), { key, name, id }, false));
}

async function escrowChoices(present: readonly string[]): Promise<void> {
  const choice = async (value: string, label: string, keys: readonly string[], on: boolean) => {
    const input = make("input", { type: "radio", name: "escrow", value });
    input.checked = on;
    return make("label", { class: "pick" }, input, make("span", {}, `${label} `, ...(await Promise.all(keys.map(idOf))).flatMap((id) => [make("code", {}, id), " "])));
  };
  const fresh = printed.length === 3 && printed.join() !== present.join();
  const all: HTMLElement[] = [];
  if (present.length > 0) all.push(await choice("present", say("audit.js.escrow_present"), present, !fresh));
  if (fresh) all.push(await choice("printed", say("audit.js.escrow_printed"), printed, true));
  all.push(await choice("none", say("audit.js.escrow_none"), [], present.length === 0 && !fresh));
  by("escrow").replaceChildren(...all.map((c) => make("p", {}, c)));
}

/** showDraft fills the form in as the policy in force says; without one, as most offices want it. */
export async function showDraft(draft: Draft, present: Policy | null): Promise<void> {
  printed = draft.escrow;
  for (const k of draft.keys) offered.push({ key: k.key, name: k.name, id: await idOf(k.key) });
  for (const key of present?.teams.flatMap((t) => t.recipients) ?? []) if (!offered.some((k) => k.key === key)) offered.push({ key, name: say("audit.js.unknown_key"), id: await idOf(key) });
  by("rules").before(list("teams", draft.teams), list("territories", draft.territories));
  const first: Rule = { name: "", territory: "", dual: false, recipients: draft.keys.filter((k) => k.auditor).map((k) => k.key) };
  for (const rule of present?.teams ?? [first]) addRule(rule);
  await escrowChoices(present?.escrow ?? []);
  by<HTMLInputElement>("customer").checked = present?.customer ?? true;
  by("rule-add").addEventListener("click", () => {
    addRule({ name: "", territory: "", dual: false, recipients: [] });
    by(`rule-${rules}-name`).focus();
  });
  by("key-take").addEventListener("click", () => {
    const field = by<HTMLTextAreaElement>("key-text");
    const text = field.value.trim();
    void readRecipient(text).then(
      async () => {
        offer(text, say("audit.js.brought_key"), await idOf(text));
        by("key-said").textContent = say("audit.js.key_taken");
        field.value = "";
      },
      (e: unknown) => {
        if (!(e instanceof Problem)) throw e;
        by("key-said").textContent = say(`audit.js.${e.code}`);
        field.focus();
      },
    );
  });
}

/** readDraft is what the form says. */
export function readDraft(present: Policy | null): Pick<Policy, "teams" | "escrow" | "customer"> {
  const teams = [...document.querySelectorAll<HTMLElement>("[data-rule]")].map((set): Rule => {
    const id = (what: string) => by<HTMLInputElement>(`rule-${set.dataset["rule"] ?? ""}-${what}`);
    const chosen = [...set.querySelectorAll<HTMLElement>("[data-key]")].filter((b) => b.querySelector("input")?.checked === true);
    return { name: id("name").value.trim(), territory: id("territory").value.trim(), dual: id("dual").checked, recipients: chosen.map((b) => b.dataset["key"] ?? "") };
  });
  const choice = document.querySelector<HTMLInputElement>("#escrow input:checked")?.value;
  return { teams, escrow: choice === "present" ? (present?.escrow ?? []) : choice === "printed" ? printed : [], customer: by<HTMLInputElement>("customer").checked };
}
