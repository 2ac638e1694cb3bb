package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"consento/broker/internal/access"
	"consento/broker/internal/api"
	"consento/broker/internal/central"
	"consento/broker/internal/ops"
	"consento/broker/internal/sockets"
	"consento/broker/internal/web/page"
	"consento/protocol"
)

// door is an address beside the pages, with who comes in.
type door struct {
	pattern string
	rule    page.Rule
	handler http.Handler
}

// openDoors opens the addresses: those of programs here, the pages behind them.
func (b *broker) openDoors(context.Context) error {
	software := "consento-broker " + version
	agents, err := sockets.NewAgent(sockets.AgentConfig{Sessions: b.sessions, Software: software, Log: b.log})
	if err != nil {
		return err
	}
	consoles, err := sockets.NewConsole(sockets.ConsoleConfig{Sessions: b.sessions, Desk: b.desk, Accounts: b.access, Office: b.person, Colleagues: b.access.Accounts,
		PublicURL: b.url, Software: software, Log: b.log})
	if err != nil {
		return err
	}
	vendors, err := sockets.NewVendor(sockets.VendorConfig{Sessions: b.sessions, Inviter: sockets.InviterOf(b.access.Accounts), Office: b.person, Software: software, Log: b.log})
	if err != nil {
		return err
	}
	programs, err := api.New(api.Config{Accounts: b.access, Desk: b.desk, Database: b.db, Texts: b.texts, PublicURL: b.url, Software: software, Log: b.log})
	if err != nil {
		return err
	}
	b.health = ops.NewHealth(b.log, map[string]ops.Check{
		"database": ops.DatabaseCheck(b.db.DB), "evidence": b.space, "witness": b.evidence.WitnessCheck, "timestamp": b.evidence.ClockCheck, "certificate": b.certificates.Check,
	})
	b.doors = []door{
		{"GET /ws/agent", page.Rule{Who: page.Holder}, agents}, // of a session key, or of what a session gave it
		{"GET /ws/console", page.Rule{Who: page.Staff, Actions: []access.Action{access.Assist}}, b.access.LoadSession(consoles)},
		{"GET /ws/vendor", page.Rule{Who: page.Holder}, vendors}, // of an invitation that was opened on that device
		{"GET /healthz", page.Rule{Who: page.Anyone}, b.health.Live()},
		{"GET /readyz", page.Rule{Who: page.Anyone}, b.health.Ready()},
		{"GET /metrics", page.Rule{Who: page.Staff, Actions: []access.Action{access.SeeMetrics}}, b.access.LoadAny(b.metrics())}, // and a scraper on this machine
		{"/api/v1/", page.Rule{Who: page.Holder}, programs},                                                                      // of an API token: api.Operations has the rules
		{"GET /api/openapi.json", page.Rule{Who: page.Anyone}, programs},
		{"/scim/v2/", page.Rule{Who: page.Holder}, central.NewSCIM(b.access, b.url, b.log)}, // of an API token for people
		{"GET " + protocol.ManifestPath, page.Rule{Who: page.Anyone}, http.HandlerFunc(b.serveManifest)},
		{"GET " + protocol.PolicyPath + "{hash}", page.Rule{Who: page.Anyone}, http.HandlerFunc(b.servePolicy)},
	}
	mux := http.NewServeMux()
	for _, d := range b.doors {
		mux.Handle(d.pattern, d.handler)
	}
	mux.Handle("/", b.site)
	b.handler = ops.LogRequests(b.log, mux, mux)
	return nil
}

// signManifest says to agents which keys the office uses; auditors is the root key
// of the recipient policy, nil as long as there is none.
func (b *broker) signManifest(log, auditors ed25519.PublicKey) error {
	manifest, err := b.trust.Manifest(b.certificates, log, auditors)
	if err == nil {
		b.manifest.Store(&manifest)
	}
	return err
}

func (b *broker) serveManifest(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// An error means that the caller is gone.
	_, _ = w.Write(*b.manifest.Load())
}

// servePolicy gives a signed recipient policy to an agent that was told its hash.
func (b *broker) servePolicy(w http.ResponseWriter, r *http.Request) {
	hash, err := hex.DecodeString(r.PathValue("hash"))
	if err == nil && len(hash) == sha256.Size {
		if file, ok := b.evidence.PolicyFile([sha256.Size]byte(hash)); ok {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.Header().Set("Cache-Control", "no-store")
			_, _ = w.Write(file) // an error means that the caller is gone
			return
		}
	}
	http.NotFound(w, r)
}
