package session

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"consento/protocol"
)

const (
	// maxSecrets is how many answers may come under one consent: each opens a connection,
	// or a step of one.
	maxSecrets = 100
	// maxDeviceKeys is how many devices' keys the office remembers; those seen longest ago
	// go first.
	maxDeviceKeys = 10_000
)

// login is how far signing in to a device is.
type login struct {
	key     protocol.Terminal // what the agent said of its key, and what the office knows of it
	trusted bool
	prompt  protocol.Terminal // that stands
	ask     uint32            // number of the newest
	secrets int
}

// stands is what a console has to know that comes late.
func (l *login) stands() (list []protocol.Terminal) {
	for _, m := range []protocol.Terminal{l.key, l.prompt} {
		if m.Kind != "" {
			list = append(list, m)
		}
	}
	return list
}

func (t *terminal) endedCode() protocol.EventCode {
	if t.device != nil {
		return protocol.EventSSHEnded
	}
	return protocol.EventShellEnded
}

// asked takes what the agent says while signing in: it is on the evidence before the
// technician can do anything with it.
func (s *session) asked(m protocol.Terminal) {
	t := &s.tools.terminal
	l := &t.login
	isKey := m.Kind == protocol.TerminalHostKey
	switch {
	case t.device == nil || t.started.Kind != "" || !isKey && !l.trusted || m.Known != "":
		s.brokenTool(s.tools.terminal.permission)
	case isKey && l.key.Kind != "":
		if l.key.Key != m.Key || l.key.Seal != m.Seal { // told again it is the same
			s.brokenTool(s.tools.terminal.permission)
		}
	case isKey:
		s.askedKey(m)
	case m == l.prompt:
	case m.Ask < l.ask:
		s.brokenTool(s.tools.terminal.permission)
	default:
		again := m.Ask == l.ask // its answer was lost
		if l.ask = m.Ask; m.Cause != "" && !again && !s.tell(logged{protocol.EventSSHRefused, map[string]any{"run": m.Run, "method": m.Method, "cause": m.Cause, "tries": m.Left}}) {
			return
		}
		l.prompt = m
		s.toConsole(m)
	}
}

// askedKey takes a device's key, and compares it with the one that was trusted before.
func (s *session) askedKey(m protocol.Terminal) {
	t := &s.tools.terminal
	before, err := s.manager.store.deviceKey(context.Background(), *t.device)
	if err != nil {
		s.manager.config.Log.Error("the keys of devices cannot be read", "error", err)
		s.withdraw(t.permission, protocol.CauseFailed) // as new it would pass for harmless
		return
	}
	data := map[string]any{"run": m.Run, "device": t.device, "address": m.Program, "algorithm": m.Algorithm, "key": m.Key, "seal": sealName(m.Seal)}
	switch before {
	case "":
		m.Known = protocol.KeyNew
	case m.Key:
		m.Known = protocol.KeySame
	default:
		m.Known, m.Before = protocol.KeyChanged, before
		data["before"] = before
	}
	data["known"] = m.Known
	if s.tell(logged{protocol.EventSSHKey, data}) {
		t.login.key = m
		s.toConsole(m)
	}
}

// sealName is the SHA-256 of the agent's key of this consent, as hexadecimal digits.
func sealName(seal string) string {
	key, _ := base64.StdEncoding.DecodeString(seal) // validated
	return fmt.Sprintf("%x", sha256.Sum256(key))
}

// tell is write, and says whether it is on disk.
func (s *session) tell(e logged) bool {
	err := s.write(e)
	s.must(err)
	return err == nil
}

// signIn takes what the technician answers while signing in.
func (s *session) signIn(m protocol.Terminal) {
	t := &s.tools.terminal
	l := &t.login
	if t.device == nil || l.key.Kind == "" {
		return
	}
	if m.Kind == protocol.TerminalSecret {
		if m.Ask != l.prompt.Ask {
			return
		}
		if l.secrets++; l.secrets > maxSecrets {
			s.withdraw(t.permission, protocol.CauseMisuse)
			return
		}
		l.prompt = protocol.Terminal{}
		s.toAgent(m) // sealed to the agent: it is kept nowhere
		return
	}
	if m.Key != l.key.Key || l.key.Known == protocol.KeyChanged && !inWords(m.Text) {
		return // the console does not let it go
	}
	if !l.trusted {
		data := map[string]any{"run": m.Run, "key": m.Key}
		if m.Text != "" {
			data["words"] = m.Text
		}
		if !s.tell(logged{protocol.EventSSHTrusted, data}) {
			return
		}
		if err := s.manager.store.trustKey(context.Background(), *t.device, l.key, time.Now()); err != nil {
			s.manager.config.Log.Error("a device's key is not remembered", "error", err)
		}
		l.trusted = true
	}
	s.toAgent(m)
}

// inWords tells a sentence from what is typed to get past a question.
func inWords(text string) bool {
	return utf8.RuneCountInString(strings.TrimSpace(text)) >= protocol.MinTrustWords
}

// opened has on the evidence that the technician is signed in. It reports whether the
// terminal may be shown.
func (s *session) opened(m protocol.Terminal) bool {
	t := &s.tools.terminal
	if !t.login.trusted {
		s.brokenTool(s.tools.terminal.permission)
		return false
	}
	data := map[string]any{"run": m.Run, "address": t.login.key.Program, "key": t.login.key.Key, "algorithms": m.Algorithm, "old": t.device.Old}
	if !s.tell(logged{protocol.EventSSHOpened, data}) {
		return false
	}
	t.login = login{trusted: true}
	return true
}

// deviceRow is the key of a device that a technician of the office trusted last.
type deviceRow struct {
	bun.BaseModel `bun:"table:device_keys"`

	Device      string `bun:"device,pk"` // host:port, in small letters
	Algorithm   string `bun:"algorithm"`
	Fingerprint string `bun:"fingerprint"`
	Seen        int64  `bun:"seen"` // Unix milliseconds
}

func deviceName(d protocol.Device) string { return strings.ToLower(d.Address()) }

// deviceKey is the fingerprint that is known of a device, "" if none is.
func (s store) deviceKey(ctx context.Context, d protocol.Device) (fingerprint string, err error) {
	err = s.db.NewSelect().Model((*deviceRow)(nil)).Column("fingerprint").Where("device = ?", deviceName(d)).Scan(ctx, &fingerprint)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return fingerprint, wrapStore(err)
}

// trustKey remembers a device's key in the place of what was known.
func (s store) trustKey(ctx context.Context, d protocol.Device, m protocol.Terminal, now time.Time) error {
	row := deviceRow{Device: deviceName(d), Algorithm: m.Algorithm, Fingerprint: m.Key, Seen: now.UnixMilli()}
	if _, err := s.db.NewInsert().Model(&row).On("CONFLICT (device) DO UPDATE").Set("algorithm = EXCLUDED.algorithm").
		Set("fingerprint = EXCLUDED.fingerprint").Set("seen = EXCLUDED.seen").Exec(ctx); err != nil {
		return wrapStore(err)
	}
	oldest := s.db.NewSelect().Model((*deviceRow)(nil)).Column("device").Order("seen DESC", "device").Offset(maxDeviceKeys).Limit(1)
	_, err := s.db.NewDelete().Model((*deviceRow)(nil)).Where("device IN (?)", oldest).Exec(ctx)
	return wrapStore(err)
}
