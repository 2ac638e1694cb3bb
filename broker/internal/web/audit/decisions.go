package audit

import (
	"context"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/web/page"
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

func (ps *Pages) decisionRoutes() []page.Route {
	trail := ps.forTrail
	return []page.Route{
		page.At("/audit/retention", trail(ps.showRetention), trail(ps.changeRetention)),
		page.At("/audit/storage", trail(ps.showStorage)),
		page.At("/audit/retention/by-number", trail(findSubject)),
		page.At("/audit/retention/{id}", trail(ps.showSubject)),
		page.At("/audit/retention/{id}/hold", trail(backToSubject), trail(ps.changeHold)).Back("/audit/retention/{id}"),
	}
}
