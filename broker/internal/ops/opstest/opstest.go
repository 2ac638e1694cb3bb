// Package opstest gives tests a database of their own at once. It is for tests only.
package opstest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
)

// empty is the file of a database as the migrations leave it: making one takes as long as
// many tests.
var empty = sync.OnceValues(func() (data []byte, err error) {
	dir, err := os.MkdirTemp("", "consento-empty-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	db, err := ops.OpenDatabase(context.Background(), dir)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil { // which empties the write-ahead log
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, "consento.db"))
})

// Database is ops.OpenDatabase in a data folder that is made for it: a real database, up to
// date, with nothing in it. Whoever asks for it closes it.
func Database(t testing.TB, dir string) *bun.DB {
	t.Helper()
	data, err := empty()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := ops.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(folder.Path(), "consento.db"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := ops.OpenDatabase(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return db
}
