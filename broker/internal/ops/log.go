package ops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// NewLogger returns the service log that c asks for.
func NewLogger(w io.Writer, c LogConfig) (*slog.Logger, error) {
	level, err := logLevel(c.Level)
	if err != nil {
		return nil, fmt.Errorf("%w: log.level: %w", ErrConfig, err)
	}
	options := &slog.HandlerOptions{Level: level}
	switch c.Format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("%w: log.format: %q is not one of text, json", ErrConfig, c.Format)
}

func logLevel(s string) (slog.Level, error) {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, ok := levels[s]
	if !ok {
		return 0, fmt.Errorf("%q is not one of debug, info, warn, error", s)
	}
	return level, nil
}

// StatusCallerGone is what the log says of a request whose caller did not wait for
// the answer. It is in no RFC; proxies use it for the same.
const StatusCallerGone = 499

// CallerGone reports whether nobody waits for the answer to r any more. What failed
// only for that is no error of ours.
func CallerGone(r *http.Request) bool { return errors.Is(r.Context().Err(), context.Canceled) }

// LogRequests logs each request that next answers by the pattern of routes it
// matches ("GET /k/{key}"), never by its address: addresses hold keys, tickets
// and tokens. Neither the caller's address nor any header is logged.
func LogRequests(log *slog.Logger, routes *http.ServeMux, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		_, route := routes.Handler(r)
		rec := &recorder{ResponseWriter: w}
		finished := false
		defer func() {
			status, level := rec.status, slog.LevelInfo
			if status == 0 {
				status = http.StatusOK // nothing written is an empty 200
			}
			if !finished { // a panic goes on to net/http, which ends the connection
				status = http.StatusInternalServerError
			}
			if status >= 500 {
				level = slog.LevelError
			}
			log.LogAttrs(r.Context(), level, "request",
				slog.String("method", method(r.Method)), slog.String("route", route), slog.String("protocol", r.Proto),
				slog.Int("status", status), slog.Int64("bytes", rec.bytes), slog.Duration("duration", time.Since(start)))
		}()
		next.ServeHTTP(rec, r)
		finished = true
	})
}

// method keeps what a caller invents out of the log.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodConnect, http.MethodOptions:
		return m
	}
	return "other"
}

// recorder notes status and size. http.ResponseController finds the rest
// (flushing, hijacking for WebSocket) through Unwrap.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) { // 1xx come before the answer
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
