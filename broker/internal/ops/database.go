package ops

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver named "sqlite"
)

// Migrations go forward only: an older program must refuse what it does not know,
// and a way back is a backup. SQL is the common part of SQLite and PostgreSQL:
// TEXT, BIGINT, BOOLEAN, TIMESTAMPTZ (UTC), ids as text.
//
//go:embed migrations/*.sql
var embedded embed.FS

// maxConnections suits SQLite: readers run beside the one writer.
const maxConnections = 8

// OpenDatabase opens the database in the data folder dir, makes it if there is
// none, and brings it up to date. Several processes may do so at the same time.
// A database that a newer program has written is refused with ErrNewer and left
// as it is.
func OpenDatabase(ctx context.Context, dir string) (*bun.DB, error) {
	folder, err := OpenFolder(dir)
	if err != nil {
		return nil, err
	}
	migrations, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return openDatabase(ctx, folder, migrations)
}

func openDatabase(ctx context.Context, folder *Folder, migrations fs.FS) (_ *bun.DB, err error) {
	path := folder.file("consento.db")
	// SQLite gives the files beside the database the rights of the database.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("database: %w", plain(err))
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("database: %w", plain(err))
	}
	name := (&url.URL{Path: path}).EscapedPath()
	conns, err := sql.Open("sqlite", "file:"+name+
		"?_pragma=journal_mode(WAL)&_pragma=secure_delete(1)&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_txlock=immediate&_time_format=sqlite")
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			conns.Close()
		}
	}()
	conns.SetMaxOpenConns(maxConnections)
	conns.SetMaxIdleConns(maxConnections)
	if err := folder.once(func() error { return migrate(ctx, conns, migrations) }); err != nil {
		return nil, fmt.Errorf("database %s: %w", path, plain(err))
	}
	return bun.NewDB(conns, sqlitedialect.New()), nil
}

// Wipe takes what was changed or deleted out of the files as well: deleted content is
// overwritten (secure_delete), but the write-ahead log keeps older pages until it is
// emptied. Where somebody reads or writes at this moment it does less, and nobody waits:
// it is called again.
func Wipe(ctx context.Context, db *bun.DB) (err error) {
	conn, err := db.DB.Conn(ctx)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer func() {
		_, back := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA busy_timeout = 5000")
		err = errors.Join(err, back, conn.Close())
	}()
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = 50"); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	var busy, pages, moved int // what SQLite says of it
	if err := conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return nil
}

func migrate(ctx context.Context, conns *sql.DB, migrations fs.FS) error {
	provider, err := goose.NewProvider(goose.DialectSQLite3, conns, migrations, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	current, known, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > known {
		return fmt.Errorf("%w (schema %d, this program knows up to %d): use that version, or restore a backup of this one", ErrNewer, current, known)
	}
	if _, err := provider.Up(ctx); err != nil {
		var partial *goose.PartialError
		if errors.As(err, &partial) && partial.Failed != nil {
			return fmt.Errorf("migration %s: %w", partial.Failed.Source.Path, partial.Err)
		}
		return err
	}
	return nil
}
