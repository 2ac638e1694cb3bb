package evidence

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"consento/recordings/translog"
)

const many = 10_000

// manySessions fills the log, the index and the table of sessions.
func manySessions(b *testing.B) (*env, []translog.ID) {
	n := newEnv(b)
	ids := make([]translog.ID, many)
	var leaves []translog.Leaf
	for i := range ids {
		rand.Read(ids[i][:])
		hash := translog.Hash{1, byte(i), byte(i >> 8)}
		leaves = append(leaves, translog.Opened{SID: ids[i], Key: hash, Commit: hash, Bag: hash, N: 1, Root: hash, Retention: "standard"},
			translog.Closed{SID: ids[i], N: 4000, Root: hash, Bytes: 20 << 20, SHA256: hash})
		if len(leaves) == 1000 {
			must(n.e.add(b.Context(), leaves...))(b)
			leaves = leaves[:0]
		}
	}
	err := n.db.RunInTx(b.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
		for t := range 20 {
			if _, err := tx.NewRaw("INSERT INTO teams (name, territory, level, created_at) VALUES (?, ?, 'L1', CURRENT_TIMESTAMP)",
				fmt.Sprint("Team ", t), fmt.Sprint("Territory ", t%4)).Exec(ctx); err != nil {
				return err
			}
		}
		for i, id := range ids {
			at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 10 * time.Minute).UnixMilli()
			if _, err := tx.NewRaw(`INSERT INTO sessions (id, state, technician_id, technician, team, key_expires, issued, ended, end_reason) VALUES (?, 'Issued', ?, ?, ?, 0, ?, ?, 'customer')`,
				id.String(), fmt.Sprint("t", i%300), fmt.Sprint("Anna Rossi ", i%300), fmt.Sprint("Team ", i%20), at, at+600_000).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	must(0, err)(b)
	return n, ids
}

// BenchmarkSearch is a page of the auditor's list among 10,000 sessions.
func BenchmarkSearch(b *testing.B) {
	n, ids := manySessions(b)
	for name, q := range map[string]Query{
		"newest": {}, "last-page": {Page: many / PageSize}, "technician": {Technician: "rossi 17"}, "team-and-week": {Team: "Team 3", From: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 2, 8, 0, 0, 0, 0, time.UTC)},
		"id": {ID: ids[many/2].String()[:8]}, "nothing": {Has: []HeldContent{HasShell}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				must(n.e.Sessions(b.Context(), auditor, q))(b)
			}
		})
	}
}

// BenchmarkReceipt proves one of 10,000 sessions.
func BenchmarkReceipt(b *testing.B) {
	n, ids := manySessions(b)
	size, i := 0, 0
	for b.Loop() {
		size = len(must(n.e.Receipt(b.Context(), ids[i%many].String()))(b))
		i += 7
	}
	b.ReportMetric(float64(size), "proof-B")
}
