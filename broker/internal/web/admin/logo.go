package admin

import (
	"bytes"
	"net/http"
	"time"
)

// showLogo serves what the broker drew itself. With the right name in its address
// it may be kept for ever.
func (ps *Pages) showLogo(rw http.ResponseWriter, r *http.Request) error {
	logo, err := ps.settings.Logo(r.Context())
	if err != nil {
		return err
	}
	if len(logo.PNG) == 0 {
		return ps.NotFound(rw, r)
	}
	h := rw.Header()
	h.Set("Content-Type", "image/png")
	h.Set("ETag", `"`+logo.Hash+`"`)
	h.Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == logo.Hash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(logo.PNG))
	return nil
}
