package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Place is where recordings lie that are compared with the log.
type Place interface {
	Name() string
	// Recordings are the names that end in ".rec".
	Recordings(ctx context.Context) ([]string, error)
	// Open reads what there is at this moment. Errors: fs.ErrNotExist.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Listing is what a store that keeps versions says of them; nil for others.
	Listing(ctx context.Context) (*Listing, error)
}

// ListingFile lies in a folder that was fetched from a store with versions, beside
// the recordings: a [Listing] in JSON.
const ListingFile = "versions.json"

const maxListing = 256 << 20 // bytes of it

var errNoFile = errors.New("it is no file")

// Dir is a folder of recordings: of a broker, of a mirror, or fetched from a store.
type Dir string

// Name implements [Place].
func (d Dir) Name() string { return string(d) }

// Recordings implements [Place].
func (d Dir) Recordings(context.Context) ([]string, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".rec") {
			found = append(found, e.Name())
		}
	}
	return found, nil
}

// Open implements [Place].
func (d Dir) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	path := filepath.Join(string(d), name)
	st, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errNoFile
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	// It may grow meanwhile.
	return &reader{ctx, io.NewSectionReader(file, 0, st.Size()), file}, nil
}

// Listing implements [Place].
func (d Dir) Listing(context.Context) (*Listing, error) {
	b, err := readLimited(filepath.Join(string(d), ListingFile), maxListing)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var l Listing
	if err := json.Unmarshal(b, &l); err != nil {
		return nil, fmt.Errorf("%s: %w", ListingFile, err)
	}
	return &l, nil
}
