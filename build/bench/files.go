package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"
)

const (
	filesScene = "files"
	fileBytes  = 1 << 30
)

// transferred is how long a file took, by one way.
type transferred struct {
	way  string
	took time.Duration
}

// playFiles sends a file of 1 GB to the customer and fetches it back, by plain HTTPS on
// the same machine, with the same hashes, and by scp.
func (b *bench) playFiles(ctx context.Context, s *session) (err error) {
	o := s.office
	name := filepath.Join(b.dir, "large.bin")
	if err := fillFile(name); err != nil {
		return err
	}
	downloads := filepath.Join(o.customer.Home, "Downloads")
	arrived := filepath.Join(downloads, "large.bin")
	defer func() {
		err = errors.Join(err, os.RemoveAll(name), os.RemoveAll(arrived), os.RemoveAll(filepath.Join(o.technician.Home, "Downloads", "large.bin")))
	}()
	done := func(n int) error {
		return o.console.Until("transferred", fmt.Sprintf(`[...document.querySelectorAll('[data-testid="files-jobs"] li')].filter((e) => e.dataset.state === "done").length === %d`, n))
	}
	for n, way := range []struct{ what, button, begin string }{
		{"to the customer", `[data-testid="send_files"]`, ""},
		{"from the customer", `[data-testid="fetch_files"]`, `.files-list [data-name="large.bin"] button`},
	} {
		if err := s.allowTool(ctx, way.button); err != nil {
			return err
		}
		var began time.Time
		if way.begin == "" {
			if err := o.console.Until("given", `document.querySelector('[data-testid="files-choose"]')`); err != nil {
				return err
			}
			began = time.Now()
			err = o.console.Choose(`[data-testid="files-choose"]`, name)
		} else {
			if err := o.console.Until("listed", fmt.Sprintf(`document.querySelector(%q)`, way.begin)); err != nil {
				return err
			}
			began = time.Now()
			err = o.console.Click(way.begin)
		}
		if err != nil {
			return err
		}
		for err = done(n + 1); err != nil && time.Since(began) < 5*time.Minute; err = done(n + 1) {
		}
		if err != nil {
			return s.failed(err)
		}
		b.transfers = append(b.transfers, transferred{way.what, time.Since(began)})
		say(fmt.Sprintf("1 GB %s: %v", way.what, time.Since(began)))
	}
	took, err := plainHTTPS(ctx, name, filepath.Join(b.dir, "plain.bin"))
	if err != nil {
		return err
	}
	b.transfers = append(b.transfers, transferred{"by plain HTTPS", took})
	took, err = plainSCP(ctx, name, b.dir)
	if errors.Is(err, errNoSCP) {
		say(err.Error())
		return nil
	}
	b.transfers = append(b.transfers, transferred{"by scp, hashed by neither", took})
	return err
}

func fillFile(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{3}), fileBytes)
	return errors.Join(err, f.Close())
}

// plainHTTPS carries a file over TLS on loopback, hashed on both ends, onto the disk.
func plainHTTPS(ctx context.Context, from, to string) (took time.Duration, err error) {
	sent := sha256.New()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(from)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer f.Close()
		_, _ = io.Copy(w, io.TeeReader(f, sent)) // the hash tells
	}))
	defer server.Close()
	defer func() { err = errors.Join(err, os.RemoveAll(to)) }()
	began := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		return 0, err
	}
	answer, err := server.Client().Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	f, err := os.Create(to)
	if err != nil {
		return 0, err
	}
	got := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, got), answer.Body)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	took = time.Since(began)
	if string(got.Sum(nil)) != string(sent.Sum(nil)) {
		return 0, errors.New("another content arrived")
	}
	return took, nil
}
