package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"time"
)

// Assets are the files under /assets/: our own and those of the built console,
// all in memory, all in one folder.
type Assets struct{ files map[string]asset }

type asset struct {
	data []byte
	hash string // of the content, 16 hex characters
}

// maxAssets bounds what the console may bring, in bytes.
const maxAssets = 16 << 20

// Pages of the console are answered elsewhere, with a policy and a check of rights.
var notAssets = map[string]bool{"index.html": true, ".placeholder": true}

// readAssets reads files of folders, and style as base.css; a folder may be nil.
func readAssets(style []byte, folders ...fs.FS) (*Assets, error) {
	a := &Assets{files: map[string]asset{}}
	if style != nil {
		a.add("base.css", style)
	}
	total := 0
	for _, files := range folders {
		if files == nil {
			continue
		}
		entries, err := fs.ReadDir(files, ".")
		if err != nil {
			return nil, fmt.Errorf("page: assets: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() || notAssets[e.Name()] {
				continue
			}
			data, err := fs.ReadFile(files, e.Name())
			if err != nil {
				return nil, fmt.Errorf("page: assets: %w", err)
			}
			if total += len(data); total > maxAssets {
				return nil, errors.New("page: assets are too large")
			}
			a.add(e.Name(), data)
		}
	}
	return a, nil
}

func (a *Assets) add(name string, data []byte) {
	sum := sha256.Sum256(data)
	a.files[name] = asset{data: data, hash: hex.EncodeToString(sum[:8])}
}

// Has reports whether there is an asset of this name.
func (a *Assets) Has(name string) bool { _, ok := a.files[name]; return ok }

// Hash is that of an asset's content, 16 hex characters; "" if there is none of this name.
func (a *Assets) Hash(name string) string { return a.files[name].hash }

// Data is an asset's content, nil if there is none of this name.
func (a *Assets) Data(name string) []byte { return a.files[name].data }

// url is the address of an asset with its hash, so that browsers may keep it
// for ever.
func (a *Assets) url(name string) string {
	if f, ok := a.files[name]; ok {
		return "/assets/" + name + "?v=" + f.hash
	}
	return "/assets/" + name
}

// Page returns a page of the console with its assets named by url.
func (a *Assets) Page(html []byte) []byte {
	for name := range a.files {
		html = bytes.ReplaceAll(html, []byte(`"/assets/`+name+`"`), []byte(`"`+a.url(name)+`"`))
	}
	return html
}

// serve answers with the file, or reports that there is none. With the right
// hash in its address a file may be kept for ever, else it is asked for again.
func (a *Assets) serve(rw http.ResponseWriter, r *http.Request, name string) (found bool) {
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

// ShowAsset serves the asset that the address names.
func (g *Ground) ShowAsset(rw http.ResponseWriter, r *http.Request) error {
	if !g.Assets.serve(rw, r, r.PathValue("name")) {
		return g.NotFound(rw, r)
	}
	return nil
}

// ShowIcon serves what browsers ask every site for.
func (g *Ground) ShowIcon(rw http.ResponseWriter, r *http.Request) error {
	if !g.Assets.serve(rw, r, "favicon.svg") {
		return g.NotFound(rw, r)
	}
	return nil
}
