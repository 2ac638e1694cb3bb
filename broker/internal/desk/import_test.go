package desk

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"consento/broker/internal/access"
)

// TestImport: a file becomes tickets after it was looked at, nobody is told by mail, twins
// are left out, and it can be undone for an hour, but for what is somebody's work already.
func TestImport(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	e.open(e.anna, "No mail")
	file := "\xef\xbb\xbfTitle;Requester;Email;Phone;Type;unknown\r\n" +
		"Printer;Maria Verdi;maria@comune.example;;;x\r\n" +
		"no  MAIL;Maria Verdi;maria@comune.example;;;x\r\n" + // there is one open
		"\"Two\nlines\";Udo;;'+39 0471;request;x\r\n" +
		"Scanner;Udo;;'+39 0471;request;x\r\n" +
		"SCANNER;Udo Neri;;+39 0471;request;x\r\n" + // a twin in the file
		";Udo;;1;;x\r\n" +
		"Nobody;;;1;;x\r\n" +
		"No contact;Udo;;;;x\r\n" +
		"Another type;Udo;;1;wish;x\r\n" +
		"too few;Udo\r\n"
	look, err := e.LookAtImport(ctx, e.anna, []byte(file), "de")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range look.Rows {
		s := fmt.Sprint(r.Line, " ")
		if r.Problem != nil {
			s += r.Problem.Field
		} else if r.Twin != "" {
			s += "twin"
		} else {
			s += "good"
		}
		got = append(got, s)
	}
	want := "2 good|3 twin|4 good|6 good|7 twin|8 title|9 name|10 contact|11 type|12 import"
	if s := strings.Join(got, "|"); s != want || look.Good != 3 {
		t.Errorf("%s, %d good, want %s", s, look.Good, want)
	}
	before, err := e.Notices(ctx, 100)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.MakeImport(ctx, e.bruno, look.ID); !errors.Is(err, ErrNoImport) {
		t.Error("another person makes it", err)
	}
	if n, err := e.MakeImport(ctx, e.anna, look.ID); err != nil || n != 3 {
		t.Fatal(n, err)
	}
	if _, err := e.MakeImport(ctx, e.anna, look.ID); !errors.Is(err, ErrNoImport) {
		t.Error("made twice", err)
	}
	list, err := e.List(ctx, e.anna, Filter{Open: true, Limit: 100})
	if err != nil || len(list) != 4 {
		t.Fatal(len(list), err)
	}
	for _, l := range list {
		if l.Title == "Scanner" && (l.Requester.Phone != "+39 0471" || l.Language != "de" || l.State != Identified || l.Assignee.ID != "" || l.Type != Request) {
			t.Errorf("%+v", l)
		}
		if l.Title == "Printer" {
			e.do(e.bruno, l, Act{Kind: ActTake})
		}
	}
	e.pass(10 * time.Minute)
	if closed, stay, err := e.UndoImport(ctx, e.anna, look.ID); err != nil || closed != 2 || stay != 1 {
		t.Error(closed, stay, err)
	}
	if _, _, err := e.UndoImport(ctx, e.anna, look.ID); !errors.Is(err, ErrNoImport) {
		t.Error("undone twice", err)
	}
	after, err := e.Notices(ctx, 100)
	if err != nil || len(after) != len(before)+1 { // of the one that was taken
		t.Error(len(before), len(after), err)
	}
	if look, err = e.LookAtImport(ctx, e.anna, []byte("title,requester,phone\nA,B,1\n"), "en"); err != nil {
		t.Fatal(err)
	}
	e.pass(ImportLife + time.Second)
	if _, err := e.MakeImport(ctx, e.anna, look.ID); !errors.Is(err, ErrNoImport) {
		t.Error("looked at long ago", err)
	}
	if _, err := e.LookAtImport(ctx, e.admin, []byte(file), "en"); !errors.Is(err, ErrForbidden) {
		t.Error(err)
	}
}

// TestBrokenImports: what cannot be read says what is wrong.
func TestBrokenImports(t *testing.T) {
	var wide strings.Builder
	wide.WriteString("\xff\xfe")
	for _, u := range utf16.Encode([]rune("title\trequester\tphone\r\nDrücker – 日本\tMüller\t1\r\n")) {
		wide.WriteString(string([]byte{byte(u), byte(u >> 8)}))
	}
	rows, err := readImport([]byte(wide.String()), "en", first)
	if err != nil || len(rows) != 1 || rows[0].New.Title != "Drücker – 日本" || rows[0].Problem != nil {
		t.Errorf("UTF-16: %+v %v", rows, err)
	}
	many := "title,requester,phone\n" + strings.Repeat("A,B,1\n", maxImportRows+1)
	for name, c := range map[string]struct{ file, code string }{
		"Latin-1":           {"title,requester\nDr\xfccker,B\n", "encoding"},
		"half of UTF-16":    {"\xff\xfea", "encoding"},
		"no text":           {"title,requester\na\x00,B\n", "encoding"},
		"nothing":           {"", "head"},
		"only a head":       {"title,requester\n", "empty"},
		"other columns":     {"name,what\nA,B\n", "head"},
		"a column twice":    {"title,title,requester\nA,B,C\n", "head"},
		"an open quote":     {"title,requester\n\"A,B\n", "quotes"},
		"a quote in mid":    {"title,requester\nA\"b,B\n", "quotes"},
		"too many":          {many, "too_many"},
		"too large":         {strings.Repeat("x", MaxImport+1), "too_large"},
		"a hundred columns": {strings.Repeat("x,", 100) + "title,requester\n", "head"},
	} {
		_, err := readImport([]byte(c.file), "en", first)
		var wrong *access.Invalid
		if !errors.As(err, &wrong) || wrong.Field != "import" || wrong.Code != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte("title,requester,phone\nA,B,1\n"))
	f.Add([]byte("title;requester\n\"A\n\";B\n"))
	f.Add([]byte("\xff\xfet\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := readImport(data, "en", first)
		if err == nil && (len(rows) == 0 || len(rows) > maxImportRows) {
			t.Error(len(rows))
		}
	})
}
