package audit

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
	"consento/broker/internal/web/player"
)

// giveAudited serves a segment to an auditor.
func (ps *Pages) giveAudited(serve player.Server) func(http.ResponseWriter, *http.Request, access.Account) error {
	return func(rw http.ResponseWriter, r *http.Request, by access.Account) error {
		return player.Serve(rw, r, func(r *http.Request, n int) (io.ReadSeekCloser, time.Time, error) {
			return ps.evidence.Segment(r.Context(), by, grantOf(r), r.PathValue("id"), n)
		}, serve)
	}
}

// giveBag serves a key bag: without a key that it is for it opens nothing.
func (ps *Pages) giveBag(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	n, err := player.Segment(r)
	if err != nil {
		return err
	}
	bag, err := ps.evidence.Bag(r.Context(), by, grantOf(r), r.PathValue("id"), n)
	if err != nil {
		return err
	}
	return page.Attach(rw, "application/json", player.FileName(r.PathValue("id"), fmt.Sprintf("-%d.key", n)), bag)
}

// giveLogKeys serves the keys of a segment's events: they are a share, encrypted as a
// key bag is.
func (ps *Pages) giveLogKeys(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	n, err := player.Segment(r)
	if err != nil {
		return err
	}
	keys, err := ps.evidence.LogKeys(r.Context(), by, grantOf(r), r.PathValue("id"), n)
	if err != nil {
		return err
	}
	return page.Attach(rw, "application/json", player.FileName(r.PathValue("id"), fmt.Sprintf("-%d.logkeys", n)), keys)
}

func (ps *Pages) giveProof(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	proof, err := ps.evidence.Proof(r.Context(), by, r.PathValue("id"))
	if err != nil {
		return err
	}
	return page.Attach(rw, "application/json", player.FileName(r.PathValue("id"), ".proof"), proof)
}

func (ps *Pages) giveTimestamp(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	file, err := ps.evidence.Timestamp(r.Context(), by, r.PathValue("id"))
	if err != nil {
		return err
	}
	return page.Attach(rw, "application/json", player.FileName(r.PathValue("id"), ".stamp"), file)
}
