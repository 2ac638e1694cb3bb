package web_test

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/web"
	"consento/protocol"
	"consento/recordings"
	"consento/recordings/translog"
)

// vault is a broker's real evidence: log, index and recordings.
type vault struct {
	*evidence.Evidence
	h       *house
	folder  string
	auditor recordings.Identity // recordings are encrypted for it
	keys    translog.Keys
	give    bool // customers the recording
}

func withVault(t testing.TB) option {
	return func(c *web.Config, h *house) {
		v := &vault{h: h, folder: t.TempDir(), auditor: newIdentity(t), give: true}
		_, key, err := ed25519.GenerateKey(nil)
		if err == nil {
			v.keys = translog.Keys{Log: []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}}
			v.Evidence, err = evidence.Open(t.Context(), evidence.Config{Database: h.db, Folder: filepath.Join(v.folder, "log"), Recordings: v.folder,
				Policies: t.TempDir(), Origin: "help.esempio.example/evidence", Key: key, Logger: slog.New(slog.DiscardHandler),
				Readers: func(ctx context.Context) ([]recordings.Recipient, error) {
					readers, err := h.access.TrailReaders(ctx)
					return append(readers, v.auditor.Recipient()), err
				},
				Keys:      func() (translog.Keys, error) { return v.keys, nil },
				Copies:    func(context.Context) (bool, int, error) { return v.give, 7, nil },
				Retention: func(context.Context) (int, error) { return 90, nil }})
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		})
		c.Audit.Evidence, c.Audit.Decisions, c.Receipts, c.Copies, c.Audit.Shares, c.Audit.Sharing, c.Audit.Searching, h.vault = v, v, v.Receipt, v, v, v, v, v
	}
}

// session is one that is over, with its recording on the log.
func (v *vault) session(t testing.TB, technician string, ended time.Time) string {
	t.Helper()
	started := ended.Add(-10 * time.Minute)
	w, err := recordings.Create(recordings.Config{Dir: v.folder, Session: recordings.NewSessionID(), Origin: "help.esempio.example", Started: started,
		Recipients: []recordings.Recipient{v.auditor.Recipient()}, Retention: "standard"})
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(err)
	_, err = v.Opened(t.Context(), w.Path(), w.Head())
	check(err)
	terms, err := v.PromiseLog(t.Context(), w.Open().Session)
	check(err)
	terms.To = time.Minute
	keys, err := w.ShareAmong(terms, recordings.Alone(recordings.ClassAuditor, v.auditor.Recipient())...)
	check(err)
	check(v.KeepLogKeys(t.Context(), w.Open().Session, 0, keys))
	check(w.Append(recordings.TrackEvents, 0, 0, 0, []byte(`{"code":"session.issued","at_ms":0,"data":{"technician":{"name":"Anna Rossi","team":"Service desk"},"reason":"printer"}}`)))
	check(w.Append(recordings.TrackChat, 0, time.Second, 0, []byte(`{"from":"`+technician+`","text":"secret words"}`)))
	video := recordings.NewVideo(w, 0)
	for n, f := range ivf(t, "../../../recordings/testdata/small.ivf") {
		check(video.WriteFrame(time.Second+time.Duration(n)*50*time.Millisecond, f, n == 0))
	}
	check(video.Flush(3 * time.Second))
	_, err = w.Close()
	check(err)
	check(v.Closed(t.Context(), w.Path()))
	id := w.Open().Session.String()
	_, err = v.h.db.NewRaw(`INSERT INTO sessions (id, state, technician_id, technician, team, key_expires, issued, ended, end_reason) VALUES (?, 'Issued', 'anna', ?, 'Service desk', 0, ?, ?, ?)`,
		id, technician, started.UnixMilli(), ended.UnixMilli(), protocol.EndCustomer).Exec(t.Context())
	check(err)
	return id
}

// signedIn makes an account of a role and signs it in, without a browser.
func signedIn(t testing.TB, h *house, role access.Role, name, email string) *person {
	t.Helper()
	n := access.NewAccount{Email: email, Name: name, Role: role, Password: goodPassword}
	if _, err := h.access.Add(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	p := h.visitor(t)
	p.post("/signin", "email", email, "password", goodPassword)
	return p
}
