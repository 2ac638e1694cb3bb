// What is done with the rows of a table in the console: shown, sorted, filtered, copied.

import type { Section } from "../protocol";
import { has, instant, locale, number, t } from "../text";
import { headingIn, type Row, shownIn, type Words } from "./cells";
import { columns } from "./columns";

export interface Sorting {
  readonly column: number;
  readonly down: boolean;
}

const words: Words = { locale, number, instant, word: (key) => (has(key) ? t(key) : null) };

/** shown is a cell in the person's words. */
export const shown = (section: Section, cells: readonly string[], column: number): string => shownIn(words, section, cells, column);

/** heading is a column's name in the person's words. */
export const heading = (name: string): string => headingIn(words, name);

const collator = new Intl.Collator(locale, { numeric: true });

/** sorted returns the rows in another order: numbers by size, words as the language has them, what is not known last. */
export function sorted(section: Section, rows: readonly Row[], sorting: Sorting | null): readonly Row[] {
  if (sorting === null) return rows;
  const { column, down } = sorting;
  const kind = columns[section][column]?.kind ?? "text";
  const byNumber = kind === "number" || kind === "bytes" || kind === "time";
  const way = down ? -1 : 1;
  const key = (r: Row) => (kind === "token" || kind === "value" ? shown(section, r.cells, column) : (r.cells[column] ?? ""));
  return rows
    .map((row) => ({ row, at: key(row) }))
    .sort((a, b) => {
      if (a.at === "" || b.at === "") return a.at === b.at ? 0 : a.at === "" ? 1 : -1;
      return way * (byNumber ? Number(a.at) - Number(b.at) : collator.compare(a.at, b.at));
    })
    .map(({ row }) => row);
}

/** filtered keeps the rows that hold every word of the text, as they are shown or as they came. */
export function filtered(section: Section, rows: readonly Row[], text: string): readonly Row[] {
  const words = text.toLocaleLowerCase(locale).split(/\s+/).filter(Boolean);
  if (words.length === 0) return rows;
  return rows.filter((r) => {
    const all = r.cells.map((c, i) => `${shown(section, r.cells, i)}\n${c}`).join("\n").toLocaleLowerCase(locale);
    return words.every((w) => all.includes(w));
  });
}

/** safe keeps a spreadsheet from taking a cell for a formula (OWASP, CSV injection). */
export const safe = (cell: string) => (/^[=+\-@\t\r|%]/.test(cell) ? `'${cell}` : cell);

/** table is the rows as they are shown, or as they came, under their headings. */
function table(section: Section, rows: readonly Row[], raw: boolean): string[][] {
  const marked = rows.some((r) => r.mark !== undefined);
  const head = columns[section].map((c) => heading(c.name));
  const lines = rows.map((r) => [
    ...(marked ? [r.mark === undefined ? "" : t(`system.mark.${r.mark}`)] : []),
    ...columns[section].map((_, i) => (raw ? (r.cells[i] ?? "") : shown(section, r.cells, i))),
  ]);
  return [[...(marked ? [t("system.change")] : []), ...head], ...lines];
}

/** text is the rows for a mail or a spreadsheet: tabs between the cells. */
export const text = (section: Section, rows: readonly Row[]) =>
  table(section, rows, false).map((line) => line.map((c) => safe(c.replace(/[\t\r\n]/g, " "))).join("\t")).join("\n");

/** csv is the rows as RFC 4180 has them, with the values as they came. */
export const csv = (section: Section, rows: readonly Row[]) =>
  table(section, rows, true).map((line) => line.map((c) => `"${safe(c).replaceAll('"', '""')}"`).join(",")).join("\r\n") + "\r\n";
