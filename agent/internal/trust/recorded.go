package trust

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"consento/protocol"
	"consento/recordings/translog"
)

// ErrUnrecorded says that nothing shows that the session is recorded.
var ErrUnrecorded = errors.New("the recording is not proven to be on the office's log")

// Broker is the office's broker, as it proved itself.
type Broker struct {
	*http.Client                     // connects to it and to nobody else
	logs         []ed25519.PublicKey // what its log may be signed with; nil: this computer's own broker, whose word counts
	auditors     ed25519.PublicKey   // signs who may read; nil: the office has no signed policy
	address      *url.URL
}

// Recorded checks the proof that a session's recording has begun and stands on
// the office's global log, so that it cannot vanish unseen: it is about this
// session, its checkpoint is signed by a log key that the office's root key
// names, and the leaf is in the tree. It returns ErrUnrecorded.
//
// Where the office's root key names the auditors' key, the recording has to follow
// a policy that they signed: so nobody else is let in who reads it.
func (b *Broker) Recorded(ctx context.Context, session, proof string) error {
	p, err := translog.ParseProof([]byte(proof))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnrecorded, err)
	}
	keys := translog.Keys{Log: b.logs}
	report, err := p.Verify(keys)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnrecorded, err)
	}
	if signed, _, err := keys.Check(p.Checkpoint); b.logs != nil && !signed {
		return fmt.Errorf("%w: not signed by the log's key (%v)", ErrUnrecorded, err)
	}
	for _, l := range report.Leaves {
		if opened, ok := l.Leaf.(translog.Opened); ok && opened.SID.String() == session {
			return b.readers(ctx, opened.Policy)
		}
	}
	return fmt.Errorf("%w: it is about something else", ErrUnrecorded)
}

// readers checks that the auditors signed the policy of this hash.
func (b *Broker) readers(ctx context.Context, policy translog.Hash) error {
	if b.auditors == nil {
		return nil
	}
	if policy == (translog.Hash{}) {
		return fmt.Errorf("%w: it follows no policy of the auditors", ErrUnrecorded)
	}
	file, err := b.policy(ctx, policy)
	if err == nil {
		err = translog.SignedPolicy(file, policy, b.auditors)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnrecorded, err)
	}
	return nil
}

func (b *Broker) policy(ctx context.Context, hash translog.Hash) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, manifestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.address.JoinPath(protocol.PolicyPath, hash.String()).String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := b.Do(request)
	if err != nil {
		return nil, err
	}
	file, err := io.ReadAll(io.LimitReader(response.Body, translog.MaxPolicy+1))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("policy %s: status %d", hash, response.StatusCode)
	}
	return file, nil
}

// logKeys is never nil: an office that names no key has no log to trust.
func logKeys(m protocol.Manifest) []ed25519.PublicKey {
	keys := []ed25519.PublicKey{}
	for _, k := range m.Log {
		if len(k) == ed25519.PublicKeySize {
			keys = append(keys, k)
		}
	}
	return keys
}
