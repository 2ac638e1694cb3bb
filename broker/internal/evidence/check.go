package evidence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

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
		s := segment{sid, row.Segment}
		err := c.Scan(e.path(s), e.bagPath(s))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // that one is missing the case finds out
			return Verdict{}, fmt.Errorf("evidence: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return Verdict{}, err
		}
	}
	result := c.Result()
	copies, err := e.copiesOf(sid, rows)
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{State: states[result.State], Checked: e.config.Now().UTC(), Witness: witnessOf(result.Proof), Stores: 1 + copies, Hosts: 1 + copies}
	v.Clock = e.Clock()
	if v.Before, err = e.closedBefore(sid, rows); err != nil {
		return Verdict{}, err
	}
	for _, r := range result.Reasons {
		v.Reasons = append(v.Reasons, Reason{Code: r.Code, Segment: r.Segment, From: r.From, To: r.To, Values: r.Values})
	}
	for _, row := range rows {
		if names := e.bagsWaiting(segment{sid, row.Segment}); len(names) > 0 && row.Shred == nil {
			v.Reasons = append(v.Reasons, Reason{Code: "bag_waits", Segment: row.Segment, Values: map[string]string{"witness": strings.Join(names, ", ")}})
		}
	}
	_, err = e.config.Database.NewInsert().Model(&checkRow{SID: f.ID, State: v.State, Checked: v.Checked.UnixMilli()}).
		On("CONFLICT (sid) DO UPDATE").Set("state = EXCLUDED.state").Set("checked = EXCLUDED.checked").Exec(ctx)
	if err != nil {
		return Verdict{}, fmt.Errorf("evidence: %w", err)
	}
	return v, nil
}

// copiesOf is on how many other machines all of the session lies, as those that keep
// it have signed.
func (e *Evidence) copiesOf(sid translog.ID, rows []segmentRow) (int, error) {
	keys, err := e.config.Keys()
	if err != nil {
		return 0, fmt.Errorf("evidence: %w", err)
	}
	copies := 0
	for _, w := range e.witnesses.all {
		at := slices.IndexFunc(keys.Witness, func(k translog.NamedKey) bool { return k.Name == w.name })
		if w.name == translog.EmbeddedWitness || at < 0 {
			continue
		}
		whole := true
		for _, row := range rows {
			signed, err := recordings.ReadCosignatures(recordings.DefaultCosignatures(e.path(segment{sid, row.Segment})), recordings.SessionID(sid))
			if err != nil && !errors.Is(err, recordings.ErrMalformed) {
				return 0, fmt.Errorf("evidence: %w", err)
			}
			whole = whole && slices.ContainsFunc(signed, func(c recordings.Cosignature) bool { return c.Key.Equal(keys.Witness[at].Key) })
		}
		if whole {
			copies++
		}
	}
	return copies, nil
}

// signing is who signs what is recorded now, as witnessOf says it of a session.
func (e *Evidence) signing() string {
	who := "none"
	for _, w := range e.Witnesses() {
		if !w.Embedded {
			return "independent"
		}
		who = "embedded"
	}
	return who
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
