package mirror

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"math/big"
	"os"
	"time"

	"consento/recordings"
)

const (
	everything = math.MaxUint64
	chunk      = 1 << 20 // read at a time
	sendMost   = 4 << 20 // sent at a time, where seals allow
	looked     = 64 << 10
)

// Errors that people have to look at.
var (
	// ErrAhead: the mirror holds more of a recording than is sealed here.
	ErrAhead = errors.New("the mirror holds more of a recording than is here: it was cut here")
	// ErrLost: the mirror does not have what it acknowledged.
	ErrLost = errors.New("the mirror lost what it had acknowledged")
	// ErrAnswer: the mirror's countersignature is not over what it was sent.
	ErrAnswer = errors.New("the mirror countersigned something else")
)

// piece is a segment on its way. Fields of the first group are guarded by the
// uplink's lock, the others belong to who sends.
type piece struct {
	name, path string
	n          uint64    // seals up to this record are on the disk
	since      time.Time // of the oldest seal that is not there; zero: none
	due        time.Time
	stuck      bool // refused
	old        bool // from before the start: may not be on the disk yet

	f     *recordings.Follower // over what was read here
	read  int64
	seals []sealEnd // read, and not acknowledged
	sent  int64     // that the target has
	asked bool      // sent is known
	most  int64     // that it ever acknowledged
	final bool      // the final seal was read
}

// sealEnd is where a seal ends, and the head it covers.
type sealEnd struct {
	index uint64
	end   int64
	head  recordings.Head
	final bool
}

// send brings one piece as far as it is sealed.
func (u *Uplink) send(ctx context.Context, p *piece) error {
	u.mu.Lock()
	told, old := p.n, p.old
	began := u.c.Now()
	u.mu.Unlock()
	done, err := u.carry(ctx, p, told, old)
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		delete(u.pieces, p.name) // it was deleted here by a decision; the log has that
		return nil
	case errors.Is(err, recordings.ErrTampered):
		// Of our own file: perhaps a recovery runs. It is read again.
		if !p.stuck {
			u.c.Logger.Error("recording does not verify, it is not sent", slog.String("file", p.name), slog.Any("error", err))
		}
		p.stuck, p.f, p.due = true, nil, u.c.Now().Add(longBreak)
		return nil
	case errors.Is(err, ErrRefused), errors.Is(err, ErrAhead), errors.Is(err, ErrAnswer):
		if !p.stuck {
			u.c.Logger.Error("witness refuses a recording", slog.String("file", p.name), slog.Any("error", err))
		}
		p.stuck, p.f, p.asked, p.due = true, nil, false, u.c.Now().Add(stuckBreak)
		return nil
	case err != nil:
		p.asked = false
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.stuck = false
	if done {
		delete(u.pieces, p.name)
		return nil
	}
	p.since = time.Time{}
	if p.n > told {
		p.since = began
	}
	if p.old && !p.final {
		// Interrupted, and not closed yet: its end comes with Closed.
		p.old = false
	}
	return nil
}

func (u *Uplink) carry(ctx context.Context, p *piece, told uint64, old bool) (done bool, err error) {
	file, err := os.Open(p.path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	if old {
		if err := syncFile(p.path); err != nil {
			return false, err
		}
	}
	if !p.asked {
		held, err := u.c.Target.Held(ctx, p.name)
		if err != nil {
			return false, err
		}
		p.agree(held.Size, u.c.Logger)
		p.asked = true
	}
	for {
		if err := p.advance(file); err != nil {
			return false, err
		}
		last, more := p.next(told)
		switch {
		case last == nil && len(p.seals) == 0 && p.sent > p.f.Report().SealedBytes:
			return false, ErrAhead
		case last == nil:
			return false, nil
		}
		if err := u.one(ctx, file, p, *last); err != nil {
			return false, err
		}
		if last.final {
			return true, u.look(ctx, file, p)
		}
		if !more {
			return false, nil
		}
	}
}

// agree takes over how much the target has.
func (p *piece) agree(size int64, logger *slog.Logger) {
	if size < p.most {
		logger.Error(ErrLost.Error(), slog.String("file", p.name), slog.Int64("acknowledged", p.most), slog.Int64("there", size))
	}
	// All seals are looked for anew: which of them are not there has changed.
	p.sent, p.f, p.final = size, nil, false
}

// advance reads on, to the end of the file or to enough to send.
func (p *piece) advance(file *os.File) error {
	if p.f == nil {
		p.read, p.seals = 0, nil
		p.f = recordings.NewFollower(recordings.ScanOptions{Each: func(r recordings.Record) error {
			if r.Kind != recordings.KindSeal {
				return nil
			}
			end := r.Offset + recordings.HeaderSize + int64(r.Length)
			if final := r.Flags&recordings.FlagFinal != 0; end > p.sent || end == p.sent && final {
				p.seals = append(p.seals, sealEnd{r.Index, end, p.f.Report().Head, final})
				p.final = p.final || final
			}
			return nil
		}})
	}
	buf := make([]byte, chunk)
	for len(p.seals) == 0 || p.seals[len(p.seals)-1].end-p.sent < sendMost {
		n, err := file.ReadAt(buf, p.read)
		if n > 0 {
			if _, err := p.f.Write(buf[:n]); err != nil {
				return err
			}
			p.read += int64(n)
		}
		if err == io.EOF || n == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// next is the last seal up to which bytes go with the next request.
func (p *piece) next(told uint64) (last *sealEnd, more bool) {
	for i := range p.seals {
		s := &p.seals[i]
		if s.index > told {
			return last, false
		}
		if last != nil && s.end-p.sent > sendMost {
			return last, true
		}
		last = s
	}
	return last, last != nil && !last.final
}

// one sends the bytes up to a seal.
func (u *Uplink) one(ctx context.Context, file *os.File, p *piece, to sealEnd) error {
	if to.end-p.sent > MaxBody {
		return fmt.Errorf("%w: %d bytes without a seal", ErrRefused, to.end-p.sent)
	}
	b := make([]byte, to.end-p.sent)
	if _, err := file.ReadAt(b, p.sent); err != nil {
		return err
	}
	held, err := u.c.Target.Append(ctx, p.name, p.sent, b)
	if errors.Is(err, ErrHeld) && held.Size != p.sent {
		p.agree(held.Size, u.c.Logger)
		return fmt.Errorf("it has %d bytes: %w", held.Size, err)
	}
	if err != nil {
		return err
	}
	if held.Size != to.end || held.Sealed != to.final {
		return fmt.Errorf("%w: %d bytes, sent up to %d", ErrAnswer, held.Size, to.end)
	}
	open := p.f.Report().Open
	c, err := recordings.ParseCosignature(open.Session, held.Cosignature)
	if err != nil || !c.Key.Equal(u.c.Key) || !c.Head.Same(to.head) {
		return errors.Join(ErrAnswer, err)
	}
	p.sent, p.most = to.end, max(p.most, to.end)
	u.mu.Lock()
	u.signed = u.c.Now()
	u.mu.Unlock()
	for len(p.seals) > 0 && p.seals[0].end <= to.end {
		p.seals = p.seals[1:]
	}
	return u.c.Countersigned(Segment{open.Session, open.Segment}, held.Cosignature, to.final)
}

// reader is a target that gives out what it holds.
type reader interface {
	Open(ctx context.Context, name string, from int64) (io.ReadCloser, error)
}

// look reads a random part of a closed recording back: a mirror that keeps nothing
// is found soon, not by the auditors years later.
func (u *Uplink) look(ctx context.Context, file *os.File, p *piece) error {
	target, ok := u.c.Target.(reader)
	if !ok {
		return nil
	}
	from, err := rand.Int(rand.Reader, big.NewInt(p.sent))
	if err != nil {
		return err
	}
	in, err := target.Open(ctx, p.name, from.Int64())
	if errors.Is(err, fs.ErrNotExist) {
		return ErrLost
	}
	if err != nil {
		return err
	}
	defer in.Close()
	want := make([]byte, min(looked, p.sent-from.Int64()))
	if _, err := file.ReadAt(want, from.Int64()); err != nil {
		return err
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(in, got); err != nil || !bytes.Equal(got, want) {
		return errors.Join(ErrLost, err)
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
