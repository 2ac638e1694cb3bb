package mirror

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"net/http"
	"strings"
	"sync"

	"consento/recordings/translog"
)

// Await is a mirror that does not know yet which log it watches: it takes the name
// of the first checkpoint that the log's key signed, and asks begin for the server.
// The key is what a log is known by, so nobody else can name it. failed is told why
// begin could not.
func Await(token string, logKeys []ed25519.PublicKey, begin func(origin string) (http.Handler, error), failed func(error)) http.Handler {
	return &awaiting{token: sha256.Sum256([]byte(token)), logKeys: logKeys, begin: begin, failed: failed}
}

type awaiting struct {
	token   [sha256.Size]byte
	logKeys []ed25519.PublicKey
	begin   func(string) (http.Handler, error)
	failed  func(error)

	mu     sync.Mutex
	server http.Handler // nil: not begun
}

func (a *awaiting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if server := a.find(w, r); server != nil {
		server.ServeHTTP(w, r)
	}
}

// find answers where there is no server yet.
func (a *awaiting) find(w http.ResponseWriter, r *http.Request) http.Handler {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.server != nil {
		return a.server
	}
	shown, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if sum := sha256.Sum256([]byte(shown)); subtle.ConstantTimeCompare(sum[:], a.token[:]) != 1 {
		http.Error(w, "not the token of this mirror", http.StatusUnauthorized)
		return nil
	}
	if r.URL.Path != "/add-checkpoint" || r.Method != http.MethodPost {
		http.Error(w, "no checkpoint came yet", http.StatusServiceUnavailable)
		return nil
	}
	b, ok := body(w, r, translog.MaxRequest)
	if !ok {
		return nil
	}
	req, err := translog.ParseRequest(b)
	if err != nil {
		http.Error(w, translog.ErrRequest.Error(), http.StatusBadRequest)
		return nil
	}
	if signed, _, err := (translog.Keys{Log: a.logKeys}).Check(req.Checkpoint); err != nil || !signed {
		http.Error(w, translog.ErrUntrusted.Error(), http.StatusForbidden)
		return nil
	}
	server, err := a.begin(req.Checkpoint.Origin)
	if err != nil {
		a.failed(err)
		http.Error(w, "the mirror failed", http.StatusInternalServerError)
		return nil
	}
	a.server = server
	r.Body = io.NopCloser(bytes.NewReader(b)) // for the server to read again
	return server
}
