package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/ops"
)

// ErrNoToken says that a request brings no API token.
var ErrNoToken = errors.New("the request carries no API token")

// errBearer says that a header is not one that RFC 6750 knows.
var errBearer = errors.New("the Authorization header cannot be read")

// bearer returns the token of the Authorization header (RFC 6750, 2.1), "" if there is no
// such header. Tokens in addresses or forms are not looked for: they stand in logs.
func bearer(h http.Header) (string, error) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return "", nil
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return "", errBearer
	}
	if token = strings.Trim(token, " "); len(token) > 200 || token == "" {
		return "", errBearer
	}
	for _, r := range token { // b64token
		if (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("-._~+/=", r) {
			return "", errBearer
		}
	}
	return token, nil
}

// ByToken finds out by its API token who asks, for [Current] and [CurrentToken] on the
// request that it returns. Cookies are never looked at: so no page of another site can
// have a browser do it. Errors: ErrNoToken, ErrEnded for a token that is wrong, removed,
// expired, or of an account that ended, and *Throttled.
func (a *Access) ByToken(r *http.Request) (*http.Request, error) {
	secret, err := bearer(r.Header)
	if err == nil && secret == "" {
		return nil, ErrNoToken
	}
	ctx := r.Context()
	var account Account
	var token Token
	if err == nil {
		account, token, err = a.byToken(ctx, secret)
	}
	switch {
	case errors.Is(err, ErrEnded), errors.Is(err, errBearer):
		// 256 bits are not guessed: this slows down who tries, and a right token from the
		// same address works all the same.
		if err := a.tokenTries.take(network(r)); err != nil {
			return nil, err
		}
		return nil, ErrEnded
	case err != nil:
		return nil, err
	}
	return r.WithContext(context.WithValue(context.WithValue(ctx, accountKey, account), tokenKey, token)), nil
}

// CurrentToken returns the token by which a request came.
func CurrentToken(r *http.Request) (Token, bool) {
	token, ok := r.Context().Value(tokenKey).(Token)
	return token, ok
}

// LoadAny is LoadSession for what answers programs as well as people, and only reads: who
// brings an API token asks with that.
func (a *Access) LoadAny(next http.Handler) http.Handler {
	byCookie := a.LoadSession(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known, err := a.ByToken(r)
		switch {
		case errors.Is(err, ErrNoToken):
			byCookie.ServeHTTP(w, r)
		case err != nil:
			a.refuse(w, r, err)
		default:
			next.ServeHTTP(w, known)
		}
	})
}

// Challenge says in the headers of an answer why a token is not taken (RFC 6750, 3;
// RFC 9110, 10.2.3), and returns the status that goes with it.
func Challenge(h http.Header, err error) int {
	var wait *Throttled
	switch {
	case errors.As(err, &wait):
		h.Set("Retry-After", strconv.Itoa(int(wait.RetryAfter/time.Second)+1))
		return http.StatusTooManyRequests
	case errors.Is(err, ErrNoToken):
		h.Set("WWW-Authenticate", `Bearer realm="consento"`)
		return http.StatusUnauthorized
	case errors.Is(err, ErrEnded):
		h.Set("WWW-Authenticate", `Bearer realm="consento", error="invalid_token"`)
		return http.StatusUnauthorized
	}
	return http.StatusInternalServerError
}

func (a *Access) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := Challenge(w.Header(), err)
	switch {
	case status != http.StatusInternalServerError:
		http.Error(w, http.StatusText(status), status)
	case ops.CallerGone(r):
		w.WriteHeader(ops.StatusCallerGone)
	default:
		a.sessions.ErrorFunc(w, r, fmt.Errorf("token: %w", err))
	}
}
