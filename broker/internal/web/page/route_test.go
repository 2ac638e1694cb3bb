package page

import (
	"net/http"
	"testing"
)

// TestBack: what was posted is asked for again where its form is.
func TestBack(t *testing.T) {
	do := ForAnyone(func(http.ResponseWriter, *http.Request) error { return nil })
	for _, c := range []struct {
		route    Route
		path, to string
	}{
		{At("/request", do, do), "/request", "/request"},
		{At("/key", RedirectTo("/"), do), "/key", "/"},
		{At("/settings/{id}", do, do).Back("/settings"), "/settings/1", "/settings"},
		{At("/desk/{id}/files", RedirectTo("/desk/"), do).Back("/desk/{id}"), "/desk/7/files", "/desk/7"},
		{At("/profiles/{name}/gone", do, do).Back("/profiles/{name}"), "/profiles/a/b/gone", "/profiles/a/b"}, // a name may hold a slash
		{At("/a/{id}/b/c", do, do).Back("/a/{id}"), "/", ""},
	} {
		if to := c.route.backFrom(c.path); to != c.to {
			t.Errorf("from %s by %s back to %q, not %q", c.path, c.route.Path, to, c.to)
		}
	}
}

// TestBackIsABeginning: a way back that does not fit its route is found at the start.
func TestBackIsABeginning(t *testing.T) {
	do := ForAnyone(func(http.ResponseWriter, *http.Request) error { return nil })
	defer func() {
		if recover() == nil {
			t.Error("nobody minds")
		}
	}()
	(&Ground{}).Handler([]Route{At("/desk/{id}/files", do, do).Back("/request/{id}")})
}
