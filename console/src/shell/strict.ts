// What makes a page whose policy allows no inline styles (W3C CSP 3, style-src) one in
// which xterm.js shows colours: it writes text into style elements and style
// attributes, which the policy blocks; style sheets and declarations that a script
// makes it does not. Nothing else on the page makes a style element.

/** keepToPolicy turns those two ways into what the policy allows, once for the page. */
export function keepToPolicy(): void {
  const create = document.createElement.bind(document) as (name: string, options?: ElementCreationOptions) => HTMLElement;
  document.createElement = ((name: string, options?: ElementCreationOptions) =>
    name === "style" ? sheetIn(create("template")) : create(name, options)) as Document["createElement"];
  HTMLSpanElement.prototype.setAttribute = function (name: string, value: string) {
    if (name === "style") this.style.cssText = value;
    else Element.prototype.setAttribute.call(this, name, value);
  };
}

/** sheetIn makes an element stand in the place of a style element: its text is a sheet's. */
function sheetIn(element: HTMLElement): HTMLElement {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  Object.defineProperty(element, "textContent", { get: () => "", set: (text: string) => sheet.replaceSync(text) });
  const remove = element.remove.bind(element);
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((s) => s !== sheet);
    remove();
  };
  return element;
}
