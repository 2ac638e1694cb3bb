// The buttons of what the customer is asked for within a session.

import { available, stepOf, type Tool } from "../consent";
import type { SessionView } from "../sessionview";
import { t } from "../text";
import { useConsole } from "./context";
import { Icon, type IconName } from "./icons";

const icons: Readonly<Record<Tool, IconName>> = {
  control: "pointer", annotate: "pen", shell: "prompt", scripts: "checks", ssh: "device",
  send_files: "put", fetch_files: "fetch", send_clipboard: "board", fetch_clipboard: "board", reboot: "restart",
};

/** The keys that ask for a tool. */
export const toolKeys: Readonly<Partial<Record<Tool, string>>> = { control: "R", shell: "S" };

interface Form {
  readonly open: boolean;
  toggle(): void;
}

/** ToolButton asks for a tool, takes the question back, or gives the tool back. Where the question needs a form, it opens that instead. */
export function ToolButton({ session, tool, form }: { session: SessionView; tool: Tool; form?: Form }) {
  const { desk } = useConsole();
  if (!available(session, desk.welcome.value?.permissions ?? null, tool)) return null;
  const { state, word, ask } = stepOf(session, tool);
  const key = ask ? toolKeys[tool] : undefined;
  return (
    <button
      type="button"
      class="button small"
      data-testid={tool}
      data-state={state}
      aria-keyshortcuts={key}
      aria-expanded={ask ? form?.open : undefined}
      title={key === undefined ? t(word) : `${t(word)} (${key})`}
      onClick={() => (ask && form !== undefined ? form.toggle() : void desk.acts.toggle(session, tool))}
    >
      <Icon name={state === "asked" ? "wait" : state === "given" ? "undo" : icons[tool]} />
      <span class="tool-word">{t(word)}</span>
    </button>
  );
}
