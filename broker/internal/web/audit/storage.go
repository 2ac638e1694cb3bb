package audit

import (
	"context"
	"net/http"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// storagePage is the data of the template "audit-storage".
type storagePage struct {
	Account  access.Account
	Space    page.Storage
	Days     []growthRow // the newest first
	Heaviest []heavyRow
}

type growthRow struct {
	Day, Sessions, Size string
	Bytes, Most         int64
}

type heavyRow struct{ Started, Short, Team, Technician, Size, Link string }

func (ps *Pages) showStorage(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	s, err := ps.decisions.Storage(r.Context(), by)
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "audit.storage.title")
	data := storagePage{Account: by, Space: page.StorageOf(p, s)}
	var most int64 = 1
	for _, d := range s.Days {
		most = max(most, d.Bytes)
	}
	for i := range s.Days {
		d := s.Days[len(s.Days)-1-i]
		data.Days = append(data.Days, growthRow{page.Day(p, d.Day), p.Count("sessions", d.Sessions), page.Size(d.Bytes), d.Bytes, most})
	}
	for _, h := range s.Heaviest {
		row := rowOf(p, h)
		link := "/audit/retention/" + h.ID
		if page.ReadsEvidence(by) {
			link = "/audit/sessions/" + h.ID
		}
		data.Heaviest = append(data.Heaviest, heavyRow{row.Started, row.Short, row.Team, row.Technician, row.Size, link})
	}
	p.Data = data
	return ps.Show(rw, http.StatusOK, "audit-storage", p)
}

// StorageFor is the summary for an administrator's page; nil where there is none.
func (ps *Pages) StorageFor(ctx context.Context, p *page.Page, by access.Account) (*page.Storage, error) {
	if ps.decisions == nil {
		return nil, nil
	}
	s, err := ps.decisions.Storage(ctx, by)
	if err != nil {
		return nil, err
	}
	said := page.StorageOf(p, s)
	return &said, nil
}
