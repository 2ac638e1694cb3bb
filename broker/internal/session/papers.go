package session

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"consento/protocol"
)

// paper is what people wrote about a session. While it goes on the database has it,
// for a restart; once the recording is closed it stands there, encrypted, and here in
// memory for those who still see the session in their list.
type paper struct {
	by     string // the technician's account
	reason string
	note   string
	noted  int64 // Unix milliseconds
	ended  int64
}

// maxPapers bounds the papers that are kept; the oldest goes first.
const maxPapers = 5000

type papers struct {
	mu    sync.Mutex
	all   map[string]paper
	order []string // the oldest first
}

// keep takes what is written about a session that is over.
func (p *papers) keep(r row) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = map[string]paper{}
	}
	if _, there := p.all[r.ID]; !there {
		p.order = append(p.order, r.ID)
	}
	p.all[r.ID] = paper{r.OwnerID, r.Reason, r.Note, r.Noted, r.Ended}
	for len(p.order) > maxPapers {
		delete(p.all, p.order[0])
		p.order = p.order[1:]
	}
}

// fill gives a row back what it does not hold any more, as long as it is listed.
func (p *papers) fill(r *row) {
	p.mu.Lock()
	defer p.mu.Unlock()
	have, ok := p.all[r.ID]
	if !ok || time.Since(time.UnixMilli(r.Ended)) >= listed {
		return
	}
	if r.Reason == "" {
		r.Reason = have.reason
	}
	if r.Noted == 0 { // else the row has the draft
		r.Note, r.Noted = have.note, have.noted
	}
}

// owner is whose session it was, "" if nobody remembers.
func (p *papers) owner(id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[id].by
}

// forget drops the papers of sessions that ended before a time.
func (p *papers) forget(before time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.order[:0]
	for _, id := range p.order {
		if p.all[id].ended < before.UnixMilli() {
			delete(p.all, id)
			continue
		}
		kept = append(kept, id)
	}
	clear(p.order[len(kept):])
	p.order = kept
}

// shelve empties the row of a session whose recording is closed: what was written
// about it is on the evidence, encrypted, and nobody who has the disk should read it
// here. ended is the row as it was.
func (m *Manager) shelve(ctx context.Context, ended row) {
	m.papers.keep(ended)
	if err := m.store.empty(ctx, ended.ID); err != nil {
		// A day later forgetNotes tries again.
		m.config.Log.Error("what was written about a session stays in the database", slog.String("session", ended.ID), slog.Any("error", err))
	}
}

// shown is what people may see of a session that is not live any more.
func (m *Manager) shown(r row, office protocol.Person) protocol.Session {
	m.papers.fill(&r)
	return r.public(office)
}

// empty is emptied for one session.
func (s store) empty(ctx context.Context, id string) error {
	_, err := emptied(s.db.NewUpdate().Model((*row)(nil))).Where("id = ?", id).Exec(ctx)
	return wrapStore(err)
}
