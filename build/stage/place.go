package stage

import "fmt"

// placed is the answer of place.
type placed struct {
	At  []float64 `json:"at"`  // x and y in the window; none while it cannot be pressed
	Why string    `json:"why"` // it cannot
}

// place is an expression of a page: where what a CSS selector finds can be pressed,
// as people see it. Before the first paint Chromium lets presses fall (Firefox does
// not, and tells of none where another window covers it); scripts that
// are still to come would leave them without an answer, and fonts would move the
// thing away from under the pointer. A page that goes on by itself (it has a list of
// states) is never whole: its scripts, which wait for nothing, say that they are
// there.
func place(selector string) string {
	return fmt.Sprintf(`(() => {
	const not = (why) => ({at: [], why});
	const e = document.querySelector(%q);
	if (e === null) return not("it is not there");
	const menu = e.closest('[data-menu="closed"]');
	if (menu !== null) {
		document.querySelector('[aria-controls="' + menu.id + '"]').click();
		return not("its menu is opening");
	}
	const tab = e.closest('.dock-panel[hidden]');
	if (tab !== null) {
		document.getElementById(tab.getAttribute("aria-labelledby")).click();
		return not("its tab is opening");
	}
	if (e.disabled || e.getAttribute("aria-disabled") === "true") return not("it is disabled");
	if (navigator.userAgent.includes("Chrome") && performance.getEntriesByName("first-contentful-paint").length === 0) return not("nothing is painted yet");
	if (document.readyState !== "complete") {
		if (document.querySelector("ol.status") === null) return not("the page is " + document.readyState);
		if (!document.documentElement.classList.contains("js")) return not("the page's script is still to come");
		const share = document.getElementById("browser");
		if (share !== null && share.closest("main").dataset.browser === undefined) return not("the script that shares is still to come");
	}
	const middle = () => {
		const r = e.getClientRects()[0];
		return r === undefined || r.width === 0 || r.height === 0 ? null : [r.x + r.width / 2, r.y + r.height / 2];
	};
	if (middle() === null || getComputedStyle(e).visibility !== "visible") return not("it is hidden");
	// Not document.fonts.status: Firefox calls the fonts of a page that goes on loading for ever.
	if ([...document.fonts].some((font) => font.status === "loading")) return not("fonts are loading");
	const top = () => document.elementFromPoint(...middle());
	const ours = (at) => at !== null && (e.contains(at) || at.closest("label")?.control === e);
	if (!ours(top())) e.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
	if (!ours(top())) return not("it is covered by " + (top()?.outerHTML.slice(0, 120) ?? "nothing"));
	return {at: middle(), why: ""};
})()`, selector)
}
