// A button and what it opens below itself.

import { useSignal } from "@preact/signals";
import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

/**
 * Menu is closed by Escape, by a choice, and when press or focus goes elsewhere. Arrow keys walk what it holds,
 * Tab as well. What it holds is in the page when it is closed, and is not seen.
 */
export function Menu(props: {
  /** Of the panel; what tells one menu from another. */
  id: string;
  label: string;
  title?: string;
  class: string;
  button: ComponentChildren;
  children: ComponentChildren;
}) {
  const open = useSignal(false);
  const all = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const back = () => {
    const inside = panel.current?.contains(document.activeElement) === true;
    open.value = false;
    if (inside) button.current?.focus();
  };
  useEffect(() => {
    if (!open.value) return;
    const elsewhere = (e: Event) => e.target instanceof Node && all.current?.contains(e.target) === false && (open.value = false);
    for (const type of ["pointerdown", "focusin"]) addEventListener(type, elsewhere);
    return () => {
      for (const type of ["pointerdown", "focusin"]) removeEventListener(type, elsewhere);
    };
  }, [open.value]);
  return (
    <div
      ref={all}
      class={`menu ${props.class}`}
      onKeyDown={(e) => {
        if (e.key === "Escape" && open.value) {
          e.stopPropagation();
          back();
          return;
        }
        const to = { ArrowDown: 1, ArrowUp: -1, Home: "first", End: "last" }[e.key];
        if (to === undefined || (!open.value && e.key !== "ArrowDown")) return;
        e.preventDefault();
        open.value = true;
        requestAnimationFrame(() => walk(panel, to)); // what was hidden takes no focus
      }}
    >
      <button
        ref={button}
        type="button"
        class="button small menu-button"
        aria-expanded={open.value}
        aria-controls={props.id}
        title={props.title ?? props.label}
        onClick={() => (open.value = !open.value)}
      >
        {props.button}
      </button>
      <div
        ref={panel}
        id={props.id}
        class="menu-panel"
        role="group"
        aria-label={props.label}
        data-menu={open.value ? "open" : "closed"}
        onClick={(e) => e.target instanceof Element && e.target.closest("button") !== null && back()}
      >
        {props.children}
      </div>
    </div>
  );
}

/** walk moves the focus among what can be pressed. */
function walk(panel: RefObject<HTMLElement | null>, to: unknown): void {
  const list = [...(panel.current?.querySelectorAll<HTMLElement>("button, [tabindex='0']") ?? [])];
  const at = list.findIndex((e) => e === document.activeElement);
  const next = to === "first" ? 0 : to === "last" ? list.length - 1 : at < 0 ? (to === 1 ? 0 : list.length - 1) : (at + Number(to) + list.length) % list.length;
  list[next]?.focus();
}
