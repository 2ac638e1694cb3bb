package web_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"consento/broker/internal/access"
)

// TestImportPages: a file is looked at, becomes tickets, and is undone; what cannot be read
// is told.
func TestImportPages(t *testing.T) {
	h := newHouse(t)
	anna := joins(t, h, "Anna Bianchi", "Service desk", access.L1)
	anna.get("/desk/").shows(t, `href="/desk/import"`)
	anna.get("/desk/import").shows(t, "title, requester")
	anna.upload("/desk/import", "file", []byte("title,requester\n\xff")).shows(t, "not text in UTF-8")
	anna.upload("/desk/import", "file", []byte("x")).shows(t, "first line")
	anna.upload("/desk/import", "file", make([]byte, 2<<20)).shows(t, "too large")
	look := anna.upload("/desk/import", "file", []byte("title,requester,phone\nPrinter <b>,Maria,1\nNobody,,1\nprinter <b>,Maria,1\n"))
	look.shows(t, "Becomes tickets: 1. Left out: 2.", "Printer &lt;b&gt;", "Write a name", "says the same")
	id := regexp.MustCompile(`name="import" value="([^"]+)"`).FindStringSubmatch(look.text)[1]
	made := anna.post("/desk/import", "step", "make", "import", id)
	made.shows(t, "Tickets made: 1.", "Undo")
	anna.get("/desk/").shows(t, "Printer &lt;b&gt;")
	anna.post("/desk/import", "step", "make", "import", id).shows(t, "cannot be done any more")
	anna.post("/desk/import", "step", "undo", "import", id).shows(t, "Withdrawn and closed: 1.")
	if text := anna.get("/desk/").text; strings.Contains(text, "Printer") {
		t.Error("it is undone, and there")
	}
	boss := signedIn(t, h, access.Administrator, "Ada Neri", "ada@esempio.example")
	if got := boss.upload("/desk/import", "file", []byte("title,requester,phone\nA,B,1\n")); got.StatusCode != http.StatusForbidden {
		t.Error(got.StatusCode)
	}
}

// TestImportInChromium looks at the form, and at a file with faults.
func TestImportInChromium(t *testing.T) {
	h := builtHouse(t)
	joins(t, h, "Anna Bianchi", "Service desk", access.L1)
	file := filepath.Join(t.TempDir(), "tickets.csv")
	if err := os.WriteFile(file, []byte("title,requester,phone\nThe printer on floor 2 does not print,Maria Rossi,0471 1\nNobody,,1\nNo mail,Udo Neri,0471 2\nno mail,Udo Neri,0471 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newChromium(t, h, "en")
	b.open("/signin?next=/desk/import", "#email")
	b.signInWith("anna@esempio.example", goodPassword)
	b.until(`document.querySelector("#file")`)
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		b.open("/desk/import", `html[lang="`+language+`"] #file`)
		b.chooseFile("#file", file)
		b.click("form.card button.primary")
		b.until(`document.querySelectorAll(".import tbody tr").length === 4`)
		b.glance("85-import")
	}
	b.tabTo(`button[value="make"]`)
	b.keys("\r")
	b.until(`document.querySelector('button[value="undo"]')`)
	b.glance("85-imported")
}
