package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/broker/internal/api"
	"consento/broker/internal/desk"
	"consento/broker/internal/evidence"
	"consento/broker/internal/figures"
	"consento/broker/internal/hooks"
	"consento/broker/internal/mail"
	"consento/broker/internal/ops"
	"consento/broker/internal/session"
	"consento/broker/internal/web"
	"consento/broker/internal/web/admin"
	"consento/broker/internal/web/audit"
	"consento/broker/internal/web/legal"
	"consento/broker/internal/web/servicedesk"
	"consento/console"
	"consento/protocol"
	"consento/protocol/lang"
)

// compose makes sessions and pages of what is open, each of what came before it.
func (b *broker) compose(ctx context.Context) (err error) {
	if b.texts, err = lang.Load(); err != nil {
		return err
	}
	if err := b.access.SeedTemplates(ctx, admin.StartingTemplates(b.texts)); err != nil {
		return err
	}
	if b.legal, err = legal.New(b.texts, b.url, b.access); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{b.openEvidence, b.openSessions, b.openDesk, b.openSite, b.openDoors} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// openEvidence opens the global log and what it anchors, and says to agents by which keys.
func (b *broker) openEvidence(ctx context.Context) error {
	origin, err := evidence.LogOrigin(b.url)
	if err != nil {
		return err
	}
	witness, err := b.witness(b.secrets)
	if err != nil {
		return err
	}
	clock, err := b.clock()
	if err != nil {
		return err
	}
	sign := func(auditors ed25519.PublicKey) error {
		return b.signManifest(b.secrets.LogKey().Public().(ed25519.PublicKey), auditors)
	}
	if b.reserve, err = ops.OpenReserve(b.log, b.config.Evidence.MinFree, b.folder.Evidence(), b.folder.Path(), b.folder.Log(), b.folder.Bags()); err != nil {
		return err
	}
	b.evidence, err = evidence.Open(ctx, evidence.Config{Database: b.db, Folder: b.folder.Log(), Recordings: b.folder.Evidence(), Bags: b.folder.Bags(), Origin: origin,
		Key: b.secrets.LogKey(), Readers: b.access.TrailReaders, Policies: b.folder.Keys(), PolicyChanged: sign, Retention: b.retention, Copies: b.copies,
		Keys: b.evidenceKeys, Sweep: b.sweep(), Witness: witness, Timestamps: clock, MinFree: int64(b.config.Evidence.MinFree), Reserve: b.reserve, PurgeAfter: time.Duration(b.config.Evidence.PurgeAfter), Logger: b.log})
	if err != nil {
		return err
	}
	b.later(b.evidence.Close)
	if policy, ok := b.evidence.Policy(); ok {
		return sign(policy.Root)
	}
	return sign(nil)
}

// space says why there is no room for one more session, nil if there is.
func (b *broker) space(ctx context.Context) error {
	if err := ops.FolderCheck(b.folder.Evidence(), b.config.Evidence.MinFree)(ctx); err != nil {
		return err
	}
	return b.reserve.Hold()
}

func (b *broker) openSessions(ctx context.Context) (err error) {
	if b.hooks, err = b.openHooks(b.secrets); err != nil {
		return err
	}
	b.background(b.hooks.Run)
	b.sessions, err = session.New(ctx, session.Config{
		Outbox:   b.tellOfSession,
		Database: b.db, Media: b.media, Evidence: b.folder.Evidence(), Bags: b.folder.Bags(), Origin: b.url,
		Recipients: b.recipients, Kept: b.kept, Script: func(ctx context.Context, technician session.Technician, id string, version uint32) (protocol.OwnScript, error) {
			return b.access.Script(ctx, technician.Team, id, version)
		}, Summary: func(ctx context.Context, technician session.Technician) (bool, error) {
			return b.access.SummaryWanted(ctx, technician.Team)
		}, Ticket: b.sessionTicket, Attach: b.attachSealed, Technician: b.technician, Space: b.space, Reserve: b.reserve, Office: b.person,
		Terms: func(ctx context.Context, language string) (protocol.Terms, error) {
			office, err := b.office(ctx)
			if err != nil {
				return protocol.Terms{}, err
			}
			return b.legal.Terms(ctx, language, office)
		},
		Copies: b.evidence, Global: b.evidence, Witnessed: b.evidence.Witnessed, LogKey: b.secrets.LogKey(), Derive: b.secrets.Derive, Log: b.log,
		Limits: session.Limits{Active: time.Duration(b.config.Session.MaxDuration), Return: time.Duration(b.config.Session.Return), Restart: time.Duration(b.config.Session.Restart)},
	})
	if err != nil {
		return err
	}
	b.later(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
		defer cancel()
		return b.sessions.Close(ctx)
	})
	return nil
}

// lookAtPromises is how often the promises of tickets are looked at.
const lookAtPromises = 30 * time.Second

// openDesk opens tickets and figures, and begins to tell people of tickets.
func (b *broker) openDesk(ctx context.Context) (err error) {
	b.desk, err = desk.New(ctx, desk.Config{Database: b.db, LinkKey: b.secrets.Derive("ticket link"), Files: b.folder.Attachments(), FileKey: b.secrets.Derive("attachments"), Outbox: b.tellOfTicket, Log: b.log})
	if err != nil {
		return err
	}
	b.background(b.linkSessions)
	if b.mail, err = b.openMail(); err != nil {
		return err
	}
	b.later(b.mail.Close)
	staff := mail.Staff{Speaks: b.speaks, URL: b.url, Queue: b.mail.Queue}
	tickets := desk.StaffPost{Staff: staff}
	b.desk.OnAlert(tickets.Alert)
	b.desk.OnBreach(tickets.Breach)
	b.hooks.OnStopped(hooks.StaffPost{Staff: staff}.Stopped)
	b.background(func(ctx context.Context) {
		b.desk.Watch(ctx, lookAtPromises, b.holdConcerned, b.evidence.LapseHolds, b.desk.Forget)
	})
	b.background(func(ctx context.Context) {
		for range b.desk.Changes(ctx) { // at once, and again with the next look where that failed
			if err := b.holdConcerned(ctx); err != nil && ctx.Err() == nil {
				b.log.Error("sessions of a suspected data breach are not held", slog.Any("err", err))
			}
		}
	})
	if b.counted, err = figures.New(figures.Config{Database: b.db, Hours: b.desk.Hours, Log: b.log}); err != nil {
		return err
	}
	return b.counted.Begin(ctx, servicedesk.StartingSurveys(b.texts))
}

func (b *broker) openSite(context.Context) error {
	pages := web.Config{
		Audit: audit.Config{Evidence: b.evidence, Keys: b.access, Policies: b.evidence, Custody: b.access, Rewraps: b.evidence, Decisions: b.evidence, People: b.access.Accounts,
			Shares: b.evidence, Sharing: b.evidence, Searching: b.evidence, Breaches: b.desk},
		Sessions: b.sessions, Accounts: b.access, Setup: b.access, Settings: b.access, Receipts: b.evidence.Receipt, Copies: b.evidence, Roster: b.access, Hooks: b.hooks,
		Desk: b.desk, Exports: b.access, Figures: b.counted, Mail: b.mail, Office: b.office, Texts: b.texts, Legal: b.legal,
		PublicURL: b.url, CookieKey: b.secrets.Derive("customer cookie"), Agents: os.DirFS(b.folder.Agents()), Logger: b.log,
	}
	if err := b.centralPages(&pages); err != nil {
		return err
	}
	if console.Built() {
		pages.Console = console.Files()
	} else {
		pages.Style = console.Style()
	}
	site, err := web.New(pages)
	b.site = site
	return err
}

// sweep deletes the database's rows when their period is over.
func (b *broker) sweep() *evidence.SweepConfig {
	return &evidence.SweepConfig{
		LogMonths: func(ctx context.Context) (int, error) {
			s, err := b.access.Settings(ctx)
			return s.LogMonths, err
		},
		Forget: func(ctx context.Context, tx bun.IDB, empty, gone []string) error {
			return errors.Join(session.Forget(ctx, tx, empty, gone), figures.Forget(ctx, tx, slices.Concat(empty, gone)...), access.Forget(ctx, tx), api.Forget(ctx, tx, time.Now()), hooks.Forget(ctx, tx, time.Now()))
		},
	}
}

// openMail begins to tell people of their tickets.
func (b *broker) openMail() (*mail.Mail, error) {
	office := func(ctx context.Context) (mail.Office, error) {
		o, err := officeOf(ctx, b.access, b.url)
		return mail.Office{Name: o.Name, Phone: o.Phone}, err
	}
	return mail.Open(mail.Config{Database: b.db, Server: b.config.Mail, Texts: b.texts, Office: office, Log: b.log,
		Sources: []mail.Source{desk.Post{Desk: b.desk, Texts: b.texts, Office: office, URL: b.url}}})
}
