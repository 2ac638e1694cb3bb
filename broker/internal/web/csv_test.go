package web_test

import (
	"encoding/csv"
	"encoding/json"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
	"consento/broker/internal/web"
)

// taken are the exports on the trail since before.
func taken(t testing.TB, h *house, before int) []ops.Act {
	t.Helper()
	acts, err := ops.ActsWaiting(t.Context(), h.db, 1000)
	if err != nil {
		t.Fatal(err)
	}
	acts = slices.DeleteFunc(acts, func(a ops.Act) bool { return a.What != "exported" })
	return acts[before:]
}

// TestExportsStandOnTheTrail: every address of a file of rows leaves who took it, what,
// by which filters and how many rows; without the right, and for HEAD, nothing leaves
// and nothing is noted. An address that is not in this table fails it.
func TestExportsStandOnTheTrail(t *testing.T) {
	h := newHouse(t)
	boss := signedIn(t, h, access.Administrator, "Ada Neri", "ada@esempio.example")
	ada, err := h.access.ByEmail(t.Context(), "ada@esempio.example")
	if err != nil {
		t.Fatal(err)
	}
	works(t, h, 40)
	anna := joins(t, h, "Anna Bianchi", "Service desk", access.L1)
	joins(t, h, "Elena Rosa", "Service desk", access.L1)
	joins(t, h, "Fabio Rosa", "Service desk", access.L1) // of fewer there is no report
	for _, title := range []string{"Printer", "Mail", "Mail again"} {
		h.visitor(t).post("/request", "name", "Maria Rossi", "email", "", "phone", "0471", "title", title, "text", "")
	}
	type file struct {
		address, what string
		filters       map[string]string
	}
	files := map[string][]file{
		"/desk/tickets.csv": {{"/desk/tickets.csv", "tickets", map[string]string{}}, {"/desk/tickets.csv?id=mail&bom=1&ended=all&other=x", "tickets", map[string]string{"id": "mail", "ended": "all"}},
			{"/desk/tickets.csv?id=nothing+like+it", "tickets", map[string]string{"id": "nothing like it"}}},
		"/desk/report.csv": {{"/desk/report.csv?by=team", "report", map[string]string{"by": "team"}}},
	}
	links := regexp.MustCompile(`href="/figures/([a-z-]+)\.csv\?([^"]*)"`).FindAllStringSubmatch(boss.get("/figures/").text, -1)
	if len(links) < 5 {
		t.Fatalf("%d files of figures", len(links))
	}
	for _, l := range links {
		address := "/figures/" + l[1] + ".csv?" + strings.ReplaceAll(l[2], "&amp;", "&")
		day := regexp.MustCompile(`from=([0-9-]+)&amp;to=([0-9-]+)`).FindStringSubmatch(l[2])
		if day == nil {
			t.Fatal(l[2])
		}
		files["/figures/{table}"] = append(files["/figures/{table}"], file{address, "figures." + l[1], map[string]string{"from": day[1], "to": day[2]}})
	}
	pages := h.server.Config.Handler.(*web.Web)
	found := 0
	for _, route := range pages.Routes() {
		if !slices.Contains(route.Get.Actions, access.Export) && !strings.Contains(route.Path, "csv") {
			continue
		}
		found++
		if len(files[route.Path]) == 0 {
			t.Errorf("%s is not in the table", route.Path)
		}
		for _, f := range files[route.Path] {
			before := len(taken(t, h, 0))
			if got := boss.read(boss.do(http.MethodHead, f.address, "")); got.StatusCode != http.StatusOK || got.text != "" || len(taken(t, h, before)) != 0 {
				t.Errorf("HEAD %s: %d, noted %v", f.address, got.StatusCode, taken(t, h, before))
			}
			got := boss.get(f.address)
			rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(got.text, "\ufeff"))).ReadAll()
			if err != nil || got.StatusCode != http.StatusOK || len(rows) == 0 {
				t.Errorf("%s: %d, %d rows, %v", f.address, got.StatusCode, len(rows), err)
				continue
			}
			acts := taken(t, h, before)
			if len(acts) != 1 {
				t.Errorf("%s: %d acts on the trail", f.address, len(acts))
				continue
			}
			var body struct {
				What    string
				Filters map[string]string
				Rows    int
			}
			if err := json.Unmarshal(acts[0].Body, &body); err != nil {
				t.Error(err)
			}
			if acts[0].By != ada.ID || body.What != f.what || !maps.Equal(body.Filters, f.filters) || body.Rows != len(rows)-1 {
				t.Errorf("%s: by %s, %+v, of %d rows", f.address, acts[0].By, body, len(rows)-1)
			}
		}
	}
	if found != len(files) {
		t.Errorf("%d of %d addresses are there", found, len(files))
	}
	before := len(taken(t, h, 0))
	for _, all := range files {
		if got := anna.get(all[0].address); got.StatusCode != http.StatusForbidden {
			t.Errorf("without the right, %s: %d", all[0].address, got.StatusCode)
		}
	}
	if n := len(taken(t, h, before)); n != 0 {
		t.Errorf("%d refused exports are noted", n)
	}
}

// TestFilesOfRowsLeaveOneWay: what writes such a file does it by the function that notes it.
func TestFilesOfRowsLeaveOneWay(t *testing.T) {
	found := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, what := range []string{"text/csv", "csv.NewWriter("} {
			if strings.Contains(string(text), what) {
				if filepath.Base(path) != "csv.go" {
					t.Errorf("%s has %s: giveTable in csv.go notes who takes such a file", path, what)
				}
				found++
			}
		}
		return err
	})
	if err != nil || found != 2 {
		t.Errorf("%d, %v", found, err)
	}
}
