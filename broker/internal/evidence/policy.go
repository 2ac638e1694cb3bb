package evidence

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
	"consento/recordings"
	"consento/recordings/translog"
)

const (
	// AuditorsKey is the file of the key that signed the first recipient policy.
	AuditorsKey = "auditors.pub"
	// waitingEnd is how the file of a policy ends that is not on the log yet.
	waitingEnd = ".new"
)

// policies are those in force, and the folder where they lie with the auditors'
// root key, beside the log's, so that verifiers find them all.
type policies struct {
	folder string
	adding sync.Mutex // one at a time

	mu    sync.Mutex
	chain recordings.PolicyChain
}

func (p *policies) get() recordings.PolicyChain {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.chain
}

func (p *policies) path(number int) string {
	return filepath.Join(p.folder, recordings.PolicyFile(number))
}

// root is the key that the first policy has to be signed with; nil until there is one.
func (p *policies) root() (ed25519.PublicKey, error) {
	b, err := os.ReadFile(filepath.Join(p.folder, AuditorsKey))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, fmt.Errorf("%s holds no PEM block PUBLIC KEY", AuditorsKey)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", AuditorsKey, err)
	}
	root, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%s is no Ed25519 key", AuditorsKey)
	}
	return root, nil
}

func (p *policies) open() error {
	root, err := p.root()
	if err != nil || root == nil {
		return err
	}
	chain, err := recordings.ReadPolicies(p.folder, root)
	if err != nil {
		return err
	}
	p.chain = chain
	return nil
}

// follows returns the chain with the policy at its end.
func (p *policies) follows(signed recordings.SignedPolicy) (recordings.PolicyChain, error) {
	root, err := p.root()
	if err != nil {
		return recordings.PolicyChain{}, err
	}
	if root == nil {
		root = signed.Root // the first word of the auditors: everybody sees whose it is, on the log
	}
	return p.get().Add(root, signed)
}

// keep puts a policy that is on the log among the others.
func (p *policies) keep(signed recordings.SignedPolicy, chain recordings.PolicyChain) error {
	if signed.Number == 1 {
		der, err := x509.MarshalPKIXPublicKey(signed.Root)
		if err != nil {
			return err
		}
		if err := ops.WriteFile(filepath.Join(p.folder, AuditorsKey), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})); err != nil {
			return err
		}
	}
	if err := recordings.WritePolicy(p.folder, signed); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	p.mu.Lock()
	p.chain = chain
	p.mu.Unlock()
	return os.Remove(p.path(signed.Number) + waitingEnd)
}

// LeavePolicy puts a signed policy where the broker that serves from folder finds
// it within seconds. It says at once what does not follow from the policy before.
func LeavePolicy(folder string, file []byte) (recordings.SignedPolicy, error) {
	p := policies{folder: folder}
	if err := p.open(); err != nil {
		return recordings.SignedPolicy{}, err
	}
	return p.leave(file)
}

func (p *policies) leave(file []byte) (recordings.SignedPolicy, error) {
	signed, err := recordings.ParsePolicy(file)
	if err != nil {
		return signed, err
	}
	if _, err := p.follows(signed); err != nil {
		return signed, err
	}
	return signed, ops.WriteFile(p.path(signed.Number)+waitingEnd, signed.Bytes())
}

// HasPolicy says whether the auditors' signature decides who reads, and no list of
// the broker's.
func HasPolicy(folder string) (bool, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.policy"))
	return len(names) > 0, err
}

// Policy is the recipient policy in force; false when there is none.
func (e *Evidence) Policy() (recordings.SignedPolicy, bool) { return e.policies.get().Current() }

// PolicyFile is the signed policy of this hash, for whoever was told the hash.
func (e *Evidence) PolicyFile(hash [32]byte) ([]byte, bool) {
	p, ok := e.policies.get().ByHash(hash)
	if !ok {
		return nil, false
	}
	return p.Bytes(), true
}

// AddPolicy takes the next recipient policy. It is on the log before it counts.
// Errors: access.ErrForbidden to who is no auditor, recordings.ErrMalformed,
// recordings.ErrPolicy for one that does not follow.
func (e *Evidence) AddPolicy(ctx context.Context, by access.Account, file []byte) (recordings.SignedPolicy, error) {
	if !access.Can(by, access.ManageRecipients, access.Scope{}) {
		return recordings.SignedPolicy{}, ErrForbidden
	}
	e.policies.adding.Lock()
	defer e.policies.adding.Unlock()
	signed, err := e.policies.leave(file)
	if err != nil {
		return signed, fmt.Errorf("evidence: %w", err)
	}
	if err := e.takePolicy(ctx, signed); err != nil {
		return signed, err
	}
	return signed, ops.NoteAct(ctx, e.config.Database, "policy.added", by.ID, map[string]any{"number": signed.Number, "hash": fmt.Sprintf("%x", signed.Hash())})
}

// takePolicies lets the policies count that wait: those of a command, and one
// that a crash interrupted.
func (e *Evidence) takePolicies(ctx context.Context) error {
	if e.policies.folder == "" {
		return nil
	}
	e.policies.adding.Lock()
	defer e.policies.adding.Unlock()
	for {
		path := e.policies.path(e.policies.get().Len()+1) + waitingEnd
		file, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("evidence: policy: %w", err)
		}
		signed, err := recordings.ParsePolicy(file)
		if err == nil {
			err = e.takePolicy(ctx, signed)
		}
		if errors.Is(err, recordings.ErrPolicy) || errors.Is(err, recordings.ErrMalformed) {
			e.config.Logger.Error("recipient policy refused", slog.String("file", filepath.Base(path)), slog.Any("error", err))
			err = os.Rename(path, strings.TrimSuffix(path, waitingEnd)+".refused")
		}
		if err != nil {
			return err
		}
	}
}

func (e *Evidence) takePolicy(ctx context.Context, signed recordings.SignedPolicy) error {
	chain, err := e.policies.follows(signed)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	hash := translog.Hash(signed.Hash())
	known, err := e.config.Database.NewSelect().Model((*entryRow)(nil)).Where("kind = ?", translog.KindPolicy).Where("what = ?", hash.String()).Exists(ctx)
	if err != nil {
		return fmt.Errorf("evidence: policy: %w", err)
	}
	if !known {
		if _, err := e.add(ctx, translog.Policy{Number: uint64(signed.Number), Hash: hash, Prev: signed.Prev, Root: translog.Hash(signed.Root)}); err != nil {
			return err
		}
	}
	if err := e.policies.keep(signed, chain); err != nil {
		return fmt.Errorf("evidence: policy: %w", err)
	}
	if e.config.PolicyChanged != nil {
		return e.config.PolicyChanged(signed.Root)
	}
	return nil
}

// readers are who may read what is sealed beside the log: everybody whom the
// policy names, and without one those of the broker's own list.
func (e *Evidence) readers(ctx context.Context) ([]recordings.Recipient, error) {
	p, ok := e.Policy()
	if !ok {
		return e.config.Readers(ctx)
	}
	var all []recordings.Recipient
	for _, t := range p.Teams {
		for _, r := range t.Recipients {
			if !slices.ContainsFunc(all, func(o recordings.Recipient) bool { return o.ID() == r.ID() }) {
				all = append(all, r)
			}
		}
	}
	return all, nil
}
