package web_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	tickets "consento/broker/internal/desk"
)

// drawnPNG is a picture with something in it.
func drawnPNG(t testing.TB) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 320, 200))
	for y := range 200 {
		for x := range 320 {
			img.Set(x, y, color.RGBA{uint8(x), uint8(y), 160, 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestAttachmentPages: a requester and the office attach; each sees what is theirs to
// see; nothing is given out but as a file to save, or as a picture in a box.
func TestAttachmentPages(t *testing.T) {
	h := newHouse(t)
	anna, carla, maria := joins(t, h, "Anna Bianchi", "Service desk", access.L1), joins(t, h, "Carla Verdi", "Reti", access.L2), h.visitor(t)
	link := maria.post("/request", "name", "Maria", "email", "", "phone", "0471 55", "title", "No mail", "text", "").Request.URL.Path
	path := anna.find(t, "/desk/", "No mail")
	maria.get(link).shows(t, "File to attach")
	maria.upload(link+"/files", "file", []byte("<script>alert(1)</script>")).shows(t, "Attachments", ".txt")
	maria.upload(link+"/files", "file", []byte("MZ\x90\x00")).shows(t, "Files of this kind are not taken")
	maria.upload(link+"/files", "file", make([]byte, tickets.MaxFile+1)).shows(t, "This file is too large")
	maria.upload(link+"/files", "file", make([]byte, tickets.MaxFile+200<<10)).shows(t, "This file is too large")
	anna.upload(path+"/files", "file", drawnPNG(t)).shows(t, "The file is attached", "requester")
	anna.upload(path+"/files", "file", []byte("%PDF-1.7 shown"), "shown", "on").shows(t, "the requester sees it")
	page := maria.get(link).text
	if strings.Contains(page, ".png") || !strings.Contains(page, ".pdf") {
		t.Error("the requester sees what is among colleagues, or not what is for them")
	}
	files := regexp.MustCompile(`href="(/desk/[^"]+/files/[-0-9a-f]+)" download`).FindAllStringSubmatch(anna.get(path).text, -1)
	if len(files) != 3 {
		t.Fatal(files)
	}
	for i, f := range files {
		for _, query := range []string{"", "?show=1"} {
			got := anna.do(http.MethodGet, f[1]+query, "")
			got.Body.Close()
			shown := i == 1 && query != ""
			if d := got.Header.Get("Content-Disposition"); shown != (d == "inline") || !shown && !strings.HasPrefix(d, "attachment;") {
				t.Errorf("%d%s: %s", i, query, d)
			}
			if c := got.Header.Get("Content-Security-Policy"); !strings.Contains(c, "sandbox") || got.Header.Get("X-Content-Type-Options") != "nosniff" || !shown && got.Header.Get("Content-Type") != "application/octet-stream" {
				t.Errorf("%d%s: %v", i, query, got.Header)
			}
		}
		if got := carla.get(f[1]); got.StatusCode != http.StatusNotFound {
			t.Errorf("another team reads it: %d", got.StatusCode)
		}
		id := f[1][strings.LastIndexByte(f[1], '/'):]
		if got := maria.get(link + "/files" + id); (got.StatusCode == http.StatusOK) != (i != 1) {
			t.Errorf("%d: the requester: %d", i, got.StatusCode)
		}
		if got := h.visitor(t).get(f[1]); got.StatusCode != http.StatusForbidden {
			t.Errorf("nobody reads it: %d", got.StatusCode)
		}
	}
	if got := carla.post(files[0][1]+"/remove", "x", "y"); got.StatusCode != http.StatusNotFound {
		t.Errorf("another team removes it: %d", got.StatusCode)
	}
	anna.post(files[0][1]+"/remove", "x", "y").shows(t, "The file is gone", "removed")
	if got := anna.get(files[0][1]); got.StatusCode != http.StatusNotFound {
		t.Error(got.StatusCode)
	}
	boss := signedIn(t, h, access.Administrator, "Ada Neri", "ada@esempio.example")
	if text := boss.get(path).text; strings.Contains(text, "File to attach") {
		t.Error("an administrator attaches")
	}
	if got := boss.upload(path+"/files", "file", []byte("x")); got.StatusCode != http.StatusForbidden {
		t.Error(got.StatusCode)
	}
}

// noted puts a picture from a session on a ticket of anna's.
func noted(t testing.TB, h *house, path string) {
	t.Helper()
	anna, err := h.access.ByEmail(t.Context(), "anna@esempio.example")
	if err != nil {
		t.Fatal(err)
	}
	id, desk := strings.TrimPrefix(path, "/desk/"), secondDesk(t, h, time.Now)
	const session = "0198d0c2-7f6e-7bb4-a1b3-4f1d6a1d7c55"
	if err := desk.NoteSession(t.Context(), id, tickets.LinkedSession{ID: session, By: tickets.Person{ID: anna.ID, Name: anna.Name}, Started: time.Now()}); err != nil {
		t.Fatal(err)
	}
	what := tickets.Sealed{Session: session, Item: "picture-1", Name: "Error <b>", Type: "image/png", Size: 84_000, SHA256: strings.Repeat("0a", 32)}
	if err := desk.AttachSealed(t.Context(), anna, id, what); err != nil {
		t.Fatal(err)
	}
}

// TestSealedOnTicket: the ticket says what is sealed and where, and gives nothing out; the
// requester is told nothing of it.
func TestSealedOnTicket(t *testing.T) {
	h := newHouse(t)
	anna, maria := joins(t, h, "Anna Bianchi", "Service desk", access.L1), h.visitor(t)
	link := maria.post("/request", "name", "Maria", "email", "", "phone", "0471 55", "title", "No mail", "text", "").Request.URL.Path
	path := anna.find(t, "/desk/", "No mail")
	noted(t, h, path)
	page := anna.get(path)
	page.shows(t, "Error _b_.png", "only auditors can open it", strings.Repeat("0a", 32), "0198d0c2-7f6e-7bb4-a1b3-4f1d6a1d7c55")
	page.hides(t, "<b>", `" download`)
	maria.get(link).hides(t, "Error")
	remove := regexp.MustCompile(`action="(/desk/[^"]+/files/[-0-9a-f]+)/remove"`).FindStringSubmatch(page.text)
	if remove == nil {
		t.Fatal("it cannot be taken off")
	}
	if got := anna.get(remove[1]); got.StatusCode != http.StatusNotFound {
		t.Errorf("there is something to save: %d", got.StatusCode)
	}
	anna.post(remove[1]+"/remove", "x", "y").shows(t, "<s><bdi>Error _b_.png</bdi></s>")
}

// TestAttachmentsInChromium attaches from a browser, and looks at both sides.
func TestAttachmentsInChromium(t *testing.T) {
	h := builtHouse(t)
	anna := joins(t, h, "Anna Bianchi", "Service desk", access.L1)
	file := filepath.Join(t.TempDir(), "schermata.png")
	if err := os.WriteFile(file, drawnPNG(t), 0o600); err != nil {
		t.Fatal(err)
	}
	link := h.visitor(t).post("/request", "name", "Maria Rossi", "email", "", "phone", "0471 55", "title", "No mail", "text", "").Request.URL.Path
	b := newChromium(t, h, "en")
	b.size(1280, 900) // in a low window Chromium brings only the caret of the field above into sight, not all of it
	b.open(link, "#file")
	b.chooseFile("#file", file)
	b.click(`form:has(#file) button`)
	b.until(`document.querySelector(".files img") && document.querySelector(".files img").naturalWidth === 320`)
	b.open(link, ".files img")
	b.until(`document.querySelector(".files img").naturalWidth === 320`)
	b.glance("83-own-files")
	path := anna.find(t, "/desk/", "No mail")
	anna.post(path, "version", version(t, anna.get(path)), "kind", "take")
	noted(t, h, path)
	b.open("/signin?next="+path, "#email")
	b.signInWith("anna@esempio.example", goodPassword)
	b.until(`document.querySelector(".files img") && document.querySelector(".files img").naturalWidth === 320`)
	b.tabTo(".files form button")
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		b.open(path, `html[lang="`+language+`"] .files img`)
		b.until(`document.querySelector(".files img").naturalWidth === 320`)
		b.glance("83-files")
	}
}
