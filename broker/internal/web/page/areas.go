package page

import (
	"consento/broker/internal/access"
)

// Area is where an account works, in the navigation from one to the other.
type Area struct{ Path, Key string }

// Areas are the areas that an account comes to.
func Areas(a access.Account) (areas []Area) {
	for _, at := range []struct {
		Area
		open bool
	}{
		{Area{"/console/", "desk.console"}, access.May(a, access.Assist)},
		{Area{"/desk/", "desk.title"}, access.May(a, access.ReadTickets)},
		{Area{"/figures/", "figures.title"}, access.May(a, access.SeeFigures)},
		{Area{"/figures/people", "figures.people.title"}, access.May(a, access.Assist) && !access.May(a, access.SeeFigures)},
		{Area{"/desk/report", "levels.report.title"}, access.May(a, access.SeeFigures)},
		{Area{"/audit/", "audit.nav.recordings"}, access.May(a, access.ReadEvidence)},
		{Area{"/audit/trail", "audit.nav.trail"}, access.May(a, access.ReadTrail)},
		{Area{"/settings", "settings.title"}, access.May(a, access.ManageOffice)},
		{Area{"/admin/people", "admin.title"}, access.May(a, access.ManageAccounts) || access.May(a, access.ManageAuditors)},
		{Area{"/admin/mail", "admin.mail.title"}, access.May(a, access.SeeMetrics) && !access.May(a, access.ManageAccounts)},
	} {
		if at.open {
			areas = append(areas, at.Area)
		}
	}
	return areas
}

// Duty is one entry of the navigation.
type Duty struct{ Path, Text string }

// Duties lists the pages that an account comes to.
func Duties(a access.Account) []Duty {
	var links []Duty
	if ReadsEvidence(a) {
		links = append(links, Duty{"/audit/", "audit.nav.recordings"}, Duty{"/audit/search", "audit.nav.search"})
	}
	if access.Can(a, access.ManageOffice, access.Scope{}) {
		links = append(links, Duty{"/settings", "settings.title"})
	}
	if access.Can(a, access.ReadTrail, access.Scope{}) {
		links = append(links, Duty{"/audit/retention", "audit.nav.retention"}, Duty{"/audit/storage", "audit.nav.storage"}, Duty{"/audit/trail", "audit.nav.trail"},
			Duty{"/audit/keys", "audit.nav.keys"})
	}
	if access.Can(a, access.ReadBreaches, access.Scope{Territory: a.Territory}) {
		links = append(links, Duty{"/audit/breaches", "breach.title"})
	}
	if access.Can(a, access.ManageAuditors, access.Scope{}) {
		links = append(links, Duty{"/admin/people", "audit.nav.people"})
	}
	return links
}

// ReadsEvidence reports whether the account reads evidence at all.
func ReadsEvidence(a access.Account) bool {
	return access.Can(a, access.ReadEvidence, access.Scope{Territory: a.Territory})
}
