package recordings

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

var (
	// ErrPolicy: a policy is not signed by whom it has to be, or does not follow
	// from the one before.
	ErrPolicy = errors.New("the recipient policy is not to be trusted")
	// ErrForeign: a key bag lets somebody read whom the policy does not name.
	ErrForeign = errors.New("foreign recipient")
)

const (
	policyVersion = 1
	policyDomain  = "consento-policy/v1\x00"
	maxPolicy     = 256 << 10
	maxTeams      = 200
	maxDual       = 12 // recipients of a team under dual control: 66 pairs
	maxTeamName   = 100
)

// Policy says who may read recordings. The auditors' root key signs it, so that
// nobody who runs the broker can add himself.
type Policy struct {
	Number   int               // 1, 2, ...
	Prev     [32]byte          // hash of the policy before; zero in the first
	Made     time.Time         // milliseconds
	Root     ed25519.PublicKey // signs this policy and the next
	Teams    []PolicyTeam
	Escrow   []Recipient // three, any two of whom open everything together; or none
	Customer bool        // the customer's own copy is allowed
}

// PolicyTeam is whom recordings of some sessions are made for.
type PolicyTeam struct {
	Name      string // the technician's team; "" every team
	Territory string // its territory; "" every territory
	Dual      bool   // any two of Recipients together; else each alone
	// Recipients are keys of auditors' teams (and, under dual control, perhaps the
	// data-protection officer's).
	Recipients []Recipient
}

type policyJSON struct {
	Version  int        `json:"v"`
	Number   int        `json:"number"`
	Prev     string     `json:"prev"`
	Made     int64      `json:"made"`
	Root     string     `json:"root"`
	Teams    []teamJSON `json:"teams"`
	Escrow   []string   `json:"escrow"`
	Customer bool       `json:"customer"`
}

type teamJSON struct {
	Name       string   `json:"name"`
	Territory  string   `json:"territory"`
	Dual       bool     `json:"dual"`
	Recipients []string `json:"recipients"`
}

// Text is the canonical JSON, without a line feed: what is signed and hashed.
//
// Errors: [ErrMalformed] when it breaks a rule of FORMAT.md.
func (p Policy) Text() ([]byte, error) {
	j := policyJSON{Version: policyVersion, Number: p.Number, Made: p.Made.UnixMilli(), Root: hex.EncodeToString(p.Root),
		Teams: []teamJSON{}, Escrow: texts(p.Escrow), Customer: p.Customer}
	if p.Prev != ([32]byte{}) {
		j.Prev = hex.EncodeToString(p.Prev[:])
	}
	for _, t := range p.Teams {
		j.Teams = append(j.Teams, teamJSON{t.Name, t.Territory, t.Dual, texts(t.Recipients)})
	}
	b, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	_, err = ParsePolicyText(b)
	return b, err
}

func texts(to []Recipient) []string {
	s := make([]string, len(to))
	for i, r := range to {
		s[i] = r.String()
	}
	return s
}

// ParsePolicyText reads [Policy.Text]: a policy that nobody signed yet.
//
// Errors: [ErrMalformed].
func ParsePolicyText(b []byte) (Policy, error) {
	bad := func(what string) (Policy, error) {
		return Policy{}, fmt.Errorf("%w: recipient policy: %s", ErrMalformed, what)
	}
	if len(b) > maxPolicy {
		return bad("too long")
	}
	var j policyJSON
	if err := strictJSON(b, &j); err != nil {
		return bad(err.Error())
	}
	if j.Version != policyVersion {
		return bad(fmt.Sprintf("version %d is unknown", j.Version))
	}
	if j.Number < 1 || j.Number > 1<<30 || (j.Number == 1) != (j.Prev == "") {
		return bad("every policy but number 1 names the one before")
	}
	root, err := hash32(j.Root) // as long as a hash
	if err != nil {
		return bad("root key")
	}
	p := Policy{Number: j.Number, Made: time.UnixMilli(j.Made).UTC(), Root: root[:], Customer: j.Customer}
	if j.Prev != "" {
		if p.Prev, err = hash32(j.Prev); err != nil {
			return bad("hash of the policy before")
		}
	}
	if len(j.Teams) == 0 || len(j.Teams) > maxTeams {
		return bad("number of teams")
	}
	for i, t := range j.Teams {
		if !plainName(t.Name) || !plainName(t.Territory) {
			return bad("name of a team or territory")
		}
		if slices.ContainsFunc(j.Teams[:i], func(o teamJSON) bool { return o.Name == t.Name && o.Territory == t.Territory }) {
			return bad("a team stands in it twice")
		}
		to, err := parseRecipients(t.Recipients)
		switch {
		case err != nil:
			return bad(err.Error())
		case t.Dual && (len(to) < 2 || len(to) > maxDual):
			return bad(fmt.Sprintf("dual control takes 2 to %d recipients", maxDual))
		case len(to) == 0 || len(to) > maxStanzas-3:
			return bad("number of recipients")
		}
		p.Teams = append(p.Teams, PolicyTeam{t.Name, t.Territory, t.Dual, to})
	}
	if p.Escrow, err = parseRecipients(j.Escrow); err != nil {
		return bad(err.Error())
	}
	if j.Escrow == nil || len(p.Escrow) != 0 && len(p.Escrow) != 3 {
		return bad("the escrow has three keys or none")
	}
	for _, e := range p.Escrow {
		for _, t := range p.Teams {
			if slices.ContainsFunc(t.Recipients, e.same) {
				return bad("a key of the escrow is an auditor's key as well")
			}
		}
	}
	return p, nil
}

func parseRecipients(list []string) ([]Recipient, error) {
	var to []Recipient
	for _, s := range list {
		r, err := ParseRecipient(s)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(to, r.same) {
			return nil, fmt.Errorf("%w: a recipient stands in it twice", ErrMalformed)
		}
		to = append(to, r)
	}
	return to, nil
}

// plainName accepts names that every JSON library writes in the same way.
func plainName(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxTeamName && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool {
			return strings.ContainsRune("\"\\<>&\u2028\u2029\ufffd", r) || unicode.IsControl(r)
		})
}

// SignedPolicy is a policy with its signatures, as it stands in a file.
type SignedPolicy struct {
	Policy
	text []byte
	sig  []byte // by Root
	old  []byte // by the root before, where Root is a new one; else nil
}

func policyMessage(text []byte) []byte { return append([]byte(policyDomain), text...) }

// Sign signs with the root key; old is the root key before when this policy
// brings a new one, else nil.
func (p Policy) Sign(root, old ed25519.PrivateKey) (SignedPolicy, error) {
	text, err := p.Text()
	if err != nil {
		return SignedPolicy{}, err
	}
	if len(root) != ed25519.PrivateKeySize || !p.Root.Equal(root.Public()) {
		return SignedPolicy{}, fmt.Errorf("%w: the policy names another root key than the one to sign with", ErrPolicy)
	}
	s := SignedPolicy{Policy: p, text: text, sig: ed25519.Sign(root, policyMessage(text))}
	if old != nil {
		s.old = ed25519.Sign(old, policyMessage(text))
	}
	return s, nil
}

// Bytes is the file: the text, the signature of the root key and, where the root
// key is new, that of the one before; one a line, signatures in hexadecimal.
func (s SignedPolicy) Bytes() []byte {
	b := fmt.Appendf(slices.Clone(s.text), "\n%x\n", s.sig)
	if s.old != nil {
		b = fmt.Appendf(b, "%x\n", s.old)
	}
	return b
}

// Hash is SHA-256 over the text; OPEN and the log name the policy by it.
func (s SignedPolicy) Hash() [32]byte { return sha256.Sum256(s.text) }

// ParsePolicy reads a signed policy and checks the signature of the root key that
// it names. Whether that is the office's root only a [PolicyChain] tells.
//
// Errors: [ErrMalformed], [ErrPolicy].
func ParsePolicy(b []byte) (SignedPolicy, error) {
	if len(b) > maxPolicy+1000 {
		return SignedPolicy{}, fmt.Errorf("%w: recipient policy: too long", ErrMalformed)
	}
	lines := bytes.Split(b, []byte("\n"))
	if n := len(lines); (n != 3 && n != 4) || len(lines[n-1]) != 0 {
		return SignedPolicy{}, fmt.Errorf("%w: recipient policy: a line of text, then one or two signatures", ErrMalformed)
	}
	s := SignedPolicy{text: slices.Clone(lines[0])}
	var err error
	if s.Policy, err = ParsePolicyText(s.text); err != nil {
		return SignedPolicy{}, err
	}
	if s.sig, err = signature(lines[1]); err != nil {
		return SignedPolicy{}, err
	}
	if len(lines) == 4 {
		if s.old, err = signature(lines[2]); err != nil {
			return SignedPolicy{}, err
		}
	}
	if !ed25519.Verify(s.Root, policyMessage(s.text), s.sig) {
		return SignedPolicy{}, fmt.Errorf("%w: policy %d is not signed by its root key", ErrPolicy, s.Number)
	}
	return s, nil
}

func signature(line []byte) ([]byte, error) {
	sig, err := hex.DecodeString(string(line))
	if err != nil || len(sig) != ed25519.SignatureSize || hex.EncodeToString(sig) != string(line) {
		return nil, fmt.Errorf("%w: recipient policy: a signature is 128 lower-case hexadecimal digits", ErrMalformed)
	}
	return sig, nil
}

// Stanzas is whom a session of a technician of this team and territory is
// recorded for, without the customer. Without any auditor there is nobody: the
// escrow alone does not do.
//
// Errors: [ErrNotForYou] when the policy names no auditor for them.
func (p Policy) Stanzas(team, territory string) ([]Stanza, error) {
	var all []Stanza
	for _, t := range p.Teams {
		if (t.Name != "" && t.Name != team) || (t.Territory != "" && t.Territory != territory) {
			continue
		}
		for _, s := range t.stanzas() {
			if !slices.ContainsFunc(all, func(o Stanza) bool { return slices.EqualFunc(o.To, s.To, Recipient.same) }) {
				all = append(all, s)
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: the recipient policy names no auditor for team %q in territory %q", ErrNotForYou, team, territory)
	}
	all = append(all, Pairs(ClassEscrow, p.Escrow...)...)
	return all, checkStanzas(all)
}

func (t PolicyTeam) stanzas() []Stanza {
	if t.Dual {
		return Pairs(ClassAuditor, t.Recipients...)
	}
	return Alone(ClassAuditor, t.Recipients...)
}
