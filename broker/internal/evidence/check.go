package evidence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/recordings"
	"consento/recordings/translog"
	"consento/recordings/verdict"
)

type checkRow struct {
	bun.BaseModel `bun:"table:checks"`

	SID     string `bun:"sid,pk"`
	State   State
	Checked int64
}

// states are the words of package verdict on this side.
var states = map[verdict.State]State{verdict.Intact: Intact, verdict.Unverifiable: Unverifiable, verdict.Incomplete: Incomplete, verdict.Tampered: Tampered}

// Verdict verifies all of a session as the stand-alone verifier does, and keeps
// what it comes to for the list.
func (e *Evidence) Verdict(ctx context.Context, by access.Account, id string) (Verdict, error) {
	f, sid, err := e.fact(ctx, by, id)
	if err != nil {
		return Verdict{}, err
	}
	rows, err := e.index.session(ctx, sid)
	if err != nil {
		return Verdict{}, err
	}
	if len(rows) == 0 {
		return Verdict{}, ErrNotFound
	}
	text, err := e.Receipt(ctx, id)
	if err != nil {
		return Verdict{}, err
	}
	proof, err := translog.ParseProof(text)
	if err != nil {
		return Verdict{}, fmt.Errorf("evidence: %w", err)
	}
	keys, err := e.config.Keys()
	if err != nil {
		return Verdict{}, fmt.Errorf("evidence: %w", err)
	}
	var policies *recordings.PolicyChain
	if chain := e.policies.get(); chain.Len() > 0 {
		policies = &chain
	}
	c := verdict.New(keys, &proof, policies)
	for _, row := range rows {
		path := e.path(segment{sid, row.Segment})
		err := c.Scan(path, recordings.DefaultBag(path))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // that one is missing the case finds out
			return Verdict{}, fmt.Errorf("evidence: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return Verdict{}, err
		}
	}
	result := c.Result()
	v := Verdict{State: states[result.State], Checked: e.config.Now().UTC(), Witness: witnessOf(result.Proof), Stores: 1, Hosts: 1}
	for _, r := range result.Reasons {
		v.Reasons = append(v.Reasons, Reason{Code: r.Code, Segment: r.Segment, From: r.From, To: r.To, Values: r.Values})
	}
	_, err = e.config.Database.NewInsert().Model(&checkRow{SID: f.ID, State: v.State, Checked: v.Checked.UnixMilli()}).
		On("CONFLICT (sid) DO UPDATE").Set("state = EXCLUDED.state").Set("checked = EXCLUDED.checked").Exec(ctx)
	if err != nil {
		return Verdict{}, fmt.Errorf("evidence: %w", err)
	}
	return v, nil
}

func witnessOf(proof *translog.ProofReport) string {
	if proof == nil || len(proof.Witnesses) == 0 {
		return "none"
	}
	if slices.ContainsFunc(proof.Witnesses, func(c translog.Cosignature) bool { return c.Witness != translog.EmbeddedWitness }) {
		return "independent"
	}
	return "embedded"
}
