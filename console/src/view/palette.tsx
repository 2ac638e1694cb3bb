// The command palette: every action by its name, found by a few letters.

import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { type Action, actions } from "./actions";
import { score } from "../fuzzy";
import { t } from "../text";
import { useConsole } from "./context";

export function Palette() {
  const { layout } = useConsole();
  const dialog = useRef<HTMLDialogElement>(null);
  const closing = useRef(false); // by us: the event comes late, when it may be meant to be open again
  useSignalEffect(() => {
    if (layout.palette.value) dialog.current?.showModal();
    else shut();
  });
  const shut = () => {
    if (!dialog.current?.open) return;
    closing.current = true;
    dialog.current.close();
  };
  const close = () => {
    layout.palette.value = false;
    shut(); // at once: what comes next may move the focus, and nothing behind an open dialog takes it
  };
  return (
    <dialog
      ref={dialog}
      class="palette"
      aria-label={t("palette.label")}
      onCancel={(e) => {
        e.preventDefault(); // it is closed here, by the same way as always
        close();
      }}
      onClose={() => {
        if (!closing.current) close(); // by the browser
        closing.current = false;
      }}
      onClick={(e) => e.target === dialog.current && close()}
    >
      {layout.palette.value && <Search done={close} />}
    </dialog>
  );
}

/** Search is new each time, and so is its list: what can be done is what could be done when it opened. */
function Search({ done }: { done: () => void }) {
  const parts = useConsole();
  const all = useMemo(() => actions(parts), []);
  const typed = useSignal("");
  const at = useSignal(0);
  const list = useRef<HTMLUListElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const found = useComputed(() => search(all, typed.value));
  useLayoutEffect(() => input.current?.focus(), []); // before the next key
  useSignalEffect(() => list.current?.children[at.value]?.scrollIntoView({ block: "nearest" }));

  const run = (action: Action | undefined) => {
    if (action === undefined) return;
    done(); // first: the action may move the focus
    action.run();
  };
  const onKey = (e: KeyboardEvent) => {
    if (e.isComposing) return;
    const count = found.value.length;
    const to = { ArrowDown: at.value + 1, ArrowUp: at.value - 1 + count, PageDown: Math.min(at.value + 8, count - 1), PageUp: Math.max(at.value - 8, 0) }[e.key];
    if (to !== undefined && count > 0) at.value = to % count;
    else if (e.key === "Enter") run(found.value[at.value]);
    else return;
    e.preventDefault();
  };
  return (
    <>
      <input
        ref={input}
        type="text"
        role="combobox"
        aria-label={t("palette.label")}
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={found.value.length > 0 ? `palette-${at.value}` : undefined}
        aria-autocomplete="list"
        autocomplete="off"
        spellcheck={false}
        placeholder={t("palette.hint")}
        value={typed}
        onInput={(e) => {
          typed.value = e.currentTarget.value;
          at.value = 0;
        }}
        onKeyDown={onKey}
      />
      <ul ref={list} id="palette-list" role="listbox" aria-label={t("palette.label")}>
        {found.value.map((a, i) => (
          <li key={a.id} id={`palette-${i}`} role="option" aria-selected={i === at.value} data-action={a.id} onClick={() => run(a)}>
            <span class="palette-name">
              {a.name}
              {a.detail !== "" && <span class="soft"> · {a.detail}</span>}
            </span>
            {a.key !== "" && <kbd>{a.key}</kbd>}
          </li>
        ))}
      </ul>
      <p class={found.value.length === 0 ? "soft" : "visually-hidden"} role="status">
        {found.value.length === 0 ? t("palette.none", { typed: typed.value }) : t("palette.found", { n: found.value.length })}
      </p>
    </>
  );
}

function search(all: readonly Action[], typed: string): Action[] {
  if (typed.trim() === "") return [...all];
  return all
    .map((action) => ({ action, fits: score(typed, `${action.name} ${action.detail}`) }))
    .filter((x): x is { action: Action; fits: number } => x.fits !== null)
    .sort((a, b) => b.fits - a.fits)
    .map((x) => x.action);
}
