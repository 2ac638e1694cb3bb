// What the rows of a table say and what became of them, in the console and in the
// player. All of it is pure.

import type { ColumnKind, Section, SystemRow } from "../protocol";
import { columns, itemKinds, restlessItems } from "./columns";

export type Mark = "added" | "removed" | "changed";

/** A row as it is shown; before holds the cells of the earlier snapshot where they are other. */
export interface Row {
  readonly key: string;
  readonly cells: readonly string[];
  readonly mark?: Mark;
  readonly before?: readonly string[];
}

/** Words are the texts and the numbers of the page's language. */
export interface Words {
  readonly locale: string;
  /** word is a text of system information ("system.column.name"); null if there is none. */
  word(key: string): string | null;
  number(n: number): string;
  /** instant writes milliseconds since 1970. */
  instant(at: number): string;
}

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

function bytes(words: Words, n: number): string {
  let unit = 0;
  for (; n >= 1024 && unit < units.length - 1; unit++) n /= 1024;
  return `${words.number(n)} ${units[unit]}`;
}

function show(words: Words, kind: ColumnKind | "hertz" | "percent" | "word", cell: string): string {
  if (cell === "") return "";
  const n = Number(cell);
  switch (kind) {
    case "token":
    case "word":
      return words.word(`system.word.${cell.replaceAll("-", "_")}`) ?? cell;
    case "number":
      return Number.isFinite(n) ? words.number(n) : cell;
    case "percent":
      return Number.isFinite(n) ? `${words.number(n)} %` : cell;
    case "bytes":
      return Number.isFinite(n) ? bytes(words, n) : cell;
    case "hertz":
      return Number.isFinite(n) ? `${words.number(n / 1e9)} GHz` : cell;
    case "time":
      return Number.isFinite(n) && n < 1e11 ? words.instant(n * 1000) : cell;
    default:
      return cell;
  }
}

/** shownIn is a cell in the words of a language; a word that it does not have stays as it came. */
export function shownIn(words: Words, section: Section, cells: readonly string[], column: number): string {
  const { kind, plain } = columns[section][column] ?? { kind: "text" };
  if (plain === true) return cells[column] ?? "";
  return show(words, kind === "value" ? (itemKinds[cells[0] ?? ""] ?? "text") : kind, cells[column] ?? "");
}

/** headingIn is a column's name. */
export const headingIn = (words: Words, name: string): string => words.word(`system.column.${name}`) ?? name;

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
