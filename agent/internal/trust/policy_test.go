package trust

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"consento/protocol"
	"consento/recordings/translog"
)

// TestReaders: where the office names the auditors' key, only a recording by a
// policy of theirs will do.
func TestReaders(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	must(0, err)(t)
	_, stranger, err := ed25519.GenerateKey(nil)
	must(0, err)(t)
	sign := func(text string, keys ...ed25519.PrivateKey) string {
		file := text + "\n"
		for _, k := range keys {
			file += fmt.Sprintf("%x\n", ed25519.Sign(k, []byte("consento-policy/v1\x00"+text)))
		}
		return file
	}
	served := map[string]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, ok := served[strings.TrimPrefix(r.URL.Path, protocol.PolicyPath)]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(file))
	}))
	defer server.Close()
	_, logKey, err := ed25519.GenerateKey(nil)
	must(0, err)(t)
	broker := &Broker{Client: server.Client(), auditors: public, address: must(url.Parse(server.URL))(t), logs: []ed25519.PublicKey{logKey.Public().(ed25519.PublicKey)}}
	session := translog.ID{7}
	check := func(text, file string) error {
		opened := translog.Opened{SID: session, Key: translog.Hash{1}, Commit: translog.Hash{2}, Bag: translog.Hash{3}, N: 1, Root: translog.Hash{4}, Retention: "standard"}
		if text != "" {
			opened.Policy = sha256.Sum256([]byte(text))
		}
		if file != "" {
			served[hex.EncodeToString(opened.Policy[:])] = file
		}
		log := must(translog.Create(filepath.Join(t.TempDir(), "log"), translog.Config{Origin: "test.example/evidence", Key: logKey}))(t)
		defer log.Close()
		index := must(log.Add(t.Context(), opened))(t)
		proof := must(log.Proof(t.Context(), session, log.Checkpoint(), index))(t)
		return broker.Recorded(t.Context(), session.String(), string(must(proof.Marshal())(t)))
	}
	must(0, check("by the root", sign("by the root", key)))(t)
	must(0, check("a new root", sign("a new root", stranger, key)))(t) // the manifest still names the one before
	for name, c := range map[string][2]string{
		"no policy":        {"", ""},
		"not to be had":    {"nowhere", ""},
		"a stranger's":     {"stranger", sign("stranger", stranger)},
		"another text":     {"this", sign("that", key)},
		"no signature":     {"none", sign("none")},
		"three signatures": {"three", sign("three", stranger, stranger, key)},
		"endless":          {"long", sign("long", key) + strings.Repeat("x", translog.MaxPolicy)},
	} {
		if err := check(c[0], c[1]); !errors.Is(err, ErrUnrecorded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broker.auditors = nil
	must(0, check("", ""))(t) // an office without a policy
}
