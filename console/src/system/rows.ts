// What is done with the rows of a table: shown, sorted, filtered, compared, copied.
// All of it is pure.

import type { ColumnKind, Section, SystemRow } from "../protocol";
import { has, instant, locale, number, t } from "../text";
import { columns, itemKinds, restlessItems } from "./columns";

export type Mark = "added" | "removed" | "changed";

/** A row as it is shown; before holds the cells of the earlier snapshot where they are other. */
export interface Row {
  readonly key: string;
  readonly cells: readonly string[];
  readonly mark?: Mark;
  readonly before?: readonly string[];
}

export interface Sorting {
  readonly column: number;
  readonly down: boolean;
}

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

function bytes(n: number): string {
  let unit = 0;
  for (; n >= 1024 && unit < units.length - 1; unit++) n /= 1024;
  return `${number(n)} ${units[unit]}`;
}

/** word is a token in the person's language, or as it came. */
const word = (token: string) => {
  const key = `system.word.${token.replaceAll("-", "_")}`;
  return has(key) ? t(key) : token;
};

function show(kind: ColumnKind | "hertz" | "percent" | "word", cell: string): string {
  if (cell === "") return "";
  const n = Number(cell);
  switch (kind) {
    case "token":
    case "word":
      return word(cell);
    case "number":
      return Number.isFinite(n) ? number(n) : cell;
    case "percent":
      return Number.isFinite(n) ? `${number(n)} %` : cell;
    case "bytes":
      return Number.isFinite(n) ? bytes(n) : cell;
    case "hertz":
      return Number.isFinite(n) ? `${number(n / 1e9)} GHz` : cell;
    case "time":
      return Number.isFinite(n) && n < 1e11 ? instant(n * 1000) : cell;
    default:
      return cell;
  }
}

/** shown is a cell in the person's words. */
export function shown(section: Section, cells: readonly string[], column: number): string {
  const { kind, plain } = columns[section][column] ?? { kind: "text" };
  if (plain === true) return cells[column] ?? "";
  return show(kind === "value" ? (itemKinds[cells[0] ?? ""] ?? "text") : kind, cells[column] ?? "");
}

/** heading is a column's name in the person's words. */
export function heading(name: string): string {
  const key = `system.column.${name}`;
  return has(key) ? t(key) : name;
}

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

/** compared tells what became of the earlier rows: only what was added, removed or changed. */
export function compared(section: Section, earlier: readonly SystemRow[], later: readonly SystemRow[]): Row[] {
  const before = new Map(earlier.map((r) => [r.key, r]));
  const rows: Row[] = [];
  const still = (r: SystemRow) => (column: number) => columns[section][column]?.restless === true || (column === 1 && columns[section][1]?.kind === "value" && restlessItems.has(cellsOf(r)[0] ?? ""));
  for (const r of later) {
    const old = before.get(r.key);
    before.delete(r.key);
    if (old === undefined) rows.push({ key: r.key, cells: cellsOf(r), mark: "added" });
    else if (cellsOf(r).some((c, i) => !still(r)(i) && c !== cellsOf(old)[i])) rows.push({ key: r.key, cells: cellsOf(r), mark: "changed", before: cellsOf(old) });
  }
  for (const r of before.values()) rows.push({ key: r.key, cells: cellsOf(r), mark: "removed" });
  return rows;
}

/** Go writes null for an empty list. */
const cellsOf = (r: SystemRow): readonly string[] => r.cells ?? [];

export const plain = (rows: readonly SystemRow[]): Row[] => rows.map((r) => ({ key: r.key, cells: cellsOf(r) }));

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
