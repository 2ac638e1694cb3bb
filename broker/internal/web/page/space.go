package page

import (
	"strconv"
	"time"

	"consento/broker/internal/evidence"
	"consento/broker/internal/ops"
	"consento/protocol/lang"
)

// Storage is what auditors and administrators are told alike.
type Storage struct {
	lang.Texts
	Level              evidence.Level
	Title, Do          string
	Empty              bool
	Free, Mark         string
	Used, Growth, Full string
	Reserve, LastWords string
	Released           bool   // what LastWords are kept in was given back
	Places             string // where the recordings lie, and what to do about it
	PlacesWarn         bool
	Witnesses          []Witness
	Clock              *Witness // nil: there is none
}

// Witness is how a witness or the clock does, in words.
type Witness struct {
	Name, State, Signed, Waits string
	Warn                       bool
}

// StorageOf says in words how the storage does.
func StorageOf(p *Page, s evidence.Storage) Storage {
	said := Storage{Texts: p.Texts, Level: s.Level, Title: p.T("audit.storage.level." + string(s.Level)), Do: p.T("audit.storage.do."+string(s.Level), "page", p.T("audit.nav.retention")),
		Empty: s.Over == 0 && s.Live == 0, Free: p.T("audit.storage.of", "free", Size(s.Free), "total", Size(s.Total)), Mark: Size(s.Mark),
		Used: p.T("audit.storage.used_by", "size", Size(s.Used), "sessions", p.Count("sessions", s.Sessions))}
	if s.Over > 0 {
		said.Growth = p.T("audit.storage.per_day", "size", Size(max(0, s.PerDay)), "days", p.Count("days", s.Over))
		if s.PerDay < 0 {
			said.Growth = p.T("audit.storage.shrinks", "size", Size(-s.PerDay), "days", p.Count("days", s.Over))
		}
		said.Full = p.T("audit.storage.never")
		if !s.FullAt.IsZero() {
			said.Full = Day(p, s.FullAt)
		}
	}
	said.Reserve = p.T("audit.storage.reserved", "size", Size(s.Reserve), "count", strconv.Itoa(s.Live))
	if s.Live == 0 {
		said.Reserve = p.T("audit.storage.reserved_none")
	}
	said.LastWords, said.Released = lastWords(p, s.LastWords), !s.LastWords.Released.IsZero()
	if said.Released && s.Level == evidence.Full {
		said.Do = p.T("audit.storage.do.released")
	}
	alone := true
	for _, w := range s.Witnesses {
		alone = alone && w.Embedded
		said.Witnesses = append(said.Witnesses, witnessOf(p, w, s.MaxLag))
	}
	said.Clock = clockState(p, s.Clock)
	switch {
	case len(s.Witnesses) == 0:
		said.Places, said.PlacesWarn = p.T("audit.storage.places.none"), true
	case alone:
		said.Places, said.PlacesWarn = p.T("audit.storage.places.one"), true
	default:
		said.Places = p.T("audit.storage.places.apart")
	}
	return said
}

// lastWords says what is kept for the ends of all that runs.
func lastWords(p *Page, r ops.ReserveStatus) string {
	switch {
	case !r.Released.IsZero():
		return p.T("audit.storage.last_words.released", "time", Minute(p, r.Released))
	case r.Missing > 0 || r.Bytes == 0:
		return p.T("audit.storage.last_words.none")
	default:
		return p.T("audit.storage.last_words.kept", "size", Size(r.Bytes))
	}
}

// clockState says how the timestamp authority does; nil where there is none.
func clockState(p *Page, c *evidence.ClockStatus) *Witness {
	if c == nil {
		return nil
	}
	row := Witness{Name: c.Authority, State: p.T("audit.storage.clock.never"), Warn: c.Late}
	if !c.Says.IsZero() {
		row.State = p.T("audit.storage.clock.said", "time", Minute(p, c.Says))
	}
	switch {
	case c.Late:
		row.State += " " + p.T("audit.storage.clock.late")
	case c.Failed:
		row.State += " " + p.T("audit.storage.clock.failed")
	}
	return &row
}

// witnessOf says how one does, and what to do.
func witnessOf(p *Page, w evidence.WitnessStatus, limit time.Duration) Witness {
	row := Witness{Name: w.Name, Signed: p.T("audit.storage.witness.never")}
	if w.Embedded {
		row.Name = p.T("audit.storage.witness.embedded")
	}
	if !w.Signed.IsZero() {
		row.Signed = Minute(p, w.Signed)
	}
	minutes := p.T("audit.storage.minutes", "n", strconv.Itoa(int(w.Lag.Minutes())))
	switch state := ""; {
	case limit > 0 && w.Lag > limit:
		state = "refused"
		fallthrough
	case w.Lag > time.Minute:
		if state == "" {
			state = "behind"
		}
		row.State, row.Warn = p.T("audit.storage.witness."+state, "lag", minutes, "limit", p.T("audit.storage.minutes", "n", strconv.Itoa(int(limit.Minutes())))), true
		if limit == 0 && state == "behind" {
			row.State = p.T("audit.storage.witness.behind_for_ever", "lag", minutes)
		}
	case w.Silent:
		row.State, row.Warn = p.T("audit.storage.witness.silent"), true
	default:
		row.State = p.T("audit.storage.witness.well")
	}
	if w.Refused > 0 {
		row.State, row.Warn = row.State+" "+p.T("audit.storage.witness.other", "n", strconv.Itoa(w.Refused)), true
	}
	row.Waits = p.T("audit.storage.witness.waits", "recordings", strconv.Itoa(w.Waiting), "bags", strconv.Itoa(w.Bags))
	return row
}
