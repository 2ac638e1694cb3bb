// The texts in the person's language, and numbers and times by their locale.

import german from "../../protocol/lang/de.json";
import english from "../../protocol/lang/en.json";
import spanish from "../../protocol/lang/es.json";
import french from "../../protocol/lang/fr.json";
import italian from "../../protocol/lang/it.json";
import japanese from "../../protocol/lang/ja.json";

/** The keys of the shared language files that are the console's, without "console.". */
export type TextKey = keyof typeof english extends infer K ? (K extends `console.${infer Rest}` ? Rest : never) : never;

/** What can be counted. */
export type Counted = keyof typeof english extends infer K ? (K extends `count.${infer What}.other` ? What : never) : never;

const languages: Record<string, Record<string, string>> = { de: german, en: english, es: spanish, fr: french, it: italian, ja: japanese };

const languageOf = (tag: string) => tag.toLowerCase().split("-")[0] ?? "";

/**
 * choose picks the first of the person's languages that we have, English otherwise. Dates and numbers are written
 * as where the person lives: German of "de", "de-AT" is that of Austria.
 */
export function choose(preferred: readonly string[]): { language: string; locale: string } {
  for (const tag of preferred) {
    const language = languageOf(tag);
    if (!Object.hasOwn(languages, language)) continue;
    return { language, locale: preferred.find((other) => other.includes("-") && languageOf(other) === language) ?? tag };
  }
  return { language: "en", locale: "en" };
}

/** What was chosen on the page on which one signs in; the broker's pages set it. */
const chosen = /(?:^|; )__Host-consento-language=([a-z]{2})(?:;|$)/.exec(document.cookie)?.[1];

const { language, locale } = choose([...(chosen === undefined ? [] : [chosen]), ...navigator.languages]);
const plurals = new Intl.PluralRules(language);

/** The BCP 47 tag of the language that the console speaks. */
export { language };

/** That of dates, numbers and the order of words. */
export { locale };
const names = { de: "Deutsch", en: "English", es: "Español", fr: "Français", it: "Italiano", ja: "日本語" };

/** The languages of customers, each by its own name. */
export const spoken = Object.entries(names).map(([tag, name]) => ({ tag, name }));

/** canned are the answers that are at hand in a language. */
export function canned(tag: string): string[] {
  const texts = languages[tag] ?? english;
  return Object.keys(english).filter((key) => key.startsWith("console.chat.canned.")).map((key) => (texts as Record<string, string>)[key] ?? "");
}

/** t returns the text of key with its {placeholders} filled. */
export function t(key: TextKey, values: Record<string, string | number> = {}): string {
  const text = languages[language]?.[`console.${key}`] ?? `⟨${key}⟩`;
  return text.replace(/\{([a-z_]+)\}/g, (all, name: string) => isolate(String(values[name] ?? all)));
}

/** The keys of the texts of tickets, which the broker's pages have as well, without "desk.". */
export type DeskKey = keyof typeof english extends infer K ? (K extends `desk.${infer Rest}` ? Rest : never) : never;

/** d returns a text of tickets; for a word that came over the wire and is none of ours, the word itself. */
export function d(key: DeskKey | (string & {}), values: Record<string, string | number> = {}): string {
  const text = languages[language]?.[`desk.${key}`] ?? key.slice(key.lastIndexOf(".") + 1);
  return text.replace(/\{([a-z_]+)\}/g, (all, name: string) => isolate(String(values[name] ?? all)));
}

/** endOf says why a session ended, to whoever was not in it. */
export const endOf = (reason: string): string => languages[language]?.[`audit.end.${reason}`] ?? reason;

/** hasDesk reports whether there is such a text. */
export const hasDesk = (key: string): key is DeskKey => `desk.${key}` in english;

const turns = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** isolate keeps a name that runs from right to left from turning the words around it (Unicode UAX 9). */
export function isolate(name: string): string {
  return turns.test(name) && !name.startsWith("\u2068") ? `\u2068${name}\u2069` : name;
}

/** count returns a number with its noun in the form that the language has for it: "1 second". */
export function count(what: Counted, n: number): string {
  const texts = languages[language] ?? {};
  const text = texts[`count.${what}.${plurals.select(n)}`] ?? texts[`count.${what}.other`] ?? `⟨count.${what}⟩`;
  return text.replace("{n}", number(n));
}

/** has reports whether there is a text for key, which came over the wire. */
export function has(key: string): key is TextKey {
  return `console.${key}` in english;
}

const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"].map((unit) => new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short", maximumSignificantDigits: 3 }));

/** bytesOf writes a number of bytes in the unit that suits it; a kilobyte has 1,024, as file managers have it. */
export function bytesOf(n: number): string {
  let power = 0;
  for (; n >= 1000 && power < units.length - 1; power++) n /= 1024;
  return units[power]?.format(n) ?? String(n);
}

const hourAndMinute = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayAndTime = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** timeOf writes an RFC 3339 time: the hour today, with the day otherwise. */
export function timeOf(time: string, now: number): string {
  const at = new Date(time);
  return (at.toDateString() === new Date(now).toDateString() ? hourAndMinute : dayAndTime).format(at);
}

/** hourOf writes the same, perhaps with seconds. */
export function hourOf(time: string, now: number, seconds: boolean): string {
  return seconds ? exact.format(new Date(time)) : timeOf(time, now);
}

const day = new Intl.DateTimeFormat(locale, { dateStyle: "short", timeStyle: "medium" });

/** instant writes a moment, in milliseconds of the Unix time, with its day. */
export const instant = (at: number): string => day.format(at);

/** duration writes milliseconds as 9:58 or 1:02:03. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

const spans = (["minute", "hour", "day"] as const).map((unit) => new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short" }));

/** span writes milliseconds in the one unit that suits them: 18 min, 3 hr, 4 days. */
export function span(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 90) return spans[0]!.format(minutes);
  return minutes < 48 * 60 ? spans[1]!.format(Math.floor(minutes / 60)) : spans[2]!.format(Math.floor(minutes / 1440));
}

const one = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });

/** number writes a number with at most one decimal. */
export function number(n: number): string {
  return one.format(n);
}
