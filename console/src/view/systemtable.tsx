// A table of system information: sorted by its headings, filtered, copied.

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Section } from "../protocol";
import type { Row } from "../system/cells";
import { columns, numeric } from "../system/columns";
import { csv, filtered, heading, shown, sorted, type Sorting, text } from "../system/rows";
import { count, number, t } from "../text";
import { useConsole } from "./context";
import { Icon } from "./icons";

/** How many rows are drawn at first: more would make each key slow. */
const drawn = 300;

/** What a section is sorted by at first. */
const atFirst: Partial<Record<Section, Sorting>> = { processes: { column: 3, down: true } };

export function SystemTable({ section, rows, name }: { section: Section; rows: readonly Row[]; name: string }) {
  const { desk } = useConsole();
  const sorting = useSignal<Sorting | null>(atFirst[section] ?? null);
  const filter = useSignal("");
  const all = useSignal(false);
  const by = sorting.value;
  const found = useMemo(() => filtered(section, rows, filter.value), [section, rows, filter.value]);
  const list = useMemo(() => sorted(section, found, by), [found, by]);
  const marked = rows.some((r) => r.mark !== undefined);
  const some = all.value ? list : list.slice(0, drawn);

  const copy = (what: string) =>
    void navigator.clipboard.writeText(what).then(
      () => desk.notices.say(t("system.copied", { n: number(list.length) })),
      () => (desk.trouble.value = t("system.copy_failed")),
    );
  const save = () => {
    const a = document.createElement("a");
    a.href = URL.createObjectURL(new Blob(["\ufeff", csv(section, list)], { type: "text/csv" }));
    a.download = `${section}.csv`;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 60_000);
  };
  return (
    <>
      <div class="system-tools">
        <label class="system-filter">
          <span>{t("system.filter")}</span>
          <input type="search" data-testid="system-filter" value={filter.value} onInput={(e) => (filter.value = e.currentTarget.value)} spellcheck={false} autocomplete="off" />
        </label>
        <span class="soft" role="status" data-testid="system-count">
          {count("rows", list.length)}
        </span>
        <button type="button" class="button small" aria-disabled={list.length === 0} onClick={() => list.length > 0 && copy(text(section, list))}>
          <Icon name="copy" />
          {t("system.copy")}
        </button>
        <button type="button" class="button small" aria-disabled={list.length === 0} onClick={() => list.length > 0 && save()}>
          {t("system.csv")}
        </button>
      </div>
      <div class="system-scroll" role="region" aria-label={name} tabIndex={0}>
        <table data-testid="system-table" data-section={section}>
          <caption class="visually-hidden">{name}</caption>
          <thead>
            <tr>
              {marked && <th scope="col">{t("system.change")}</th>}
              {columns[section].map((c, i) => {
                const here = by?.column === i;
                return (
                  <th key={c.name} scope="col" data-numeric={numeric(c.kind)} aria-sort={here ? (by.down ? "descending" : "ascending") : undefined}>
                    <button type="button" onClick={() => (sorting.value = next(by, i, numeric(c.kind)))}>
                      {heading(c.name)}
                      <span aria-hidden="true">{here ? (by.down ? " ▼" : " ▲") : ""}</span>
                    </button>
                  </th>
                );
              })}
            </tr>
          </thead>
          <tbody>
            {some.map((r) => (
              <tr key={r.key} data-mark={r.mark}>
                {marked && <td class="system-mark">{r.mark !== undefined && t(`system.mark.${r.mark}`)}</td>}
                {columns[section].map((c, i) => (
                  <td key={c.name} dir="auto" data-numeric={numeric(c.kind)}>
                    {r.before !== undefined && r.before[i] !== r.cells[i] && c.restless !== true && <del>{shown(section, r.before, i)}</del>} {shown(section, r.cells, i)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        {list.length > some.length && (
          <button type="button" class="button small" onClick={() => (all.value = true)}>
            {t("system.all_rows", { n: number(list.length) })}
          </button>
        )}
      </div>
    </>
  );
}

/** next is the order after a press on a heading: numbers begin with the largest, and the third press is as it came. */
function next(by: Sorting | null, column: number, largest: boolean): Sorting | null {
  if (by === null || by.column !== column) return { column, down: largest };
  return by.down === largest ? { column, down: !largest } : null;
}
