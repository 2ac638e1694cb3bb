package web_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/web"
	"consento/protocol"
	"consento/recordings"
)

// shelf keeps real recordings in a folder and answers as package evidence does:
// rights by access.Can, a viewing on a list before a grant, verdicts by the scanner.
type shelf struct {
	dir     string
	mu      sync.Mutex
	known   []onShelf
	views   []viewing
	grants  map[string]viewing
	trail   []evidence.Entry
	sealed  map[string][]byte // notes, by what names them
	clock   *evidence.ClockStatus
	before  time.Time // of verdicts
	witness string    // of verdicts and of the list; "" as none
}

// onShelf is what the office's database knows of a recorded session.
type onShelf struct {
	evidence.Summary
	scope access.Scope
}

type viewing struct{ account, id, reason, how string }

func newShelf(t testing.TB) *shelf {
	t.Helper()
	return &shelf{dir: t.TempDir(), grants: map[string]viewing{}, sealed: map[string][]byte{}}
}

func withShelf(s *shelf) option {
	return func(c *web.Config, h *house) { c.Audit.Evidence, h.shelf = s, s }
}

func (s *shelf) find(by access.Account, id string) (onShelf, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.known {
		if k.ID == id && access.Can(by, access.ReadEvidence, k.scope) {
			return k, nil
		}
	}
	return onShelf{}, evidence.ErrNotFound
}

func (s *shelf) Sessions(_ context.Context, by access.Account, q evidence.Query) (evidence.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := evidence.Page{Page: q.Page, Witness: s.witness}
	for _, k := range slices.Backward(s.known) {
		if !access.Can(by, access.ListSessions, k.scope) {
			continue
		}
		if !slices.Contains(p.Teams, k.Team) {
			p.Teams = append(p.Teams, k.Team)
		}
		if !strings.HasPrefix(k.ID, q.ID) || !strings.HasPrefix(k.Ticket, q.Ticket) || q.Team != "" && q.Team != k.Team || q.Ended != "" && q.Ended != k.Reason ||
			!strings.Contains(strings.ToLower(k.Technician), strings.ToLower(q.Technician)) ||
			!q.From.IsZero() && k.Started.Before(q.From) || !q.To.IsZero() && !k.Started.Before(q.To) ||
			q.Tests == "only" && !k.Test || q.Tests == "without" && k.Test ||
			slices.ContainsFunc(q.Has, func(h evidence.HeldContent) bool { return !slices.Contains(k.Has, h) }) {
			continue
		}
		if p.Total/evidence.PageSize+1 == q.Page {
			p.Sessions = append(p.Sessions, k.Summary)
		}
		p.Total++
	}
	return p, nil
}

func (s *shelf) segments(id string) []string {
	paths, _ := filepath.Glob(filepath.Join(s.dir, id+"-*.rec"))
	slices.Sort(paths)
	return paths
}

func (s *shelf) Session(_ context.Context, by access.Account, id string) (evidence.Recording, error) {
	k, err := s.find(by, id)
	if err != nil {
		return evidence.Recording{}, err
	}
	rec := evidence.Recording{Summary: k.Summary, Until: k.Started.AddDate(0, 0, 90)}
	for n, path := range s.segments(id) {
		info, err := os.Stat(path)
		if err != nil {
			return rec, err
		}
		_, missing := os.Stat(recordings.DefaultBag(path))
		rec.Parts = append(rec.Parts, evidence.Segment{Number: n, Bytes: info.Size(), Final: true, Bag: missing == nil, Shredded: missing != nil})
	}
	return rec, nil
}

func (s *shelf) Verdict(_ context.Context, by access.Account, id string) (evidence.Verdict, error) {
	if _, err := s.find(by, id); err != nil {
		return evidence.Verdict{}, err
	}
	s.mu.Lock()
	clock, before, witness := s.clock, s.before, cmp.Or(s.witness, "none")
	s.mu.Unlock()
	v := evidence.Verdict{Clock: clock, Before: before, State: evidence.Unverifiable, Checked: time.Now(), Witness: witness, Stores: 1, Hosts: 1,
		Reasons: []evidence.Reason{{Code: "no_proof"}}}
	for n, path := range s.segments(id) {
		report, err := recordings.ScanFile(path, recordings.ScanOptions{})
		if err != nil {
			return v, err
		}
		switch report.Verdict {
		case recordings.Tampered:
			v.State = evidence.Tampered
			v.Reasons = slices.Insert(v.Reasons, 0, evidence.Reason{Code: "changed", Segment: n, Values: map[string]string{"record": fmt.Sprint(report.Fault.Index)}, From: report.Fault.From, To: report.Fault.To})
		case recordings.Incomplete:
			v.State = evidence.Incomplete
			v.Reasons = slices.Insert(v.Reasons, 0, evidence.Reason{Code: "unfinished", Segment: n})
		}
	}
	return v, nil
}

func (s *shelf) View(_ context.Context, by access.Account, id, reason, how string) (string, error) {
	if _, err := s.find(by, id); err != nil {
		return "", err
	}
	grant := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	v := viewing{by.ID, id, reason, how}
	s.views = append(s.views, v)
	s.grants[grant] = v
	return grant, nil
}

func (s *shelf) granted(by access.Account, grant, id string) error {
	if _, err := s.find(by, id); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.grants[grant]; !ok || v.account != by.ID || v.id != id {
		return evidence.ErrGrant
	}
	return nil
}

func (s *shelf) Segment(_ context.Context, by access.Account, grant, id string, n int) (io.ReadSeekCloser, time.Time, error) {
	if err := s.granted(by, grant, id); err != nil {
		return nil, time.Time{}, err
	}
	f, err := os.Open(filepath.Join(s.dir, fmt.Sprintf("%s-%d.rec", id, n)))
	if errors.Is(err, os.ErrNotExist) {
		return nil, time.Time{}, evidence.ErrNotFound
	}
	return f, time.Time{}, err
}

func (s *shelf) Bag(_ context.Context, by access.Account, grant, id string, n int) ([]byte, error) {
	if err := s.granted(by, grant, id); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(s.dir, fmt.Sprintf("%s-%d.key", id, n)))
	if errors.Is(err, os.ErrNotExist) {
		return nil, evidence.ErrShredded
	}
	return b, err
}

func (s *shelf) LogKeys(_ context.Context, by access.Account, grant, id string, n int) ([]byte, error) {
	if err := s.granted(by, grant, id); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(s.dir, fmt.Sprintf("%s-%d.logkeys", id, n)))
	if errors.Is(err, os.ErrNotExist) {
		return nil, evidence.ErrShredded
	}
	return b, err
}

func (s *shelf) Proof(_ context.Context, by access.Account, id string) ([]byte, error) {
	if _, err := s.find(by, id); err != nil {
		return nil, err
	}
	return nil, evidence.ErrNoProof
}

func (s *shelf) Timestamp(_ context.Context, by access.Account, id string) ([]byte, error) {
	return s.Proof(context.Background(), by, id)
}

func (s *shelf) Trail(_ context.Context, by access.Account, q evidence.TrailQuery) (evidence.Trail, error) {
	if !access.Can(by, access.ReadTrail, access.Scope{}) {
		return evidence.Trail{}, evidence.ErrForbidden
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := evidence.Trail{Page: q.Page}
	for _, e := range slices.Backward(s.trail) {
		if (q.Kind == "" || q.Kind == e.Kind) && (q.Session == "" || q.Session == e.Session) && (q.From.IsZero() || !e.At.Before(q.From)) && (q.To.IsZero() || e.At.Before(q.To)) {
			if t.Total/evidence.PageSize+1 == q.Page {
				t.Entries = append(t.Entries, e)
			}
			t.Total++
		}
	}
	return t, nil
}

func (s *shelf) SealedBody(_ context.Context, by access.Account, body string) ([]byte, error) {
	if !access.Can(by, access.ReadTrail, access.Scope{}) {
		return nil, evidence.ErrForbidden
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if note, ok := s.sealed[body]; ok {
		return note, nil
	}
	return nil, evidence.ErrNotFound
}

// done puts something on the trail, sealed for whom it is for.
func (s *shelf) done(t testing.TB, e evidence.Entry, body string, to ...recordings.Recipient) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	e.Number = uint64(len(s.trail))
	e.At = time.Date(2026, 3, 1, 9, len(s.trail), 0, 0, time.UTC)
	if body != "" {
		note, err := recordings.SealNote([]byte(body), to...)
		if err != nil {
			t.Fatal(err)
		}
		e.Body = fmt.Sprintf("%064x", len(s.trail))
		s.sealed[e.Body] = note
	}
	s.trail = append(s.trail, e)
}

// stated are the viewings so far.
func (s *shelf) stated() []viewing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.views)
}

// tape writes a recording second by second.
type tape struct {
	t       testing.TB
	shelf   *shelf
	id      recordings.SessionID
	conf    recordings.Config
	now     time.Time
	writer  *recordings.Writer
	video   *recordings.Video
	started time.Time
}

func (s *shelf) record(t testing.TB, to ...recordings.Recipient) *tape {
	t.Helper()
	r := &tape{t: t, shelf: s, id: recordings.NewSessionID(), started: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	r.now = r.started
	r.conf = recordings.Config{Dir: s.dir, Session: r.id, Origin: "help.esempio.example", Started: r.started, Recipients: to,
		Retention: "standard", Now: func() time.Time { return r.now }}
	r.open()
	return r
}

func (r *tape) open() {
	r.t.Helper()
	var err error
	if r.writer, err = recordings.Create(r.conf); err != nil {
		r.t.Fatal(err)
	}
	r.video = recordings.NewVideo(r.writer, 0)
}

func (r *tape) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// event writes one event as the broker does.
func (r *tape) event(at time.Duration, code protocol.EventCode, data string) {
	r.t.Helper()
	track := recordings.TrackEvents
	if code == protocol.EventCursorMoved || code == protocol.EventCursorShape {
		track = recordings.TrackMeta
	}
	if code == protocol.EventControlInput {
		track = recordings.TrackInput
	}
	if code == protocol.EventSystemPart || code == protocol.EventSystemChanges {
		track = recordings.TrackSystem
	}
	if code == protocol.EventClipContent {
		track = recordings.TrackClipboard
	}
	r.check(r.writer.Append(track, 0, at, 0, fmt.Appendf(nil, `{"code":%q,"at_ms":%d,"data":%s}`, code, at.Milliseconds(), data)))
}

// second flushes and seals what was there up to a time.
func (r *tape) second(at time.Duration) {
	r.t.Helper()
	r.check(r.video.Flush(at))
	r.now = r.started.Add(at)
	_, err := r.writer.Seal()
	r.check(err)
}

// next closes the segment and opens the one after it.
func (r *tape) next(at time.Duration) {
	r.t.Helper()
	r.second(at)
	head, err := r.writer.Close()
	r.check(err)
	r.conf.Segment, r.conf.Continues = r.conf.Segment+1, &head
	r.open()
}

// close ends the recording and puts it on the shelf.
func (r *tape) close(at time.Duration, change ...func(*onShelf)) string {
	r.t.Helper()
	r.second(at)
	_, err := r.writer.Close()
	r.check(err)
	k := onShelf{Summary: evidence.Summary{ID: r.id.String(), Started: r.started, Ended: r.started.Add(at), Team: "Service desk",
		Technician: "Anna Rossi", Reason: protocol.EndCustomer, Segments: r.conf.Segment + 1, Has: []evidence.HeldContent{evidence.HasVideo, evidence.HasChat}},
		scope: access.Scope{Owner: "anna", Team: "Service desk"}}
	for _, path := range r.shelf.segments(k.ID) {
		info, err := os.Stat(path)
		r.check(err)
		k.Bytes += info.Size()
	}
	for _, c := range change {
		c(&k)
	}
	r.shelf.mu.Lock()
	defer r.shelf.mu.Unlock()
	r.shelf.known = append(r.shelf.known, k)
	return k.ID
}

// ivf reads the frames of an IVF file of package recordings.
func ivf(t testing.TB, path string) [][]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || len(b) < 32 || string(b[:4]) != "DKIF" {
		t.Fatalf("%s: %v", path, err)
	}
	var frames [][]byte
	for b = b[32:]; len(b) >= 12; {
		n := int(binary.LittleEndian.Uint32(b))
		frames = append(frames, b[12:12+n])
		b = b[12+n:]
	}
	return frames
}

// auditing signs an auditor in, without a browser.
func auditing(t testing.TB, h *house, email string) (*person, access.Account) {
	t.Helper()
	account := staff(t, h, access.Auditor, email)
	p := h.visitor(t)
	if in := p.post("/signin", "email", email, "password", goodPassword); in.Request.URL.Path != "/audit/" {
		t.Fatalf("the auditor came to %s", in.Request.URL)
	}
	return p, account
}
