package trust

import (
	"context"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"consento/recordings/translog"
)

// TestRecorded: only a proof for this session, from a log of the office's, will do.
func TestRecorded(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	must(0, err)(t)
	_, stranger, err := ed25519.GenerateKey(nil)
	must(0, err)(t)
	session, other := translog.ID{1}, translog.ID{2}
	prove := func(key ed25519.PrivateKey, of translog.ID, leaf translog.Leaf) string {
		log := must(translog.Create(filepath.Join(t.TempDir(), "log"), translog.Config{Origin: "test.example/evidence", Key: key}))(t)
		defer log.Close()
		ctx := context.WithoutCancel(t.Context())
		index := must(log.Add(ctx, leaf))(t)
		p := must(log.Proof(ctx, of, log.Checkpoint(), index))(t)
		return string(must(p.Marshal())(t))
	}
	opened := func(id translog.ID) translog.Leaf {
		return translog.Opened{SID: id, Key: translog.Hash{1}, Commit: translog.Hash{2}, Bag: translog.Hash{3}, N: 1, Root: translog.Hash{4}, Retention: "standard"}
	}
	good := prove(key, session, opened(session))
	broker := &Broker{logs: []ed25519.PublicKey{public}}
	must(0, broker.Recorded(t.Context(), session.String(), good))(t)
	must(0, (&Broker{}).Recorded(t.Context(), session.String(), good))(t) // this computer's own broker
	for name, proof := range map[string]string{
		"none":            "",
		"no proof":        "{}",
		"another log":     prove(stranger, session, opened(session)),
		"another session": prove(key, other, opened(other)),
		"another leaf":    prove(key, session, translog.Purge{SID: session, Bytes: 1}),
		"changed":         strings.Replace(good, `\"n\":1`, `\"n\":2`, 1),
	} {
		if err := broker.Recorded(t.Context(), session.String(), proof); !errors.Is(err, ErrUnrecorded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (&Broker{logs: []ed25519.PublicKey{}}).Recorded(t.Context(), session.String(), good); !errors.Is(err, ErrUnrecorded) {
		t.Errorf("an office without a log: %v", err)
	}
}
