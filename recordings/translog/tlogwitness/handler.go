// Package tlogwitness carries cosignatures over HTTP (C2SP tlog-witness): the handler
// of who cosigns, and the client of who has a log. What is signed and what not is
// decided in package translog; this one only limits, translates and checks what
// came back.
package tlogwitness

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"consento/recordings/translog"
)

// contentTypeSize is that of a 409.
const contentTypeSize = "text/x.tlog.size"

// Handler answers POST add-checkpoint for one cosigner. Failed is told what the
// witness itself could not do, and may be nil. The caller limits times and
// connections.
func Handler(c *translog.Cosigner, failed func(error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "POST only", http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, translog.MaxRequest))
		if err != nil {
			var long *http.MaxBytesError
			if errors.As(err, &long) {
				http.Error(w, "the body is too long", http.StatusRequestEntityTooLarge)
				return
			}
			http.Error(w, "the body ended early", http.StatusBadRequest)
			return
		}
		req, err := translog.ParseRequest(body)
		var line []byte
		if err == nil {
			line, err = c.AddCheckpoint(req)
		}
		if err != nil {
			refuse(w, err, failed)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(line) // who does not hear it asks again
	})
}

func refuse(w http.ResponseWriter, err error, failed func(error)) {
	var conflict translog.Conflict
	if errors.As(err, &conflict) {
		w.Header().Set("Content-Type", contentTypeSize)
		w.WriteHeader(http.StatusConflict)
		fmt.Fprintln(w, strconv.FormatUint(conflict.Size, 10))
		return
	}
	for known, status := range map[error]int{
		translog.ErrRequest:   http.StatusBadRequest,
		translog.ErrOrigin:    http.StatusNotFound,
		translog.ErrUntrusted: http.StatusForbidden,
		translog.ErrUnproven:  http.StatusUnprocessableEntity,
	} {
		if errors.Is(err, known) {
			http.Error(w, known.Error(), status)
			return
		}
	}
	if failed != nil {
		failed(err)
	}
	http.Error(w, "the witness cannot keep its state", http.StatusInternalServerError)
}
