// The form of one act with a ticket. What is typed stays until it is done.

import { useEffect, useRef } from "preact/hooks";
import type { TicketAct, TicketShown } from "../protocol";
import type { OpenTicket } from "../tickets/opened";
import { d, t } from "../text";

const resolutions = ["solved", "workaround", "duplicate", "withdrawn", "not_found"];
const waitings = ["requester", "vendor", "appointment", "parent"];

interface Field {
  name: string;
  label: string;
  hint?: string;
  lines?: number;
  max?: number;
  options?: readonly (readonly [string, string])[];
}

/** fieldsOf are the fields of an act's form. */
function fieldsOf(kind: string, s: TicketShown): Field[] {
  const grades = (what: "impact" | "urgency") => [1, 2, 3].map((n) => [String(n), d(`${what}.${n}`)] as const);
  switch (kind) {
    case "categorise":
      return [
        { name: "category", label: d("fact.category"), options: [["", "–"], ...(s.choices.categories ?? []).map((c) => [c.id, c.name] as const)] },
        { name: "area", label: d("fact.area"), max: 200 },
      ];
    case "prioritise":
      return [
        { name: "impact", label: d("fact.impact"), options: grades("impact") },
        { name: "urgency", label: d("fact.urgency"), options: grades("urgency") },
      ];
    case "escalate":
      return [
        { name: "team", label: d("team"), options: (s.choices.teams ?? []).map((x) => [x.id, `${x.name} · ${x.detail ?? ""}`] as const) },
        { name: "text", label: d("why"), lines: 3, max: 8000 },
      ];
    case "resolve":
      return [
        { name: "resolution", label: d("resolution"), options: resolutions.map((r) => [r, d(`resolution.${r}`)] as const) },
        { name: "text", label: d("solution"), hint: d("solution.hint"), lines: 4, max: 8000 },
      ];
    case "wait":
      return [{ name: "waiting", label: d("whom"), options: waitings.map((w) => [w, d(`waiting.${w}`)] as const) }];
    case "assign":
      return [{ name: "assignee", label: d("whom"), options: [["", t("ticket.nobody")], ...(s.choices.colleagues ?? []).map((c) => [c.id, c.name] as const)] }];
    case "edit":
      return [
        { name: "title", label: d("new.title"), max: 200 },
        { name: "name", label: d("fact.requester"), max: 100 },
        { name: "phone", label: d("fact.phone"), max: 60 },
        { name: "email", label: d("fact.email"), max: 254 },
        ...(s.cut === true ? [] : [{ name: "text", label: d("new.text"), lines: 5, max: 8000 }]),
      ];
    case "reopen":
      return [{ name: "text", label: d("why"), lines: 3, max: 8000 }];
    case "answer":
      return [{ name: "text", label: d("answer"), hint: d("solution.hint"), lines: 4, max: 8000 }];
    default:
      return [{ name: "text", label: d("comment"), lines: 4, max: 8000 }];
  }
}

/** actOf is what the form says. */
export function actOf(kind: string, f: Readonly<Record<string, string>>): TicketAct {
  const given = (...names: string[]) => Object.fromEntries(names.map((n) => [n, f[n] ?? ""]).filter(([, v]) => (v ?? "").trim() !== ""));
  switch (kind) {
    case "prioritise":
      return { kind, impact: Number(f["impact"]), urgency: Number(f["urgency"]) };
    case "edit":
      return { kind, ...given("title", "text"), requester: { name: f["name"] ?? "", ...given("phone", "email") } };
    default:
      return { kind, ...given("category", "area", "team", "resolution", "waiting", "assignee", "text") };
  }
}

export function ActForm({ ticket, shown, done }: { ticket: OpenTicket; shown: TicketShown; done?: () => void }) {
  const form = useRef<HTMLFormElement>(null);
  const kind = ticket.kind.value;
  useEffect(() => form.current?.querySelector<HTMLElement>("select, input, textarea")?.focus(), []);
  const send = async () => {
    const button = document.querySelector<HTMLElement>(`[data-act="${kind}"]`);
    if (!(await ticket.send(actOf(kind, ticket.fields.value)))) return;
    done?.();
    requestAnimationFrame(() => (button?.isConnected === true ? button : document.querySelector<HTMLElement>(".act-buttons button"))?.focus()); // the form is gone with the focus
  };
  return (
    <form
      ref={form}
      class="act-form"
      noValidate
      aria-label={d(`act.${kind}`)}
      onSubmit={(e) => {
        e.preventDefault();
        void send();
      }}
      onKeyDown={(e) => {
        if (e.key === "Escape" && !e.isComposing) {
          e.stopPropagation();
          ticket.choose(kind);
          document.querySelector<HTMLElement>(`[data-act="${kind}"]`)?.focus();
        }
        if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
          e.preventDefault();
          void send();
        }
      }}
    >
      {fieldsOf(kind, shown).map((f) => (
        <Input key={f.name} field={f} ticket={ticket} />
      ))}
      <div class="actions">
        <button type="submit" class="button primary small" data-testid="do" aria-disabled={ticket.busy.value}>
          {d(`act.${kind}`)}
        </button>
        <button type="button" class="button quiet small" onClick={() => ticket.choose(kind)}>
          {t("ticket.cancel")}
        </button>
      </div>
    </form>
  );
}

function Input({ field: f, ticket }: { field: Field; ticket: OpenTicket }) {
  const id = `act-${f.name}`;
  const common = {
    id,
    value: ticket.fields.value[f.name] ?? "",
    "aria-invalid": ticket.problem.value?.field === f.name,
    "aria-describedby": f.hint === undefined ? undefined : `${id}-hint`,
    onInput: (e: Event) => ticket.type(f.name, (e.currentTarget as HTMLInputElement).value),
  };
  return (
    <div class="field">
      <label for={id}>{f.label}</label>
      {f.hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {f.hint}
        </p>
      )}
      {f.options !== undefined ? (
        <select {...common}>
          {f.options.map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      ) : f.lines !== undefined ? (
        <textarea {...common} rows={f.lines} maxLength={f.max} dir="auto" />
      ) : (
        <input {...common} type="text" maxLength={f.max} autocomplete="off" dir="auto" />
      )}
    </div>
  );
}
