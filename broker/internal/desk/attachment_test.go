package desk

import (
	"archive/zip"
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
)

func pngOf(t testing.TB, w, h int) []byte {
	t.Helper()
	img := image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{color.Black, color.White})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t testing.TB, stored string, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if stored != "" {
		f, err := z.CreateHeader(&zip.FileHeader{Name: "mimetype", Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		f.Write([]byte(stored))
	}
	for _, n := range names {
		if _, err := z.Create(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestInspect: what a file is decides its content, and its name follows; pictures lose
// all but the picture; what runs is refused.
func TestInspect(t *testing.T) {
	var jpg, anim bytes.Buffer
	if err := jpeg.Encode(&jpg, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		t.Fatal(err)
	}
	located := append([]byte("\xff\xd8\xff\xe1\x00\x12Exif\x00\x00GPS 46.5 N"), jpg.Bytes()[2:]...)
	if err := gif.Encode(&anim, image.NewPaletted(image.Rect(0, 0, 8, 8), color.Palette{color.Black}), nil); err != nil {
		t.Fatal(err)
	}
	html := []byte("<html><script>alert(1)</script></html>")
	behind := append(pngOf(t, 8, 8), html...)
	for _, c := range []struct {
		name string
		data []byte
		want string // name and type; "" refused
		code string
	}{
		{"Bild schirm.PNG", behind, "Bild schirm.png image/png", ""},
		{"x.exe", pngOf(t, 8, 8), "x.exe.png image/png", ""},
		{"photo.jpeg", located, "photo.jpeg image/jpeg", ""},
		{"a.gif", anim.Bytes(), "a.gif.png image/png", ""},
		{"page.html", html, "page.html.txt text/plain", ""},
		{"run.ps1", []byte("\xef\xbb\xbfRemove-Item C:\\ -Recurse"), "run.ps1.txt text/plain", ""},
		{"e\u202egnp.js", []byte("text"), "egnp.js.txt text/plain", ""},
		{`..\..\etc/passwd`, []byte("root"), "passwd.txt text/plain", ""},
		{"con.txt", []byte("x"), "file.txt text/plain", ""},
		{"...", []byte("x"), "file.txt text/plain", ""},
		{"a:b|c?.log", []byte("x"), "a_b_c_.log text/plain", ""},
		{strings.Repeat("長", 200) + ".csv", []byte("a;b"), strings.Repeat("長", 80) + ".csv text/plain", ""},
		{"x.pdf", []byte("%PDF-1.7\n..."), "x.pdf application/pdf", ""},
		{"brief.docx", zipOf(t, "", "[Content_Types].xml", "word/document.xml"), "brief.docx " + docx.media, ""},
		{"t.ods", zipOf(t, ods.media, "content.xml"), "t.ods " + ods.media, ""},
		{"m.docm", zipOf(t, "", "[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), "", "program"},
		{"t.odt", zipOf(t, odt.media, "Basic/Standard/Module1.xml"), "", "program"},
		{"x.zip", zipOf(t, "", "setup.exe"), "", "kind"},
		{"x.zip", []byte("PK\x03\x04 broken"), "", "kind"},
		{"x.exe", []byte("MZ\x90\x00\x03\x00\x00\x00"), "", "kind"},
		{"x.sh", []byte("\x7fELF\x02\x01\x01\x00"), "", "kind"},
		{"x.png", pngOf(t, 8, 8)[:40], "", "kind"},
		{"x.txt", []byte("a\x00b"), "", "kind"},
		{"x.txt", []byte("\xff\xfea\x00"), "", "kind"},
		{"x.txt", nil, "", "missing"},
		{"x.txt", make([]byte, MaxFile+1), "", "too_large"},
		{"bomb.png", pngOf(t, 9000, 9000), "", "too_large"},
	} {
		name, k, data, err := inspect(c.name, c.data)
		var wrong *access.Invalid
		switch {
		case c.want == "" && (!errors.As(err, &wrong) || wrong.Field != "file" || wrong.Code != c.code):
			t.Errorf("%.20q: %v", c.name, err)
		case c.want != "" && (err != nil || name+" "+k.media != c.want):
			t.Errorf("%.20q: %q %q %v", c.name, name, k.media, err)
		case bytes.Contains(data, []byte("GPS")) || Picture(k.media) && bytes.Contains(data, []byte("script")):
			t.Errorf("%.20q: more than the picture is left", c.name)
		}
	}
}

// TestAttachments: who puts and takes what, that the disk holds nothing readable, and what
// becomes of files that nobody names.
func TestAttachments(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	asked, err := e.Receive(ctx, call("Printer"))
	if err != nil {
		t.Fatal(err)
	}
	link := e.Link(asked)
	secret := []byte("The password is on the wall.")
	if _, err := e.AttachByLink(ctx, link, "note.txt", secret); err != nil {
		t.Fatal(err)
	}
	e.pass(time.Second)
	asked, err = e.Ticket(ctx, e.anna, asked.ID)
	if err != nil {
		t.Fatal(err)
	}
	asked = e.do(e.anna, asked, Act{Kind: ActTake}, Act{Kind: ActWait, Waiting: WaitingForRequester})
	if asked, err = e.AttachByLink(ctx, link, "answer.txt", []byte("x")); err != nil || asked.Waiting != WaitingForNobody {
		t.Error("it waits for what has come", err)
	}
	e.pass(time.Second)
	if _, err := e.Attach(ctx, e.anna, asked.ID, "among us.txt", []byte("x"), false); err != nil {
		t.Fatal(err)
	}
	e.pass(time.Second)
	if _, err := e.Attach(ctx, e.bruno, asked.ID, "manual.pdf", []byte("%PDF-1.7"), true); err != nil {
		t.Fatal(err)
	}
	for who, by := range map[string]access.Account{"another team": e.carla, "auditor": e.auditor} {
		if _, err := e.Attach(ctx, by, asked.ID, "x.txt", []byte("x"), true); !errors.Is(err, ErrNoTicket) {
			t.Errorf("%s: %v", who, err)
		}
		if _, err := e.Attachments(ctx, by, asked.ID); !errors.Is(err, ErrNoTicket) {
			t.Errorf("%s: %v", who, err)
		}
	}
	if _, err := e.Attach(ctx, e.admin, asked.ID, "x.txt", []byte("x"), true); !errors.Is(err, ErrForbidden) {
		t.Error(err)
	}
	all, err := e.Attachments(ctx, e.anna, asked.ID)
	if err != nil || len(all) != 4 {
		t.Fatal(all, err)
	}
	own, err := e.AttachmentsByLink(ctx, link)
	if err != nil || len(own) != 3 {
		t.Error(own, err)
	}
	if _, _, err := e.FileByLink(ctx, link, all[2].ID); !errors.Is(err, ErrNoFile) {
		t.Error("a requester reads what is among colleagues", err)
	}
	if a, data, err := e.File(ctx, e.anna, asked.ID, all[0].ID); err != nil || !bytes.Equal(data, secret) || a.By.ID != "" || a.Size != int64(len(secret)) {
		t.Errorf("%+v %q %v", a, data, err)
	}
	other := e.open(e.anna, "Another")
	for _, id := range []string{all[0].ID, "../" + all[0].ID, ""} {
		if _, _, err := e.File(ctx, e.anna, other.ID, id); !errors.Is(err, ErrNoFile) {
			t.Errorf("%q: %v", id, err)
		}
	}
	dir := e.Desk.files.dir
	raw, err := os.ReadFile(filepath.Join(dir, all[0].ID))
	if err != nil || bytes.Contains(raw, secret[:10]) {
		t.Error("it lies open on the disk", err)
	}
	if err := os.WriteFile(filepath.Join(dir, all[1].ID), raw, 0o600); err != nil { // one file in the place of another
		t.Fatal(err)
	}
	if _, _, err := e.File(ctx, e.anna, asked.ID, all[1].ID); err == nil {
		t.Error("changed on the disk, and nobody notices")
	}
	if _, err := e.Detach(ctx, e.carla, asked.ID, all[0].ID); !errors.Is(err, ErrNoTicket) {
		t.Error(err)
	}
	if _, err := e.Detach(ctx, e.anna, asked.ID, all[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, all[0].ID)); !errors.Is(err, os.ErrNotExist) {
		t.Error("removed, and there", err)
	}
	if _, _, err := e.File(ctx, e.anna, asked.ID, all[0].ID); !errors.Is(err, ErrNoFile) {
		t.Error(err)
	}
	for n := 0; ; n++ {
		if _, err := e.AttachByLink(ctx, link, "x.txt", []byte("x")); err != nil {
			var wrong *access.Invalid
			if !errors.As(err, &wrong) || wrong.Code != "too_many" || n != maxOwnFiles-1 {
				t.Error(n, err)
			}
			break
		}
	}
	entries, _ := os.ReadDir(dir)
	left := len(entries)
	lost := filepath.Join(dir, "lost")
	if err := os.WriteFile(lost, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	long := e.now.AddDate(-1, 0, 0)
	if err := os.Chtimes(lost, long, long); err != nil {
		t.Fatal(err)
	}
	if err := e.Desk.files.sweep(ctx, e.db, e.now); err != nil {
		t.Fatal(err)
	}
	if entries, _ = os.ReadDir(dir); len(entries) != left {
		t.Errorf("%d files, %d before", len(entries), left)
	}
	history, err := e.History(ctx, e.anna, asked.ID)
	if err != nil || history[len(history)-1].Kind != ActAttach {
		t.Error(err)
	}
	if _, err := e.Do(ctx, e.anna, other.ID, other.Version, Act{Kind: ActAttach, File: "x"}); !errors.Is(err, access.ErrInvalid) {
		t.Error("an act that attaches nothing", err)
	}
}

func FuzzInspect(f *testing.F) {
	f.Add("a.png", []byte("\x89PNG\r\n\x1a\n"))
	f.Add("a.docx", []byte("PK\x03\x04"))
	f.Add("..", []byte("text"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		clean, k, _, err := inspect(name, data)
		if err != nil {
			return
		}
		end := filepath.Ext(clean)
		if strings.ContainsAny(clean, "/\\\x00\r\n\"") || len(clean) > 400 || !strings.Contains(strings.Join(k.ends, " ")+" ", strings.ToLower(end)+" ") {
			t.Errorf("%q becomes %q", name, clean)
		}
	})
}

// TestSealed: what is on a session's evidence is named on its ticket, once, by who works on
// it; there is nothing to open, and the requester does not see it.
func TestSealed(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	asked, err := e.Receive(ctx, call("Printer"))
	if err != nil {
		t.Fatal(err)
	}
	what := Sealed{Session: "s1", Item: "picture-1", Name: "Error\u202e.exe", Type: "image/png", Size: 12, SHA256: "abcd"}
	if err := e.AttachSealed(ctx, e.anna, asked.ID, what); !errors.Is(err, ErrNoTicket) {
		t.Errorf("of another ticket's session: %v", err)
	}
	if err := e.NoteSession(ctx, asked.ID, LinkedSession{ID: "s1", By: personOf(e.anna), Started: e.now}); err != nil {
		t.Fatal(err)
	}
	for who, c := range map[string]struct {
		by   access.Account
		want error
	}{"another team": {e.carla, ErrNoTicket}, "auditor": {e.auditor, ErrNoTicket}, "who only reads": {e.admin, ErrForbidden}} {
		if err := e.AttachSealed(ctx, c.by, asked.ID, what); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", who, err)
		}
	}
	for range 2 {
		if err := e.AttachSealed(ctx, e.anna, asked.ID, what); err != nil {
			t.Fatal(err)
		}
	}
	list, err := e.Attachments(ctx, e.bruno, asked.ID)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	a := list[0]
	if a.Session != "s1" || a.Name != "Error.exe.png" || a.Size != 12 || a.SHA256 != "abcd" || a.Shown || a.By.ID != e.anna.ID {
		t.Errorf("%+v", a)
	}
	if _, _, err := e.File(ctx, e.bruno, asked.ID, a.ID); !errors.Is(err, ErrNoFile) {
		t.Errorf("there is something to open: %v", err)
	}
	if own, err := e.AttachmentsByLink(ctx, e.Link(asked)); err != nil || len(own) != 0 {
		t.Errorf("the requester sees %v, %v", own, err)
	}
	if entries, err := os.ReadDir(e.Desk.files.dir); err != nil || len(entries) != 0 {
		t.Errorf("on the disk: %v, %v", entries, err)
	}
	history, err := e.History(ctx, e.anna, asked.ID)
	if err != nil || history[len(history)-1].Kind != ActAttach {
		t.Errorf("%+v, %v", history, err)
	}
	if _, err := e.Detach(ctx, e.bruno, asked.ID, a.ID); err != nil {
		t.Fatal(err)
	}
	if err := e.AttachSealed(ctx, e.anna, asked.ID, what); err != nil { // after all
		t.Fatal(err)
	}
	what.Name = ""
	for n := 2; ; n++ {
		what.Item = "picture-" + strconv.Itoa(n)
		if err := e.AttachSealed(ctx, e.anna, asked.ID, what); err != nil {
			if !errors.Is(err, ErrStep) || n != maxFiles+1 {
				t.Errorf("after %d: %v", n, err)
			}
			break
		}
	}
	if list, err = e.Attachments(ctx, e.anna, asked.ID); err != nil || list[len(list)-1].Name == "" || !strings.HasPrefix(list[len(list)-1].Name, "picture-") {
		t.Errorf("%+v, %v", list, err)
	}
}
