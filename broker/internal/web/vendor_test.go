package web_test

import (
	"net/http"
	"testing"
)

// TestVendorInChromium: the form of an invitation, its problems, and a link that is no good, in every
// language.
func TestVendorInChromium(t *testing.T) {
	h := builtHouse(t)
	b := newChromium(t, h, "en")
	b.open("/v/wrong", "#name")
	b.look("85-invitation")
	b.write("#name", "Max Muster")
	b.write("#company", "Printers Inc.")
	b.click("form button.primary")
	b.until(`document.querySelector("#name") === null && document.querySelector("h1")`)
	b.look("85-invitation-over")
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		b.open("/v/wrong", `html[lang="`+language+`"] h1`)
		b.glance("85-invitation")
		b.open("/vendor", `html[lang="`+language+`"] h1`)
		b.glance("85-invitation-over")
	}
}

// TestVendorLink: reading uses nothing up and tells nothing; a name that cannot be shown comes back with
// what was typed; the device's cookie opens the page of the one session.
func TestVendorLink(t *testing.T) {
	h := newHouse(t)
	max := h.visitor(t)
	for _, link := range []string{"good", "wrong"} {
		if got := max.get("/v/" + link); got.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", link, got.StatusCode)
		}
	}
	if got := max.post("/v/good", "name", "Max\u202e", "company", "Printers"); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a name that turns the line: %d", got.StatusCode)
	}
	if got := max.post("/v/wrong", "name", "Max", "company", "Printers"); got.StatusCode != http.StatusNotFound {
		t.Errorf("a wrong link: %d", got.StatusCode)
	}
	if got := max.get("/vendor"); got.StatusCode != http.StatusNotFound {
		t.Errorf("without a link: %d", got.StatusCode)
	}
}
