package mirror

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"consento/recordings/store"
	"consento/recordings/translog"
)

// list is one line of JSON for each recording, in order.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/jsonl")
	out := &paced{w: w}
	enc := json.NewEncoder(out)
	for info, err := range s.c.Store.List(r.Context()) {
		if err == nil {
			err = enc.Encode(Held{Name: info.Name, Size: info.Size, Sealed: info.Sealed})
		}
		if err != nil {
			panic(http.ErrAbortHandler) // so that half a list is not taken for a whole
		}
	}
}

// read tells how much there is, or, with from, gives it out.
func (s *Server) read(w http.ResponseWriter, r *http.Request) {
	name, from := r.PathValue("name"), int64(-1)
	if text := r.URL.Query().Get("from"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			http.Error(w, "no offset", http.StatusBadRequest)
			return
		}
		from = n
	}
	if !segmentName.MatchString(name) {
		http.Error(w, "no recording", http.StatusBadRequest)
		return
	}
	info, err := s.c.Store.Stat(r.Context(), name)
	if errors.Is(err, fs.ErrNotExist) {
		http.Error(w, "no such recording", http.StatusNotFound)
		return
	}
	if err != nil || from < 0 {
		s.answer(w, r, Held{Name: name, Size: info.Size, Sealed: info.Sealed}, err)
		return
	}
	if from > info.Size {
		s.answer(w, r, Held{Name: name, Size: info.Size, Sealed: info.Sealed}, ErrHeld)
		return
	}
	in, err := s.c.Store.Open(r.Context(), name, from)
	if err != nil {
		s.answer(w, r, nil, err)
		return
	}
	defer in.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	if _, err := io.CopyBuffer(&paced{w: w}, in, make([]byte, 256<<10)); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// paced gives each piece of an answer its own time, however long the whole is.
type paced struct{ w http.ResponseWriter }

func (p *paced) Write(b []byte) (int, error) {
	_ = http.NewResponseController(p.w).SetWriteDeadline(time.Now().Add(stepTime))
	return p.w.Write(b)
}

func (s *Server) logHeld() LogHeld {
	last, _ := s.c.Cosigner.Last()
	return LogHeld{Size: s.c.Replica.Size(), Checkpoint: last.Size}
}

func (s *Server) log(w http.ResponseWriter, r *http.Request) { s.answer(w, r, s.logHeld(), nil) }

// entries takes leaves under the last checkpoint that was cosigned.
func (s *Server) entries(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	at, err := strconv.ParseUint(q.Get("at"), 10, 63)
	size, err2 := strconv.ParseUint(q.Get("size"), 10, 63)
	if errors.Join(err, err2) != nil {
		http.Error(w, "no number of a leaf, or no size of a checkpoint", http.StatusBadRequest)
		return
	}
	release, err := s.slot(r.Context())
	if err != nil {
		return
	}
	defer release()
	b, ok := body(w, r, maxLogBody)
	if !ok {
		return
	}
	proof, leaves, err := parseEntries(b)
	if err != nil {
		http.Error(w, "not a proof and entries", http.StatusBadRequest)
		return
	}
	err = s.takeEntries(context.WithoutCancel(r.Context()), at, size, leaves, proof)
	s.answer(w, r, s.logHeld(), err)
}

func (s *Server) takeEntries(ctx context.Context, at, size uint64, leaves [][]byte, proof []tlog.Hash) error {
	last, ok := s.c.Cosigner.Last()
	if !ok || last.Size != size {
		return fmt.Errorf("%w: another checkpoint was cosigned", ErrHeld)
	}
	err := s.c.Replica.Append(ctx, at, leaves, proof, last)
	var held translog.HeldError
	switch {
	case err == nil:
		// The leaves are kept; what they decide is done here, or with the next ones.
		if err := s.keeper.follow(ctx, s.c.Replica.Size()); err != nil {
			s.c.Logger.Error("what the log decided is not done yet", slog.Any("error", err))
		}
		return nil
	case errors.As(err, &held):
		return ErrHeld
	case errors.Is(err, translog.ErrForeign), errors.Is(err, translog.ErrUntrusted):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return store.Full(err)
}

// sealed keeps what a leaf names by its hash.
func (s *Server) sealed(w http.ResponseWriter, r *http.Request) {
	var hash translog.Hash
	if err := hash.UnmarshalText([]byte(r.PathValue("hash"))); err != nil || hash == (translog.Hash{}) {
		http.Error(w, "no hash", http.StatusBadRequest)
		return
	}
	b, ok := body(w, r, maxSealed)
	if !ok {
		return
	}
	err := s.c.Replica.PutSealed(hash, b)
	if errors.Is(err, translog.ErrForeign) {
		err = fmt.Errorf("%w: %w", ErrRefused, err)
	}
	s.answer(w, r, struct{}{}, store.Full(err))
}

// A body of entries: one byte with the number of hashes of the proof, these, and
// the entries as in a bundle of tlog-tiles.
func marshalEntries(proof []tlog.Hash, entries [][]byte) []byte {
	b := []byte{byte(len(proof))}
	for _, h := range proof {
		b = append(b, h[:]...)
	}
	return append(b, translog.JoinEntries(entries)...)
}

func parseEntries(b []byte) ([]tlog.Hash, [][]byte, error) {
	if len(b) == 0 || int(b[0]) > maxProof || len(b) < 1+int(b[0])*tlog.HashSize {
		return nil, nil, errors.New("no proof")
	}
	proof := make([]tlog.Hash, b[0])
	in := bytes.NewReader(b[1:])
	for i := range proof {
		if _, err := io.ReadFull(in, proof[i][:]); err != nil {
			return nil, nil, err
		}
	}
	entries, err := translog.SplitEntries(b[len(b)-in.Len():])
	return proof, entries, err
}
