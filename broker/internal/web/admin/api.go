package admin

import (
	"net/http"
	"strings"

	"consento/broker/internal/api"
	"consento/broker/internal/web/page"
)

// apiPage is the data of the template "api": what programs can ask, for people who write them.
type apiPage struct {
	Address  string
	Groups   []apiGroup
	Problems []apiProblem
}

// apiGroup is one heading of the reference, which is in English as the names in it are.
type apiGroup struct {
	Name       string
	Operations []api.Operation
}

type apiProblem struct {
	Code   string
	Status int
	Title  string
}

func (ps *Pages) apiRoutes() []page.Route {
	return []page.Route{
		page.At("/api", page.RedirectTo("/api/")),
		page.At("/api/{$}", page.ForAnyone(ps.showAPI)),
	}
}

func (ps *Pages) showAPI(rw http.ResponseWriter, r *http.Request) error {
	p := ps.NewPage(r, "api.title")
	data := apiPage{Address: ps.PublicURL}
	for _, o := range api.Operations() {
		if n := len(data.Groups); n == 0 || data.Groups[n-1].Name != o.Group {
			data.Groups = append(data.Groups, apiGroup{Name: o.Group})
		}
		g := &data.Groups[len(data.Groups)-1]
		o.Path = strings.TrimPrefix(o.Path, "/api")
		g.Operations = append(g.Operations, o)
	}
	for _, f := range api.Failures() {
		data.Problems = append(data.Problems, apiProblem{f.Code, f.Status, p.T("api.problem." + f.Code)})
	}
	p.Data = data
	return ps.Show(rw, http.StatusOK, "api", p)
}
