// The recipient policy (recordings/FORMAT.md): its text, its signatures, and whom it
// names for whose sessions.

import { hex, unhex, utf8 } from "../crypto/bytes";
import { type Key, keyId, readRecipient, sha256 } from "./keytext";
import { Problem } from "./problem";
import { policyMessage, type Signer, verified } from "./rootkey";

/** A Rule says who reads the sessions of a technician's team. */
export interface Rule {
  readonly name: string; // "" every team
  readonly territory: string; // "" every territory
  readonly dual: boolean; // any two together; else each alone
  readonly recipients: readonly string[]; // as text
}

export interface Policy {
  readonly number: number;
  readonly prev: string; // hash of the one before, "" in the first
  readonly made: number; // ms since 1970
  readonly root: string; // public key, hexadecimal
  readonly teams: readonly Rule[];
  readonly escrow: readonly string[]; // three, or none
  readonly customer: boolean;
}

/** A policy with its signatures, as it stands in a file. */
export interface SignedPolicy {
  readonly policy: Policy;
  readonly hash: string;
  readonly file: string;
}

const most = { text: 256 << 10, teams: 200, dual: 12, recipients: 97, name: 100 } as const;

/** policyText is the one spelling that is signed and hashed. */
export function policyText(p: Policy): string {
  const teams = p.teams.map((t) => ({ name: t.name, territory: t.territory, dual: t.dual, recipients: t.recipients }));
  return JSON.stringify({ v: 1, number: p.number, prev: p.prev, made: p.made, root: p.root, teams, escrow: p.escrow, customer: p.customer });
}

/** plainName accepts names that every JSON library writes in the same way. */
function plainName(name: string): boolean {
  return [...name].length <= most.name && !/["\\<>&\u2028\u2029\ufffd\p{Cc}\p{Cs}]|^\p{White_Space}|\p{White_Space}$/u.test(name);
}

const twice = (list: readonly string[]) => new Set(list).size !== list.length;

/** checkPolicy throws a Problem for what breaks a rule of the format. */
export async function checkPolicy(p: Policy): Promise<void> {
  if (p.teams.length === 0 || p.teams.length > most.teams) throw new Problem("policy_nobody");
  if (twice(p.teams.map((t) => `${t.name}\n${t.territory}`))) throw new Problem("policy_twice");
  for (const t of p.teams) {
    if (!plainName(t.name) || !plainName(t.territory)) throw new Problem("policy_name");
    if (t.recipients.length === 0 || t.recipients.length > most.recipients) throw new Problem("policy_nobody");
    if (t.dual && (t.recipients.length < 2 || t.recipients.length > most.dual)) throw new Problem("policy_dual");
    if (twice(t.recipients)) throw new Problem("malformed_policy");
  }
  const readers = p.teams.flatMap((t) => t.recipients);
  if ((p.escrow.length !== 0 && p.escrow.length !== 3) || twice(p.escrow) || p.escrow.some((e) => readers.includes(e))) throw new Problem("malformed_policy");
  for (const text of [...readers, ...p.escrow]) await readRecipient(text);
  if (policyText(p).length > most.text) throw new Problem("policy_long");
}

/** signPolicy makes the file; before is the root key before, where the policy brings a new one. */
export async function signPolicy(p: Policy, root: Signer, before?: Signer): Promise<string> {
  if (p.root !== root.publicKey) throw new Problem("other_root");
  await checkPolicy(p);
  const text = policyText(p);
  const lines = [text, hex(await root.sign(policyMessage(text)))];
  if (before !== undefined) lines.push(hex(await before.sign(policyMessage(text))));
  return lines.map((l) => `${l}\n`).join("");
}

/** readPolicy reads a file and checks the signature of the root key that it names; whether that is the auditors' it cannot tell. */
export async function readPolicy(file: string): Promise<SignedPolicy> {
  const [text = "", signature = ""] = file.split("\n");
  let policy: Policy;
  try {
    const j = JSON.parse(text) as Policy & { v: number };
    policy = { number: j.number, prev: j.prev, made: j.made, root: j.root, teams: j.teams, escrow: j.escrow, customer: j.customer };
    if (policyText(policy) !== text) throw new Problem("malformed_policy");
  } catch {
    throw new Problem("malformed_policy");
  }
  const [root, by] = [unhex(policy.root), unhex(signature)];
  if (root === null || by === null || !(await verified(root, by, policyMessage(text)))) throw new Problem("malformed_policy");
  await checkPolicy(policy);
  return { policy, hash: hex(await sha256(utf8(text))), file };
}

/** A Way is one stanza of a key bag: all keys of it together open. */
export interface Way {
  readonly class: "auditor" | "escrow";
  readonly to: readonly Key[];
}

const pairs = <T>(of: readonly T[]): T[][] => of.flatMap((a, i) => of.slice(i + 1).map((b) => [a, b]));

/** ways says whom a session of this team and territory is for; a Problem when the policy names nobody. */
export async function ways(p: Policy, team: string, territory: string): Promise<Way[]> {
  const all = new Map<string, string[]>();
  for (const t of p.teams) {
    if ((t.name !== "" && t.name !== team) || (t.territory !== "" && t.territory !== territory)) continue;
    for (const to of t.dual ? pairs(t.recipients) : t.recipients.map((r) => [r])) all.set(to.join("\n"), to);
  }
  if (all.size === 0) throw new Problem("no_rule");
  const way = async (class_: Way["class"], to: string[]): Promise<Way> => ({ class: class_, to: await Promise.all(to.map(readRecipient)) });
  return Promise.all([...[...all.values()].map((to) => way("auditor", to)), ...pairs(p.escrow).map((to) => way("escrow", to))]);
}

/** Something that the next policy changes, for people: code of its words, and whose sessions, which key. */
export interface Change {
  readonly code: "rule_added" | "rule_gone" | "key_added" | "key_gone" | "dual_on" | "dual_off" | "escrow_new" | "escrow_gone" | "copy_on" | "copy_off" | "root_new";
  readonly rule?: Rule;
  readonly key?: string; // as text, or hexadecimal for a root key
}

/** changes lists everything in which two policies differ but number, time and what they follow. */
export function changes(before: Policy | null, after: Policy): Change[] {
  const list: Change[] = [];
  const same = (a: Rule) => (b: Rule) => a.name === b.name && a.territory === b.territory;
  for (const rule of before?.teams ?? []) if (!after.teams.some(same(rule))) list.push({ code: "rule_gone", rule });
  for (const rule of after.teams) {
    const old = before?.teams.find(same(rule));
    if (old === undefined) list.push({ code: "rule_added", rule });
    if (rule.dual !== (old?.dual ?? false)) list.push({ code: rule.dual ? "dual_on" : "dual_off", rule });
    for (const key of rule.recipients) if (!old?.recipients.includes(key)) list.push({ code: "key_added", rule, key });
    for (const key of old?.recipients ?? []) if (!rule.recipients.includes(key)) list.push({ code: "key_gone", rule, key });
  }
  const escrow = before?.escrow ?? [];
  if (after.escrow.length === 0 && escrow.length > 0) list.push({ code: "escrow_gone" });
  for (const key of after.escrow) if (!escrow.includes(key)) list.push({ code: "escrow_new", key });
  if (after.customer !== (before?.customer ?? false)) list.push({ code: after.customer ? "copy_on" : "copy_off" });
  if (before !== null && after.root !== before.root) list.push({ code: "root_new", key: after.root });
  return list;
}

/** idOf is the short name of a key that is given as text. */
export const idOf = async (recipient: string): Promise<string> => keyId((await readRecipient(recipient)).bytes);
