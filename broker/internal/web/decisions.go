package web

import (
	"context"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
)

// Decisions is what the pages of retention, holds and deletion ask. Every method
// checks the right of who asks; none tells anything of the content of a session.
type Decisions interface {
	Storage(ctx context.Context, by access.Account) (evidence.Storage, error)
	Due(ctx context.Context, by access.Account) ([]evidence.Summary, error)
	Held(ctx context.Context, by access.Account) ([]evidence.Subject, error)
	Erasures(ctx context.Context, by access.Account) ([]evidence.Erasure, error)
	Subject(ctx context.Context, by access.Account, id string) (evidence.Subject, error)
	PutHold(ctx context.Context, by access.Account, id, why string) error
	ConfirmHold(ctx context.Context, by access.Account, id, why string) error
	ReleaseHolds(ctx context.Context, by access.Account, id, why string) error
	AskErasure(ctx context.Context, by access.Account, id, why string, keepLog bool) error
	DecideErasure(ctx context.Context, by access.Account, erasure string, approve bool, why string) error
}

func (w *Web) decisionRoutes() []Route {
	trail := w.forTrail
	return []Route{
		at("/audit/retention", trail(w.showRetention), trail(w.changeRetention)),
		at("/audit/storage", trail(w.showStorage)),
		at("/audit/retention/by-number", trail(findSubject)),
		at("/audit/retention/{id}", trail(w.showSubject)),
		at("/audit/retention/{id}/hold", trail(backToSubject), trail(w.changeHold)),
	}
}

// dutyLink is one entry of the navigation.
type dutyLink struct{ Path, Text string }

// dutiesOf lists the pages that an account comes to.
func dutiesOf(a access.Account) []dutyLink {
	var links []dutyLink
	if auditor(a) {
		links = append(links, dutyLink{"/audit/", "audit.nav.recordings"}, dutyLink{searchPath, "audit.nav.search"})
	}
	if access.Can(a, access.ManageOffice, access.Scope{}) {
		links = append(links, dutyLink{"/settings", "settings.title"})
	}
	if access.Can(a, access.ReadTrail, access.Scope{}) {
		links = append(links, dutyLink{"/audit/retention", "audit.nav.retention"}, dutyLink{"/audit/storage", "audit.nav.storage"}, dutyLink{"/audit/trail", "audit.nav.trail"},
			dutyLink{"/audit/keys", "audit.nav.keys"})
	}
	if access.Can(a, access.ReadBreaches, access.Scope{Territory: a.Territory}) {
		links = append(links, dutyLink{"/audit/breaches", "breach.title"})
	}
	if access.Can(a, access.ManageAuditors, access.Scope{}) {
		links = append(links, dutyLink{"/admin/people", "audit.nav.people"})
	}
	return links
}
