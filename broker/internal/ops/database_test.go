package ops

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/uptrace/bun"
)

func TestDatabaseFromNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data with ? and % and #")
	for range 2 { // the second time there is nothing to do
		db, err := OpenDatabase(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		for pragma, want := range map[string]string{"journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "5000", "secure_delete": "1"} {
			var got string
			if err := db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s = %s, %v", pragma, got, err)
			}
		}
		if err := DatabaseCheck(db.DB)(t.Context()); err != nil {
			t.Error(err)
		}
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM accounts").Scan(&n); err != nil || n != 0 {
			t.Errorf("%d accounts exist, %v", n, err)
		}
		files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*", "consento.db*"))
		if err != nil || len(files) < 1 {
			t.Fatalf("files %v, %v", files, err)
		}
		for _, file := range files {
			if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %v, %v", file, info.Mode(), err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err := DatabaseCheck(db.DB)(t.Context()); err == nil {
			t.Error("a closed database passes its check")
		}
	}
}

func TestTheDatabaseKeepsItsOwnRules(t *testing.T) {
	db, err := OpenDatabase(t.Context(), filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		"INSERT INTO accounts VALUES ('1', 'a@b', 'A', 'boss', NULL, '', '', NULL, 'x', 0, '2026-01-01', NULL)",
		"INSERT INTO accounts VALUES ('1', 'a@b', 'A', 'technician', NULL, '', '', NULL, 'x', 0, '2026-01-01', NULL)",
		"INSERT INTO accounts VALUES ('1', 'a@b', 'A', 'auditor', 'no such team', '', '', NULL, 'x', 0, '2026-01-01', NULL)",
		"INSERT INTO office VALUES ('second', 'A', '1', '', '', '2026-01-01')",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("taken: %s", statement)
		}
	}
}

func embeddedMigrations(t *testing.T) fstest.MapFS {
	t.Helper()
	all := fstest.MapFS{}
	entries, err := fs.ReadDir(embedded, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := embedded.ReadFile("migrations/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = &fstest.MapFile{Data: data}
	}
	return all
}

func TestNewerDatabaseIsRefusedAndLeftAlone(t *testing.T) {
	folder := newTestFolder(t)
	newer := embeddedMigrations(t)
	newer["9000_future.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE future (id TEXT PRIMARY KEY);\n")}
	db, err := openDatabase(t.Context(), folder, newer)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = OpenDatabase(t.Context(), folder.Path())
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "schema 9000") {
		t.Fatalf("error %v", err)
	}
	if db, err = openDatabase(t.Context(), folder, newer); err != nil {
		t.Fatalf("for the newer program: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestBrokenMigrationIsNamedAndRolledBack(t *testing.T) {
	folder := newTestFolder(t)
	broken := embeddedMigrations(t)
	broken["9000_broken.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE half (id TEXT);\nCREATE TABEL other;\n")}
	if _, err := openDatabase(t.Context(), folder, broken); err == nil || !strings.Contains(err.Error(), "9000_broken.sql") {
		t.Fatalf("error %v", err)
	}
	db, err := OpenDatabase(t.Context(), folder.Path())
	if err != nil {
		t.Fatalf("with the program as it was: %v", err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "SELECT * FROM half"); err == nil {
		t.Fatal("half a migration stayed")
	}
}

// before opens the database of a program that had the migrations before this number.
func before(t *testing.T, folder *Folder, number string) *bun.DB {
	t.Helper()
	migrations := embeddedMigrations(t)
	for name := range migrations {
		if name >= number {
			delete(migrations, name)
		}
	}
	db, err := openDatabase(t.Context(), folder, migrations)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// TestProfilesLearnToChat: those that the program brought may write; what an office
// made of its own, and of theirs, stays.
func TestProfilesLearnToChat(t *testing.T) {
	folder := newTestFolder(t)
	db := before(t, folder, "0085")
	for name, permissions := range map[string]string{"Own": "view_screen", "View only": "view_screen chat", "Full support": "view_screen control"} {
		if _, err := db.ExecContext(t.Context(), "INSERT INTO profiles VALUES (?, ?, '2026-01-01')", name, permissions); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := OpenDatabase(t.Context(), folder.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for name, want := range map[string]int{"Own": 0, "View only": 1, "Full support": 1} {
		var got string
		if err := db.QueryRowContext(t.Context(), "SELECT permissions FROM profiles WHERE name = ?", name).Scan(&got); err != nil || strings.Count(" "+got+" ", " chat ") != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestPermissionsBecomeTwo: what an office made of its profiles stays, when files and the
// clipboard go each way by a permission of its own.
func TestPermissionsBecomeTwo(t *testing.T) {
	folder := newTestFolder(t)
	db := before(t, folder, "0100")
	for name, permissions := range map[string]string{"both": "view_screen files clipboard", "none": "view_screen", "last": "view_screen files"} {
		if _, err := db.ExecContext(t.Context(), "INSERT INTO profiles VALUES (?, ?, '2026-01-01')", name, permissions); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := OpenDatabase(t.Context(), folder.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for name, want := range map[string]string{"both": "view_screen send_files fetch_files send_clipboard fetch_clipboard", "none": "view_screen", "last": "view_screen send_files fetch_files"} {
		var got string
		var bytes int64
		if err := db.QueryRowContext(t.Context(), "SELECT permissions, file_bytes FROM profiles WHERE name = ?", name).Scan(&got, &bytes); err != nil || got != want || bytes != 4<<30 {
			t.Errorf("%s: %q, %d, %v", name, got, bytes, err)
		}
	}
}

func TestForeignFileIsNoDatabase(t *testing.T) {
	folder := newTestFolder(t)
	mustWrite(t, folder.file("consento.db"), strings.Repeat("this is a letter, not a database. ", 200))
	if _, err := OpenDatabase(t.Context(), folder.Path()); err == nil || !strings.Contains(err.Error(), "consento.db") {
		t.Fatalf("error %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OpenDatabase(gone, filepath.Join(t.TempDir(), "data")); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
}

// A migration is written once for every engine, and never goes back.
func TestMigrationsArePortable(t *testing.T) {
	for name, file := range embeddedMigrations(t) {
		text := strings.ToUpper(string(file.Data))
		if strings.Contains(text, "+GOOSE DOWN") {
			t.Errorf("%s goes back", name)
		}
		if strings.HasSuffix(name, ".sqlite3.sql") || strings.HasSuffix(name, ".postgres.sql") {
			continue
		}
		for _, word := range []string{"AUTOINCREMENT", "DATETIME", " BLOB", "WITHOUT ROWID", "STRFTIME", "PRAGMA", "BYTEA", "SERIAL"} {
			if strings.Contains(text, word) {
				t.Errorf("%s holds %s, which only one engine knows", name, strings.TrimSpace(word))
			}
		}
	}
}

// TestWhatWasEmptiedIsGone: neither the database's file nor the log beside it holds
// what a row held before, with readers at work and a broker that runs on.
func TestWhatWasEmptiedIsGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	db, err := OpenDatabase(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	const planted = "quinquagesima"
	for i := range 200 {
		exec("INSERT INTO sessions (id, state, technician_id, technician, team, key_expires, issued) VALUES (?, 'Issued', '', '', '', 0, 0)", i)
		// Longer and longer: rows move from page to page.
		for n := range 4 {
			exec("UPDATE sessions SET note = ?, reason = ?, memory = ? WHERE id = ?", strings.Repeat(planted+" ", 1+n*(i%40)), planted, planted, i)
		}
	}
	found := func() (files []string) {
		all, err := filepath.Glob(filepath.Join(dir, "consento.db*"))
		if err != nil || len(all) == 0 {
			t.Fatalf("%v, %v", all, err)
		}
		for _, file := range all {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(b), planted) {
				files = append(files, filepath.Base(file))
			}
		}
		return files
	}
	if len(found()) == 0 {
		t.Fatal("it was never there: this test would prove nothing")
	}
	exec("UPDATE sessions SET note = '', reason = '', memory = ''")
	if err := Wipe(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if files := found(); len(files) > 0 {
		t.Errorf("still in %v", files)
	}
}
