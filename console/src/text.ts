// The texts in the person's language, and numbers and times by their locale.

import english from "../../protocol/lang/en.json";
import italian from "../../protocol/lang/it.json";

/** The keys of the shared language files that are the console's, without "console.". */
export type TextKey = keyof typeof english extends infer K ? (K extends `console.${infer Rest}` ? Rest : never) : never;

const languages: Record<string, Record<string, string>> = { en: english, it: italian };

/** choose picks the first of the person's languages that we have, English otherwise. */
export function choose(preferred: readonly string[]): { language: string; locale: string } {
  for (const locale of preferred) {
    const language = locale.toLowerCase().split("-")[0] ?? "";
    if (language in languages) return { language, locale };
  }
  return { language: "en", locale: "en" };
}

const { language, locale } = choose(navigator.languages);

/** The BCP 47 tag of the language that the console speaks. */
export { language };

/** t returns the text of key with its {placeholders} filled. */
export function t(key: TextKey, values: Record<string, string | number> = {}): string {
  const text = languages[language]?.[`console.${key}`] ?? `⟨${key}⟩`;
  return text.replace(/\{([a-z_]+)\}/g, (all, name: string) => String(values[name] ?? all));
}

/** has reports whether there is a text for key, which came over the wire. */
export function has(key: string): key is TextKey {
  return `console.${key}` in english;
}

const hourAndMinute = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const dayAndTime = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** timeOf writes an RFC 3339 time: the hour today, with the day otherwise. */
export function timeOf(time: string, now: number): string {
  const at = new Date(time);
  return (at.toDateString() === new Date(now).toDateString() ? hourAndMinute : dayAndTime).format(at);
}

/** duration writes milliseconds as 9:58 or 1:02:03. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

const one = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });

/** number writes a number with at most one decimal. */
export function number(n: number): string {
  return one.format(n);
}
