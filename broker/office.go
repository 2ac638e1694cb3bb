package main

import (
	"context"
	"errors"
	"net/url"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
	"consento/broker/internal/session"
	"consento/broker/internal/web/page"
	"consento/protocol"
	"consento/protocol/lang"
	"consento/recordings"
)

// technician is an account as it is now, with session.ErrNotAllowed where it may
// not open sessions any more.
func (b *broker) technician(ctx context.Context, id string) (session.Technician, error) {
	a, err := b.access.ByID(ctx, id)
	if err != nil {
		return session.Technician{}, err
	}
	technician := session.Technician{ID: a.ID, Name: a.Name, Team: a.Team, Territory: a.Territory, Profile: a.Profile}
	if !access.Can(a, access.Assist, access.Scope{Owner: a.ID, Team: a.Team, Territory: a.Territory}) {
		return technician, session.ErrNotAllowed
	}
	return technician, nil
}

// recipients is what the signed policy says of this technician's sessions; as
// long as there is none, the list of keys that were named here.
func (b *broker) recipients(ctx context.Context, technician session.Technician) (session.Recipients, error) {
	if policy, ok := b.evidence.Policy(); ok {
		stanzas, err := policy.Stanzas(technician.Team, technician.Territory)
		if errors.Is(err, recordings.ErrNotForYou) {
			return session.Recipients{}, nil // nobody is named, so no session starts
		}
		return session.Recipients{Stanzas: stanzas, Policy: policy.Hash()}, err
	}
	named, err := b.access.RecipientsFor(ctx, technician.Team, technician.Territory)
	keys := make([]recordings.Recipient, len(named))
	for i, r := range named {
		keys[i] = r.Key
	}
	return session.Recipients{Stanzas: recordings.Alone(recordings.ClassAuditor, keys...)}, err
}

// kept is for how long this technician's sessions are kept.
func (b *broker) kept(ctx context.Context, technician session.Technician) (session.Kept, error) {
	k, err := b.access.KeptFor(ctx, technician.Team)
	return session.Kept(k), err
}

func (b *broker) retention(ctx context.Context) (int, error) {
	s, err := b.access.Settings(ctx)
	return s.RecordingDays, err
}

// copies is what the office decided about customers' copies of recordings.
func (b *broker) copies(ctx context.Context) (give bool, days int, err error) {
	s, err := b.access.Settings(ctx)
	return !s.WithholdRecording, s.CustomerDays, err
}

func (b *broker) office(ctx context.Context) (page.Office, error) {
	s, err := b.access.Settings(ctx)
	if err != nil {
		return page.Office{}, err
	}
	if s.Office, err = officeOf(ctx, b.access, b.url); err != nil {
		return page.Office{}, err
	}
	if policy, ok := b.evidence.Policy(); ok && !policy.Customer {
		s.WithholdRecording = true // the auditors' word wins
	}
	return page.OfficeOf(s), nil
}

// speaks finds the texts for mails to who works here: in their own language as long as the
// office has it, else in the office's, which is that of its pages for who prefers none.
func (b *broker) speaks(ctx context.Context, language string) (lang.Texts, error) {
	s, err := b.access.Settings(ctx)
	return b.texts.Only(s.Languages...).Match(language), err
}

func (b *broker) person(ctx context.Context) (protocol.Person, error) {
	o, err := officeOf(ctx, b.access, b.url)
	return protocol.Person{Office: o.Name, Phone: o.Phone}, err
}

// officeOf is the office as it was set up. Where accounts were made by command
// before anybody gave the office a name, the broker's host name stands for it.
func officeOf(ctx context.Context, a *access.Access, address string) (ops.Office, error) {
	office, err := a.Office(ctx)
	if err != nil || office.Name != "" {
		return office, err
	}
	accounts, err := a.Accounts(ctx)
	if err != nil || len(accounts) == 0 {
		return office, err
	}
	u, err := url.Parse(address)
	if err != nil {
		return office, err
	}
	office.Name = u.Hostname()
	return office, nil
}
