package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzCopyAddress: whatever stands in the address of a copy and is shown as its
// token, the answer tells nothing but that it does not work.
func FuzzCopyAddress(f *testing.F) {
	h := newHouse(f, withVault(f))
	zero := strings.Repeat("0", 32)
	for _, id := range []string{zero, strings.ToUpper(strings.Repeat("ab", 16)), "x", "../" + zero, zero + "/", "%00", strings.Repeat("é", 16)} {
		f.Add(id, strings.Repeat("A", 43))
		f.Add(id, "")
	}
	f.Add(zero, strings.Repeat("A", 42)+"B") // not the one spelling
	f.Add(zero, strings.Repeat("=", 43))
	f.Add(zero, strings.Repeat("A", 1<<17))
	f.Fuzz(func(t *testing.T, id, token string) {
		for _, what := range []string{"about", "open"} {
			body := url.Values{"token": {token}}.Encode()
			r := httptest.NewRequest(http.MethodPost, "/copy/"+url.PathEscape(id)+"/"+what, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			rw := httptest.NewRecorder()
			h.server.Config.Handler.ServeHTTP(rw, r)
			if rw.Code == http.StatusOK || rw.Code >= 500 || len(rw.Result().Cookies()) > 0 {
				t.Errorf("%s %q: %d %s", what, id, rw.Code, rw.Body)
			}
			if rw.Code == http.StatusNotFound && rw.Header().Get("Content-Type") == "application/json" && rw.Body.String() != `{"problem":"wrong"}` {
				t.Errorf("%s %q: %s", what, id, rw.Body)
			}
		}
	})
}
