package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"consento/broker/internal/access"
)

// Grouping is by what a report is divided.
type Grouping string

// The groupings.
const (
	ByTeam     Grouping = "team"
	ByCategory Grouping = "category"
	ByPriority Grouping = "priority"
	ByMonth    Grouping = "month"
	ByWeek     Grouping = "week" // ISO 8601
)

// Groupings lists them.
func Groupings() []Grouping { return []Grouping{ByTeam, ByCategory, ByPriority, ByMonth, ByWeek} }

// Asked is what a report is asked for: the tickets that came in from the day First to the
// day Last, as the office counts days, of a team, category and priority where they are given.
type Asked struct {
	First, Last Date
	Team        string
	Category    string
	Priority    Priority
	By          Grouping
	Told        bool // the people know that they are counted by themselves: small teams are shown too
}

// Fewest is how many people a team has at least whose figures are shown by themselves,
// where the people were not told otherwise: those of fewer are figures of these people.
const Fewest = 3

// ErrFew says that a report would be one of fewer than [Fewest] people.
var ErrFew = errors.New("desk: figures of too few people")

// Report is how promises were kept.
type Report struct {
	Asked
	Rows  []Figures // by Key
	Total Figures
	Hours ServiceHours // by which everything is counted: those in force
}

// Figures are those of some tickets.
type Figures struct {
	Key        string   // team, category, priority, 2026-11, 2026-W48; "" several teams
	Teams      []string // these, which are shown together
	Count      int      // tickets that came in
	Response   Summary  // of the first answers that were given
	Resolution Summary  // of what was resolved, where a priority is known
	Open       int      // not resolved
	Late       int      // of these: the clock that runs has spent its target
	Paused     map[PauseReason]Paused
}

// PauseReason is why a clock stood still: a Waiting, or PauseResolved.
type PauseReason string

// PauseResolved is the time between a solution and the reopening of the ticket.
const PauseResolved PauseReason = "resolved"

// PauseReasons lists them.
func PauseReasons() (list []PauseReason) {
	for _, w := range Waitings() {
		list = append(list, PauseReason(w))
	}
	return append(list, PauseResolved)
}

// Paused is how often, and how long in time that counts.
type Paused struct {
	Count int
	Time  time.Duration
}

// Limits of a report.
const (
	maxReportDays = 366
	maxReported   = 50_000 // tickets
)

// ErrTooMany says that a report would be about too many tickets.
var ErrTooMany = errors.New("desk: too many tickets for one report")

// Report counts. Who sees the figures of one team asks for that one. It returns
// ErrForbidden, ErrTooMany, an *access.Invalid.
func (d *Desk) Report(ctx context.Context, by access.Account, a Asked) (Report, error) {
	if !access.Can(by, access.SeeFigures, access.Scope{Team: a.Team}) {
		return Report{}, ErrForbidden
	}
	if !slices.Contains(Groupings(), a.By) {
		return Report{}, wrong("by", "unknown")
	}
	if !a.First.exists() || !a.Last.exists() || a.Last.compare(a.First) < 0 {
		return Report{}, wrong("to", "before")
	}
	hours, _, err := d.Hours(ctx)
	if err != nil {
		return Report{}, err
	}
	zone := hours.Calendar.Zone
	from := time.Date(a.First.Year, a.First.Month, a.First.Day, 0, 0, 0, 0, zone)
	to := time.Date(a.Last.Year, a.Last.Month, a.Last.Day+1, 0, 0, 0, 0, zone)
	if to.Sub(from) > (maxReportDays+1)*24*time.Hour {
		return Report{}, wrong("from", "range")
	}
	people, all, err := d.teamPeople(ctx)
	if err != nil {
		return Report{}, err
	}
	if a.Team != "" {
		all = people[a.Team]
	}
	if all < Fewest && !a.Told {
		return Report{}, ErrFew
	}
	where, args := "ticket.created >= ? AND ticket.created < ?", []any{millis(from), millis(to)}
	for _, is := range []struct {
		column string
		value  string
	}{{"team", a.Team}, {"category", a.Category}, {"priority", strconv.Itoa(int(a.Priority))}} {
		if is.value != "" && is.value != "0" {
			where += " AND ticket." + is.column + " = ?"
			args = append(args, is.value)
		}
	}
	n, err := d.db.NewSelect().Model((*ticketRow)(nil)).Where(where, args...).Count(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("desk: report: %w", err)
	}
	if n > maxReported {
		return Report{}, ErrTooMany
	}
	list, err := d.ticketsWhere(ctx, where, args...)
	if err != nil {
		return Report{}, err
	}
	reasons, err := d.pauseReasons(ctx, where, args...)
	if err != nil {
		return Report{}, err
	}
	return report(a, hours, list, reasons, people, d.now()), nil
}

// teamPeople counts who works in each team, and in all of them.
func (d *Desk) teamPeople(ctx context.Context) (map[string]int, int, error) {
	var rows []struct {
		Team   string
		People int
	}
	err := d.db.NewSelect().Table("accounts").ColumnExpr("team, COUNT(*) AS people").Where("disabled_at IS NULL").Where("team <> ''").GroupExpr("team").Scan(ctx, &rows)
	if err != nil {
		return nil, 0, fmt.Errorf("desk: report: %w", err)
	}
	people, all := map[string]int{}, 0
	for _, r := range rows {
		people[r.Team] = r.People
		all += r.People
	}
	return people, all, nil
}

// together names the teams of too few people, and with them the smallest others until they
// are enough: what is shown of the rest must not tell them by subtraction. n is how many
// people that are.
func together(groups map[string][]Ticket, people map[string]int) (others []string, n int) {
	names := slices.Sorted(maps.Keys(groups))
	slices.SortStableFunc(names, func(a, b string) int { return people[a] - people[b] })
	for _, name := range names {
		if people[name] >= Fewest && (len(others) == 0 || n >= Fewest) {
			continue
		}
		others = append(others, name)
		n += people[name]
	}
	slices.Sort(others)
	return others, n
}

// pauseKey names a pause: by its ticket and its beginning.
type pauseKey struct {
	ticket string
	since  int64
}

// pauseReasons reads from the history why clocks stood still.
func (d *Desk) pauseReasons(ctx context.Context, where string, args ...any) (map[pauseKey]PauseReason, error) {
	var rows []historyRow
	err := d.db.NewSelect().Model(&rows).Column("ticket", "at", "data").Where("kind = ?", ActWait).
		Where("ticket_history.ticket IN (SELECT ticket.id FROM tickets AS ticket WHERE "+where+")", args...).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("desk: report: %w", err)
	}
	reasons := map[pauseKey]PauseReason{}
	for _, r := range rows {
		var a Act
		if err := json.Unmarshal([]byte(r.Data), &a); err != nil {
			return nil, fmt.Errorf("desk: report: %w", err)
		}
		reasons[pauseKey{r.Ticket, r.At}] = PauseReason(a.Waiting)
	}
	return reasons, nil
}

// report is pure.
func report(a Asked, hours ServiceHours, list []Ticket, reasons map[pauseKey]PauseReason, people map[string]int, now time.Time) Report {
	groups := map[string][]Ticket{}
	for _, t := range list {
		key := a.By.key(t, hours.Calendar.Zone)
		groups[key] = append(groups[key], t)
	}
	r := Report{Asked: a, Hours: hours, Total: figures("", hours, list, reasons, now)}
	if a.By == ByTeam && !a.Told {
		others, n := together(groups, people)
		if len(others) > 1 || len(others) == 1 && n < Fewest {
			var some []Ticket
			for _, name := range others {
				some = append(some, groups[name]...)
				delete(groups, name)
			}
			f := figures("", hours, some, reasons, now)
			if f.Teams = others; n < Fewest { // the others did nothing in this time: that they did not is hidden too
				f.Teams = slices.Sorted(maps.Keys(people))
			}
			r.Rows = append(r.Rows, f)
		}
	}
	for key, some := range groups {
		r.Rows = append(r.Rows, figures(key, hours, some, reasons, now))
	}
	slices.SortFunc(r.Rows, func(x, y Figures) int { return cmp.Compare(x.Key, y.Key) })
	return r
}

func (g Grouping) key(t Ticket, zone *time.Location) string {
	if zone == nil {
		zone = time.UTC
	}
	came := t.Created.In(zone)
	switch g {
	case ByCategory:
		return t.Category
	case ByPriority:
		return strconv.Itoa(int(t.Priority))
	case ByMonth:
		return came.Format("2006-01")
	case ByWeek:
		year, week := came.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	}
	return t.Team
}

func figures(key string, hours ServiceHours, list []Ticket, reasons map[pauseKey]PauseReason, now time.Time) Figures {
	f := Figures{Key: key, Count: len(list), Paused: map[PauseReason]Paused{}}
	var answers, solutions []Clock
	for _, t := range list {
		priority := t.Priority
		if priority == 0 {
			priority = Medium // as Running has it
		}
		answers = append(answers, t.Response(hours.Calendar, hours.Targets[priority]))
		if t.Priority != 0 {
			solutions = append(solutions, t.Resolving(hours.Calendar, hours.Targets[t.Priority]))
		}
		if t.State.Open() {
			f.Open++
			if late(t, hours, now) {
				f.Late++
			}
		}
		for _, p := range t.Pauses {
			until := p.To
			if until.IsZero() {
				until = now
			}
			reason, known := reasons[pauseKey{t.ID, millis(p.From)}]
			if !known {
				reason = PauseResolved
			}
			sum := f.Paused[reason]
			f.Paused[reason] = Paused{sum.Count + 1, sum.Time + hours.Calendar.Elapsed(p.From, until)}
		}
	}
	f.Response, f.Resolution = Summarise(answers, now), Summarise(solutions, now)
	return f
}
