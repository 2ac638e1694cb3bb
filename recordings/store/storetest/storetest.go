// Package storetest is what every store has to pass.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"consento/recordings/store"
)

// Subject is a store to be tested.
type Subject struct {
	store.Store
	// Reopen returns the same store as another process would find it.
	Reopen func(testing.TB) store.Store
	// Pass lets time pass, for retention; nil where the clock cannot be moved.
	Pass func(time.Duration)
	Many int // how many objects a long list has
	// BagLock: bags are locked for a few seconds, and go when that is over.
	BagLock bool
}

// Run tests stores that begin makes, each empty.
func Run(t *testing.T, begin func(testing.TB) Subject) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Subject)
	}{
		{"growth", growth}, {"race", race}, {"names", hostileNames}, {"seal", seal}, {"retention", retention},
		{"reader", slowReader}, {"cancelled", cancelled}, {"list", list}, {"bags", bags}, {"bag race", bagRace},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, begin(t)) })
	}
}

const name = "00112233445566778899aabbccddeeff-0.rec"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func read(t testing.TB, s store.Store, name string, from int64) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), name, from)
	must(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	must(t, err)
	return b
}

func growth(t *testing.T, s Subject) {
	ctx := t.Context()
	_, err := s.Stat(ctx, name)
	refused(t, "size of nothing", err, fs.ErrNotExist)
	_, err = s.Open(ctx, name, 0)
	refused(t, "open nothing", err, fs.ErrNotExist)
	refused(t, "append behind nothing", s.Append(ctx, name, 1, []byte("x")), store.OffsetError{Size: 0})
	var all []byte
	for n := range 5 {
		part := bytes.Repeat([]byte{byte('a' + n)}, 1+n*10_000)
		must(t, s.Append(ctx, name, int64(len(all)), part))
		all = append(all, part...)
		for _, at := range []int64{0, int64(len(all)) - 1, int64(len(all)) + 1} {
			refused(t, fmt.Sprintf("append at %d of %d", at, len(all)), s.Append(ctx, name, at, []byte("x")), store.OffsetError{Size: int64(len(all))})
		}
	}
	for _, now := range []store.Store{s, s.Reopen(t)} {
		info, err := now.Stat(ctx, name)
		must(t, err)
		if info.Size != int64(len(all)) || info.Sealed || info.Name != name {
			t.Errorf("%+v, want %d bytes", info, len(all))
		}
		for _, from := range []int64{0, 1, 10_002, int64(len(all)) - 1, int64(len(all))} {
			if got := read(t, now, name, from); !bytes.Equal(got, all[from:]) {
				t.Errorf("read from %d: %d bytes, want %d", from, len(got), len(all)-int(from))
			}
		}
		_, err = now.Open(ctx, name, int64(len(all))+1)
		refused(t, "read beyond the end", err, store.OffsetError{Size: int64(len(all))})
	}
}

// race: of many appends at one offset exactly one wins.
func race(t *testing.T, s Subject) {
	must(t, s.Append(t.Context(), name, 0, []byte("begin")))
	want := []byte("begin")
	for range 5 {
		var all sync.WaitGroup
		errs := make([]error, 8)
		at := int64(len(want))
		for n := range errs {
			all.Go(func() { errs[n] = s.Append(t.Context(), name, at, bytes.Repeat([]byte{byte('0' + n)}, 1000)) })
		}
		all.Wait()
		winner := -1
		for n, err := range errs {
			var offset store.OffsetError
			switch {
			case err == nil && winner < 0:
				winner = n
			case err == nil:
				t.Fatal("two appends at one offset won")
			case !errors.As(err, &offset):
				t.Errorf("a loser learned %v", err)
			}
		}
		if winner < 0 {
			t.Fatal("no append won")
		}
		want = append(want, bytes.Repeat([]byte{byte('0' + winner)}, 1000)...)
	}
	if got := read(t, s, name, 0); !bytes.Equal(got, want) {
		t.Error("what is there is not what the winners wrote")
	}
}

func hostileNames(t *testing.T, s Subject) {
	ctx := t.Context()
	for _, n := range []string{"", ".", "..", "../x", "a/b", `a\b`, "/etc/passwd", ".hidden", "-x", "A", "x\x00y", "é", "x y", strings.Repeat("x", 101), "con:", "a\n"} {
		refused(t, "append", s.Append(ctx, n, 0, []byte("x")), store.ErrName)
		refused(t, "seal", s.Seal(ctx, n, time.Now()), store.ErrName)
		refused(t, "remove", s.Remove(ctx, n), store.ErrName)
		_, err := s.Stat(ctx, n)
		refused(t, "stat", err, store.ErrName)
		_, err = s.Open(ctx, n, 0)
		refused(t, "open", err, store.ErrName)
		_, err = s.Bag(ctx, n+".key")
		refused(t, "bag", err, store.ErrName)
		refused(t, "create a bag", s.CreateBag(ctx, n+".key", []byte("x")), store.ErrName)
	}
	for info, err := range s.List(ctx) {
		t.Errorf("something was made: %v, %v", info, err)
	}
}

func seal(t *testing.T, s Subject) {
	ctx := t.Context()
	refused(t, "seal nothing", s.Seal(ctx, name, time.Now()), fs.ErrNotExist)
	must(t, s.Append(ctx, name, 0, []byte("content")))
	refused(t, "remove what is written", s.Remove(ctx, name), store.ErrNotEnded)
	until := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	must(t, s.Seal(ctx, name, until))
	for _, now := range []store.Store{s, s.Reopen(t)} {
		refused(t, "append behind a seal", now.Append(ctx, name, 7, []byte("x")), store.ErrSealed)
		refused(t, "rewrite", now.Append(ctx, name, 0, []byte("CONTENT")), store.ErrSealed)
		refused(t, "shorter", now.Seal(ctx, name, until.Add(-time.Hour)), store.ErrShorter)
		refused(t, "remove", now.Remove(ctx, name), store.ErrRetained)
		info, err := now.Stat(ctx, name)
		must(t, err)
		if !info.Sealed || !info.Until.Equal(until) || info.Size != 7 {
			t.Errorf("%+v", info)
		}
	}
	must(t, s.Seal(ctx, name, until.Add(time.Hour)))
	if info, err := s.Stat(ctx, name); err != nil || !info.Until.Equal(until.Add(time.Hour)) {
		t.Errorf("longer: %v, %v", info, err)
	}
	if got := read(t, s, name, 0); string(got) != "content" {
		t.Errorf("%q", got)
	}
}

func retention(t *testing.T, s Subject) {
	if s.Pass == nil {
		t.Skip("the clock of this store cannot be moved")
	}
	ctx := t.Context()
	must(t, s.Append(ctx, name, 0, []byte("content")))
	must(t, s.Seal(ctx, name, time.Now().Add(time.Hour)))
	s.Pass(59 * time.Minute)
	refused(t, "remove early", s.Remove(ctx, name), store.ErrRetained)
	s.Pass(2 * time.Minute)
	must(t, s.Remove(ctx, name))
	_, err := s.Reopen(t).Stat(ctx, name)
	refused(t, "stat", err, fs.ErrNotExist)
}

// slowReader sees what there was, whatever comes meanwhile.
func slowReader(t *testing.T, s Subject) {
	ctx := t.Context()
	first := bytes.Repeat([]byte("first "), 20_000)
	must(t, s.Append(ctx, name, 0, first))
	r, err := s.Open(ctx, name, 0)
	must(t, err)
	defer r.Close()
	var got bytes.Buffer
	for n := 0; ; n++ {
		_, err := io.CopyN(&got, r, 30_000)
		if err == io.EOF {
			break
		}
		must(t, err)
		info, err := s.Stat(ctx, name)
		must(t, err)
		must(t, s.Append(ctx, name, info.Size, []byte("second ")))
	}
	if !bytes.Equal(got.Bytes(), first) {
		t.Errorf("%d bytes, want the %d that there were", got.Len(), len(first))
	}
}

func cancelled(t *testing.T, s Subject) {
	must(t, s.Append(t.Context(), name, 0, bytes.Repeat([]byte("x"), 1<<20)))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.Open(ctx, name, 0)
	must(t, err)
	defer r.Close()
	_, err = io.ReadFull(r, make([]byte, 10))
	must(t, err)
	cancel()
	_, err = io.Copy(io.Discard, r)
	refused(t, "read", err, context.Canceled)
	refused(t, "append", s.Append(ctx, name, 1<<20, []byte("x")), context.Canceled)
	refused(t, "seal", s.Seal(ctx, name, time.Now()), context.Canceled)
	_, err = s.Stat(ctx, name)
	refused(t, "stat", err, context.Canceled)
	if info, err := s.Stat(t.Context(), name); err != nil || info.Size != 1<<20 || info.Sealed {
		t.Errorf("%+v, %v", info, err)
	}
}

func list(t *testing.T, s Subject) {
	ctx := t.Context()
	var want []string
	for n := range s.Many {
		want = append(want, fmt.Sprintf("%032x-0.rec", n*7919%s.Many))
		must(t, s.Append(ctx, want[n], 0, []byte(want[n])[:1+n%30]))
	}
	slices.Sort(want)
	want = slices.Compact(want)
	must(t, s.CreateBag(ctx, "x.key", []byte("bag")))
	var got []string
	for info, err := range s.Reopen(t).List(ctx) {
		must(t, err)
		if info.Size == 0 || info.Sealed {
			t.Fatalf("%+v", info)
		}
		got = append(got, info.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d objects, want %d in order, and no bag among them", len(got), len(want))
	}
	for range s.List(ctx) {
		break // who has enough may stop
	}
}

const bagName = "00112233445566778899aabbccddeeff-0.key"

func bags(t *testing.T, s Subject) {
	ctx := t.Context()
	_, err := s.Bag(ctx, bagName)
	refused(t, "no bag", err, fs.ErrNotExist)
	refused(t, "replace no bag", s.ReplaceBag(ctx, bagName, [32]byte{}, []byte("x")), fs.ErrNotExist)
	must(t, s.CreateBag(ctx, bagName, []byte("first")))
	refused(t, "again", s.CreateBag(ctx, bagName, []byte("other")), fs.ErrExist)
	refused(t, "replace another", s.ReplaceBag(ctx, bagName, sha256.Sum256([]byte("other")), []byte("x")), store.ErrChanged)
	must(t, s.ReplaceBag(ctx, bagName, sha256.Sum256([]byte("first")), []byte("second")))
	refused(t, "long", s.CreateBag(ctx, "long.key", make([]byte, store.MaxBag+1)), store.ErrTooLong)
	for _, now := range []store.Store{s, s.Reopen(t)} {
		if b, err := now.Bag(ctx, bagName); err != nil || string(b) != "second" {
			t.Errorf("%q, %v", b, err)
		}
		var names []string
		for n, err := range now.ListBags(ctx) {
			must(t, err)
			names = append(names, n)
		}
		if !slices.Equal(names, []string{bagName}) {
			t.Errorf("%v", names)
		}
	}
	err = s.RemoveBag(ctx, bagName)
	if s.BagLock {
		refused(t, "remove what is locked", err, store.ErrRetained)
		_, err = s.Reopen(t).Bag(ctx, bagName)
		refused(t, "removed, and locked", err, fs.ErrNotExist)
		err = unlocked(t, s)
	}
	must(t, err)
	must(t, s.RemoveBag(ctx, bagName))
	_, err = s.Reopen(t).Bag(ctx, bagName)
	refused(t, "removed", err, fs.ErrNotExist)
}

// unlocked removes a bag as soon as its lock is over.
func unlocked(t *testing.T, s Subject) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := s.RemoveBag(limit, bagName)
		if !errors.Is(err, store.ErrRetained) {
			return err
		}
		select {
		case <-limit.Done():
			return err
		case <-tick.C:
		}
	}
}

// bagRace: of two re-wraps of one bag one wins, and the other learns of it.
func bagRace(t *testing.T, s Subject) {
	must(t, s.CreateBag(t.Context(), bagName, []byte("first")))
	var all sync.WaitGroup
	errs := make([]error, 8)
	for n := range errs {
		all.Go(func() {
			errs[n] = s.ReplaceBag(t.Context(), bagName, sha256.Sum256([]byte("first")), fmt.Appendf(nil, "by %d", n))
		})
	}
	all.Wait()
	won := ""
	for n, err := range errs {
		switch {
		case err == nil && won == "":
			won = fmt.Sprintf("by %d", n)
		case err == nil:
			t.Fatal("two won")
		default:
			refused(t, "loser", err, store.ErrChanged)
		}
	}
	if b, err := s.Bag(t.Context(), bagName); err != nil || string(b) != won {
		t.Errorf("%q, %v, want %q", b, err, won)
	}
}
