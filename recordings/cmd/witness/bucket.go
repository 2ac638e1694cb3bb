package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"consento/recordings/store"
	"consento/recordings/store/s3store"
)

// bucketFile in the folder of a witness says that recordings and bags lie in a
// bucket; build/witness-s3.toml shows all that can stand there.
const bucketFile = "s3.toml"

type bucketConfig struct {
	s3store.Config
	LiveLockDays int    `toml:"live_lock_days"`
	BagLockDays  int    `toml:"bag_lock_days"`
	Timeout      string `toml:"timeout"`
}

const (
	minLockDays = 2 // a weekend without anybody who looks must not end a lock
	maxLockDays = 90
)

// bucket is the one of the folder, checked; nil when there is none.
func (f folder) bucket(ctx context.Context, logger *slog.Logger) (*s3store.Store, error) {
	c, err := f.bucketConfig()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path(bucketFile), err)
	}
	c.Logger = logger
	s, err := s3store.New(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path(bucketFile), err)
	}
	err = s.Check(ctx)
	switch {
	case errors.Is(err, s3store.ErrConfig):
		return nil, err
	case err != nil: // it may go well when it is tried again
		return nil, failure{exitFailed, err}
	}
	return s, nil
}

// coded is a failure whose code an error may have decided already.
func coded(err error) failure {
	var f failure
	if errors.As(err, &f) {
		return failure{f.code, err}
	}
	return failure{exitUsage, err}
}

// bucketConfig errors: fs.ErrNotExist.
func (f folder) bucketConfig() (c s3store.Config, err error) {
	b, err := f.read(bucketFile)
	if err != nil {
		return c, err
	}
	var conf bucketConfig
	if err := toml.NewDecoder(bytes.NewReader(b)).DisallowUnknownFields().Decode(&conf); err != nil {
		var strict *toml.StrictMissingError
		if errors.As(err, &strict) && len(strict.Errors) > 0 {
			return c, fmt.Errorf("unknown key %q", strings.Join(strict.Errors[0].Key(), "."))
		}
		// What the decoder cites could be a credential.
		var at *toml.DecodeError
		if errors.As(err, &at) {
			row, column := at.Position()
			return c, fmt.Errorf("line %d, column %d is not as it should be", row, column)
		}
		return c, errors.New("it is not TOML")
	}
	c = conf.Config
	if c.SecretKey != "" {
		st, err := os.Stat(f.path(bucketFile))
		if err != nil {
			return c, err
		}
		if os.PathSeparator == '/' && st.Mode().Perm()&0o077 != 0 {
			return c, errors.New("others than its owner can read it, and it holds a secret: chmod 600 it")
		}
	}
	c.FromEnvironment()
	for _, lock := range []struct {
		key  string
		days int
		to   *time.Duration
	}{{"live_lock_days", conf.LiveLockDays, &c.LiveLock}, {"bag_lock_days", conf.BagLockDays, &c.BagLock}} {
		if lock.days != 0 && (lock.days < minLockDays || lock.days > maxLockDays) {
			return c, fmt.Errorf("%s: from %d to %d", lock.key, minLockDays, maxLockDays)
		}
		*lock.to = time.Duration(lock.days) * 24 * time.Hour
	}
	if conf.Timeout != "" {
		if c.Timeout, err = time.ParseDuration(conf.Timeout); err != nil || c.Timeout < time.Second || c.Timeout > 10*time.Minute {
			return c, errors.New("timeout: from 1s to 10m")
		}
	}
	return c, nil
}

type fetch struct {
	Dir string `required:"" placeholder:"D" help:"Folder of the witness."`
	To  string `required:"" placeholder:"FOLDER" help:"Where to: recordings go into rec in it, key bags into bags."`
}

// Run fetches what the bucket has.
func (c *fetch) Run(out io.Writer) error {
	ctx := context.Background()
	bucket, err := folder(c.Dir).bucket(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return coded(err)
	}
	if bucket == nil {
		return failure{exitUsage, fmt.Errorf("there is no %s: recordings lie in %s", folder(c.Dir).path(bucketFile), folder(c.Dir).path("rec"))}
	}
	rec, bags := filepath.Join(c.To, "rec"), filepath.Join(c.To, "bags")
	if err := errors.Join(os.MkdirAll(rec, 0o700), os.MkdirAll(bags, 0o700)); err != nil {
		return failure{exitUsage, err}
	}
	place := bucket.Place()
	names, err := place.Recordings(ctx)
	if err != nil {
		return failure{exitFailed, err}
	}
	for _, name := range names {
		if !store.ValidName(name) {
			continue // a listing shows it
		}
		if err := take(ctx, place, name, filepath.Join(rec, name)); err != nil && !errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			return failure{exitFailed, fmt.Errorf("%s: %w", name, err)}
		}
	}
	for name, err := range bucket.ListBags(ctx) {
		if err != nil {
			return failure{exitFailed, err}
		}
		b, err := bucket.Bag(ctx, name)
		if err == nil {
			err = folder(bags).write(name, b)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failure{exitFailed, fmt.Errorf("%s: %w", name, err)}
		}
	}
	listing, err := place.Listing(ctx)
	if err != nil {
		return failure{exitFailed, err}
	}
	b, err := json.MarshalIndent(listing, "", " ")
	if err != nil {
		return err
	}
	if err := folder(rec).write(store.ListingFile, append(b, '\n')); err != nil {
		return failure{exitFailed, err}
	}
	_, err = fmt.Fprintf(out, "%d recordings and %s are in %s\nconsento-verify store LOG %[3]s --policy KEYS\n", len(names), store.ListingFile, rec)
	return err
}

// take copies one recording, whole or not at all.
func take(ctx context.Context, from store.Place, name, to string) error {
	in, err := from.Open(ctx, name)
	if err != nil {
		return err
	}
	defer in.Close()
	tmp := to + ".tmp"
	file, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, in)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, to)
}
