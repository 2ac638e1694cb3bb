// Elements of the page, which the server made.

/** by finds an element of the page that has to be there. */
export function by<T extends HTMLElement>(id: string): T {
  const e = document.getElementById(id);
  if (e === null) throw new Error(`the page lacks #${id}`);
  return e as T;
}

/** make builds an element with text; texts never become markup. */
export function make<K extends keyof HTMLElementTagNameMap>(name: K, attributes: Record<string, string> = {}, ...content: (Node | string)[]): HTMLElementTagNameMap[K] {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...content);
  return e;
}

/** dataOf reads what came with the page. */
export const dataOf = <T>(id: string): T => JSON.parse(by(id).textContent ?? "") as T;
