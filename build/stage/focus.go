package stage

// Focus is an expression of a page: where the keyboard is, and what keeps a
// person from seeing it. It is a ring of 3:1 and better to the ground around it
// (WCAG 2.2, 2.4.7 and 1.4.11), inside the window and on top (2.4.11).
const Focus = `(() => {
	const e = document.activeElement;
	if (!e || e === document.body || e === document.documentElement) return {name: "", wrong: []};
	const wrong = [];
	const rgba = (colour) => { const n = colour.match(/[\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
	const luminance = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const style = getComputedStyle(e);
	if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) wrong.push("no ring: " + style.outline);
	else {
		let ground = parseFloat(style.outlineOffset) < 0 ? e : e.parentElement;
		while (ground.parentElement && rgba(getComputedStyle(ground).backgroundColor)[3] < 1) ground = ground.parentElement;
		const {backgroundColor, borderTopColor, borderTopWidth} = getComputedStyle(ground);
		const under = ground === e && parseFloat(borderTopWidth) > 2 ? borderTopColor : backgroundColor; // a ring within the element lies on its border
		const [a, b] = [style.outlineColor, under].map((c) => luminance(rgba(c))).sort((a, b) => b - a);
		if ((a + 0.05) / (b + 0.05) < 3) wrong.push("the ring is not seen: " + style.outlineColor + " on " + under);
	}
	const box = e.getClientRects()[0] ?? e.getBoundingClientRect();
	const tall = box.height > innerHeight * 0.8;
	if (box.top < -2 || box.left < -2 || box.right > innerWidth + 2 || !tall && box.bottom > innerHeight + 2) wrong.push("outside the window: " + JSON.stringify(box));
	const at = document.elementFromPoint(box.left + box.width / 2, Math.min(box.top + box.height / 2, innerHeight - 2));
	if (!e.contains(at)) wrong.push("covered by " + (at ? at.outerHTML.slice(0, 120) : "nothing"));
	const name = e.id || e.dataset.do || (e.name && e.value && e.type !== "text" ? e.name + "=" + e.value : e.name) || e.getAttribute("href") || e.getAttribute("aria-label") || e.tagName + " " + e.textContent.trim().slice(0, 40) || e.className;
	return {name, wrong, x: box.left + scrollX, y: box.top + scrollY, inMain: e.closest("main") !== null};
})()`

// Focused is the answer of Focus.
type Focused struct {
	Name   string   // id, action, name or words of what has the keyboard, "" for the page itself
	Wrong  []string // what keeps it from being seen
	X, Y   float64  // of its upper left corner, in the page
	InMain bool     // it is in the page's main part
}

// After reports whether f stands where a reader looks for what follows other:
// further down, or further to the right.
func (f Focused) After(other Focused) bool { return f.Y > other.Y-8 || f.X > other.X+8 }
