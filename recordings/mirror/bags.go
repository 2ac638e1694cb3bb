package mirror

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"strings"
)

// ErrNoBags: the mirror is of a version that keeps no key bags.
var ErrNoBags = errors.New("the mirror takes no key bags: it is older than this broker")

// putBag keeps a key bag.
func (s *Server) putBag(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if !bagName.MatchString(name) {
		http.Error(w, "no key bag", http.StatusBadRequest)
		return
	}
	most := int64(MaxBag)
	if strings.HasSuffix(name, logCopyEnd) {
		most = MaxLogKeys
	}
	b, ok := body(w, r, most)
	if !ok {
		return
	}
	held, err := s.keeper.put(context.WithoutCancel(r.Context()), name, b)
	s.answer(w, r, held, err)
}

// bag tells which bag there is. None gives a bag out: whoever has the token has no
// use for one that is honest.
func (s *Server) bag(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if !bagName.MatchString(name) {
		http.Error(w, "no key bag", http.StatusBadRequest)
		return
	}
	held, err := s.keeper.held(r.Context(), name)
	if errors.Is(err, fs.ErrNotExist) {
		http.Error(w, "no such key bag", http.StatusNotFound)
		return
	}
	s.answer(w, r, held, err)
}

// listBags is one line of JSON for each bag, in order.
func (s *Server) listBags(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/jsonl")
	enc := json.NewEncoder(&paced{w: w})
	for held, err := range s.keeper.list(r.Context()) {
		if err == nil {
			err = enc.Encode(held)
		}
		if err != nil {
			panic(http.ErrAbortHandler) // so that half a list is not taken for a whole
		}
	}
}

// PutBag keeps a key bag at the mirror, in the place of the one before.
//
// Errors: [ErrRefused], [ErrNoBags], recordings.ErrNoSpace.
func (m *Client) PutBag(ctx context.Context, name string, bag []byte) (BagHeld, error) {
	var h BagHeld
	err := m.do(ctx, http.MethodPut, "/bags/"+url.PathEscape(name), bag, &h)
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNoBags
	}
	return h, err
}

// Bag tells which bag the mirror has. Errors: fs.ErrNotExist.
func (m *Client) Bag(ctx context.Context, name string) (BagHeld, error) {
	var h BagHeld
	err := m.do(ctx, http.MethodGet, "/bags/"+url.PathEscape(name), nil, &h)
	return h, err
}

// Bags goes through all key bags of the mirror.
func (m *Client) Bags(ctx context.Context) iter.Seq2[BagHeld, error] {
	return func(yield func(BagHeld, error) bool) {
		for h, err := range lines[BagHeld](ctx, m, "/bags") {
			if errors.Is(err, fs.ErrNotExist) {
				err = ErrNoBags
			}
			if !yield(h, err) {
				return
			}
		}
	}
}

// lines asks for a list of lines of JSON.
func lines[T any](ctx context.Context, m *Client, path string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.base+path, nil)
		if err != nil {
			yield(none, err)
			return
		}
		res, err := m.http.Do(req)
		if err != nil {
			yield(none, fmt.Errorf("mirror: %w", err))
			return
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			yield(none, outcome(res.StatusCode, nil))
			return
		}
		in := bufio.NewScanner(res.Body) // a line has at most 64 KiB
		for in.Scan() {
			var one T
			err := json.Unmarshal(in.Bytes(), &one)
			if !yield(one, err) || err != nil {
				return
			}
		}
		if err := in.Err(); err != nil {
			yield(none, fmt.Errorf("mirror: %w", err))
		}
	}
}
