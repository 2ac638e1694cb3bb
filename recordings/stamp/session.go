package stamp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"consento/recordings/translog"
)

// Session is a timestamp with what it shows of one session: a proof under the very
// checkpoint that was stamped (FORMAT.md, "Timestamp of a session").
type Session struct {
	Proof translog.Proof
	Token []byte
}

// ErrSession: a text is not the timestamp of a session.
var ErrSession = errors.New("not the timestamp of a session")

// maxSession bounds the file: a proof is the most of it.
const maxSession = 16 << 20

type sessionJSON struct {
	V     int    `json:"v"`
	Proof string `json:"proof"`
	Token []byte `json:"token"`
}

// Message is what the token must be over.
func (s Session) Message() []byte {
	c := s.Proof.Checkpoint
	return translog.Timestamp{N: c.Size, Root: translog.Hash(c.Root)}.Message(c.Origin)
}

// Marshal writes the file.
func (s Session) Marshal() ([]byte, error) {
	proof, err := s.Proof.Marshal()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err = e.Encode(sessionJSON{1, string(bytes.TrimSuffix(proof, []byte("\n"))), s.Token})
	return b.Bytes(), err
}

// ParseSession reads the file; it checks the form alone. One line feed may be missing
// at the end.
func ParseSession(b []byte) (Session, error) {
	s, err := parseSession(b)
	if err != nil {
		return Session{}, fmt.Errorf("%w: %w", ErrSession, err)
	}
	return s, nil
}

func parseSession(b []byte) (Session, error) {
	if len(b) > maxSession {
		return Session{}, fmt.Errorf("longer than %d bytes", maxSession)
	}
	var j sessionJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return Session{}, err
	}
	if j.V != 1 || len(j.Token) == 0 || len(j.Token) > MaxToken {
		return Session{}, fmt.Errorf("version %d, a token of %d bytes", j.V, len(j.Token))
	}
	proof, err := translog.ParseProof([]byte(j.Proof))
	if err != nil {
		return Session{}, err
	}
	s := Session{proof, j.Token}
	again, err := s.Marshal()
	if err != nil {
		return Session{}, err
	}
	if !bytes.Equal(bytes.TrimSuffix(again, []byte("\n")), bytes.TrimSuffix(b, []byte("\n"))) {
		return Session{}, errors.New("another spelling than the one allowed")
	}
	return s, nil
}
