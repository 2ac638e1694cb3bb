package admin

import (
	"strings"
	"testing"
)

func FuzzLocalNext(f *testing.F) {
	for _, seed := range []string{"/console/", "//evil.example", "/console/../x", "https:/console/", "/console/#a", "/\\evil"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, next string) {
		if to := localNext(next); !strings.HasPrefix(to, "/console/") || strings.ContainsAny(to, "\\\r\n") {
			t.Errorf("%q leads to %q", next, to)
		}
	})
}
