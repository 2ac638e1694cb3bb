package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"time"
)

//go:embed assets
var ownAssets embed.FS

// assets are the files under /assets/: our own and those of the built console,
// all in memory, all in one folder.
type assets struct{ files map[string]asset }

type asset struct {
	data []byte
	hash string // of the content, 16 hex characters
}

// maxAssets bounds what the console may bring, in bytes.
const maxAssets = 16 << 20

// Pages of the console are answered elsewhere, with a policy and a check of rights.
var notAssets = map[string]bool{"index.html": true, ".placeholder": true}

func readAssets(console fs.FS, style []byte) (*assets, error) {
	a := &assets{files: map[string]asset{}}
	if style != nil {
		a.add("base.css", style)
	}
	own, err := fs.Sub(ownAssets, "assets")
	if err != nil {
		return nil, fmt.Errorf("web: assets: %w", err)
	}
	total := 0
	for _, files := range []fs.FS{console, own} {
		if files == nil {
			continue
		}
		entries, err := fs.ReadDir(files, ".")
		if err != nil {
			return nil, fmt.Errorf("web: assets: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() || notAssets[e.Name()] {
				continue
			}
			data, err := fs.ReadFile(files, e.Name())
			if err != nil {
				return nil, fmt.Errorf("web: assets: %w", err)
			}
			if total += len(data); total > maxAssets {
				return nil, errors.New("web: assets are too large")
			}
			a.add(e.Name(), data)
		}
	}
	return a, nil
}

func (a *assets) add(name string, data []byte) {
	sum := sha256.Sum256(data)
	a.files[name] = asset{data: data, hash: hex.EncodeToString(sum[:8])}
}

// has reports whether there is an asset of this name.
func (a *assets) has(name string) bool { _, ok := a.files[name]; return ok }

// url is the address of an asset with its hash, so that browsers may keep it
// for ever.
func (a *assets) url(name string) string {
	if f, ok := a.files[name]; ok {
		return "/assets/" + name + "?v=" + f.hash
	}
	return "/assets/" + name
}

// page returns a page of the console with its assets named by url.
func (a *assets) page(html []byte) []byte {
	for name := range a.files {
		html = bytes.ReplaceAll(html, []byte(`"/assets/`+name+`"`), []byte(`"`+a.url(name)+`"`))
	}
	return html
}

// serve answers with the file, or reports that there is none. With the right
// hash in its address a file may be kept for ever, else it is asked for again.
func (a *assets) serve(rw http.ResponseWriter, r *http.Request, name string) (found bool) {
	f, ok := a.files[name]
	if !ok {
		return false
	}
	h := rw.Header()
	h.Set("Cache-Control", "no-cache")
	if path.Ext(name) == ".woff2" {
		h.Set("Cache-Control", "public, max-age=604800") // style sheets name fonts without a hash
	}
	if r.URL.Query().Get("v") == f.hash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("ETag", `"`+f.hash+`"`)
	h.Set("Content-Type", contentType(name))
	http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(f.data))
	return true
}

// contentType does not ask the machine's own list where it matters: what differs
// there would make nosniff refuse the file.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".woff2":
		return "font/woff2"
	case ".xsd":
		return "application/xml"
	case ".json":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

func (w *Web) showAsset(rw http.ResponseWriter, r *http.Request) error {
	if !w.assets.serve(rw, r, r.PathValue("name")) {
		return w.notFound(rw, r)
	}
	return nil
}

func (w *Web) showIcon(rw http.ResponseWriter, r *http.Request) error {
	if !w.assets.serve(rw, r, "favicon.svg") {
		return w.notFound(rw, r)
	}
	return nil
}
