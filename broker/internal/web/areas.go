package web

import "consento/broker/internal/access"

// areaLink is where an account works, in the navigation from one to the other.
type areaLink struct{ Path, Key string }

// areasOf are the areas that an account comes to.
func areasOf(a access.Account) (areas []areaLink) {
	for _, at := range []struct {
		areaLink
		open bool
	}{
		{areaLink{"/console/", "desk.console"}, access.May(a, access.Assist)},
		{areaLink{"/desk/", "desk.title"}, access.May(a, access.ReadTickets)},
		{areaLink{"/figures/", "figures.title"}, access.May(a, access.SeeFigures)},
		{areaLink{"/figures/people", "figures.people.title"}, access.May(a, access.Assist) && !access.May(a, access.SeeFigures)},
		{areaLink{"/desk/report", "levels.report.title"}, access.May(a, access.SeeFigures)},
		{areaLink{"/audit/", "audit.nav.recordings"}, access.May(a, access.ReadEvidence)},
		{areaLink{"/audit/trail", "audit.nav.trail"}, access.May(a, access.ReadTrail)},
		{areaLink{"/settings", "settings.title"}, access.May(a, access.ManageOffice)},
		{areaLink{"/admin/people", "admin.title"}, access.May(a, access.ManageAccounts) || access.May(a, access.ManageAuditors)},
		{areaLink{"/admin/mail", "admin.mail.title"}, access.May(a, access.SeeMetrics) && !access.May(a, access.ManageAccounts)},
	} {
		if at.open {
			areas = append(areas, at.areaLink)
		}
	}
	return areas
}
