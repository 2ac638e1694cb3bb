// The form of a new ticket: somebody calls, and it is written down while they speak.

import { useEffect, useRef } from "preact/hooks";
import type { DraftFields } from "../tickets/tickets";
import { problemText } from "../tickets/words";
import { d, language, t } from "../text";
import { useConsole } from "./context";

const types = ["incident", "request", "maintenance"];
const channels = ["phone", "mail", "in_person", "staff"];

export function NewTicket() {
  const { desk } = useConsole();
  const { draft } = desk.tickets;
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector<HTMLElement>("input")?.focus(), []);
  const problem = draft.problem.value;
  const make = async () => {
    const id = await draft.make(language);
    if (id === "") {
      form.current?.querySelector<HTMLElement>("[aria-invalid='true']")?.focus();
      return;
    }
    desk.tabs.close(desk.tabs.selected.value);
    desk.openTicket(id);
    desk.notices.say(d("said.open"));
  };
  const input = (name: keyof DraftFields, label: string, more: { hint?: string; max: number; type?: "tel" | "email" }) => {
    const wrong = problem?.field === name || (problem?.field === "contact" && (name === "phone" || name === "email"));
    const props = {
      id: `new-${name}`,
      dir: "auto" as const,
      autocomplete: "off",
      maxLength: more.max,
      "aria-invalid": wrong,
      "aria-describedby": more.hint === undefined ? undefined : `new-${name}-hint`,
      value: draft.fields.value[name],
      onInput: (e: Event) => draft.type(name, (e.currentTarget as HTMLInputElement).value),
    };
    return (
      <div class={wrong ? "field invalid" : "field"}>
        <label for={`new-${name}`}>{label}</label>
        {more.hint !== undefined && (
          <p class="hint" id={`new-${name}-hint`}>
            {more.hint}
          </p>
        )}
        {more.type === "tel" ? <input type="tel" {...props} /> : more.type === "email" ? <input type="email" {...props} /> : <input type="text" {...props} />}
      </div>
    );
  };
  const choose = (name: "type" | "channel", label: string, values: readonly string[]) => (
    <div class="field">
      <label for={`new-${name}`}>{label}</label>
      <select id={`new-${name}`} value={draft.fields.value[name]} onChange={(e) => draft.type(name, e.currentTarget.value)}>
        {values.map((v) => (
          <option key={v} value={v}>
            {d(`${name}.${v}`)}
          </option>
        ))}
      </select>
    </div>
  );
  return (
    <section class="ticket new-ticket" aria-labelledby="new-heading">
      <form
        ref={form}
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          void make();
        }}
        onKeyDown={(e) => {
          if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
            e.preventDefault();
            void make();
          }
        }}
      >
        <h1 id="new-heading">{d("new")}</h1>
        <div role="alert">{problem !== null && <p class="notice warn">{problemText(problem)}</p>}</div>
        {input("name", d("fact.requester"), { max: 100 })}
        <div class="pair">
          {input("phone", d("fact.phone"), { max: 60, type: "tel" })}
          {input("email", d("fact.email"), { max: 254 })}
        </div>
        {input("title", d("new.title"), { hint: d("new.title.hint"), max: 200 })}
        <div class="field">
          <label for="new-text">{d("new.text")}</label>
          <p class="hint" id="new-text-hint">
            {d("new.text.hint")}
          </p>
          <textarea id="new-text" rows={5} dir="auto" maxLength={8000} aria-describedby="new-text-hint" value={draft.fields.value.text} onInput={(e) => draft.type("text", e.currentTarget.value)} />
        </div>
        {input("area", d("fact.area"), { max: 200 })}
        <div class="pair">
          {choose("type", d("fact.type"), types)}
          {choose("channel", d("fact.channel"), channels)}
        </div>
        <div class="actions">
          <button type="submit" class="button primary" aria-disabled={draft.busy.value || !desk.online.value}>
            {d("new.make")} <kbd aria-hidden="true">Ctrl ⏎</kbd>
          </button>
          <button type="button" class="button quiet" onClick={() => desk.tabs.close(desk.tabs.selected.value)}>
            {t("ticket.later")}
          </button>
        </div>
      </form>
    </section>
  );
}
