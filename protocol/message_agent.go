package protocol

import (
	"errors"
	"slices"
	"time"
)

// MaxSDP bounds a session description (RFC 8866), in bytes.
const MaxSDP = 32 << 10

// Join is the agent's second message: exactly one of Ticket, Key and Return.
type Join struct {
	Ticket string  `json:"ticket,omitempty"`
	Key    string  `json:"key,omitempty"`    // as the customer typed it
	Return *Return `json:"return,omitempty"` // after a restart of the computer
	// Languages are the BCP 47 tags of what the agent can show, the one of its
	// desktop first. Joined.Terms are in the one that the customer chose on the
	// portal if it is among them, and the agent then speaks it too. None:
	// Hello.Language.
	Languages []string `json:"languages,omitempty"`
	// Tools are the permissions beside the view that the agent can carry out once
	// they are given. None: it only shows the screen.
	Tools []Permission `json:"tools,omitempty"`
	// Guests says that it can ask the customer about more people: see GuestAsk.
	Guests bool `json:"guests,omitempty"`
}

// maxLanguages bounds Join.Languages.
const maxLanguages = 32

func (*Join) MessageType() string { return "join" }

// Validate implements Message.
func (m *Join) Validate() error {
	ways, err := 0, error(nil)
	for _, there := range []bool{m.Ticket != "", m.Key != "", m.Return != nil} {
		if there {
			ways++
		}
	}
	if m.Return != nil {
		err = m.Return.validate()
	}
	return errors.Join(err, check(ways == 1, "ticket, key or return"),
		check(len(m.Ticket) <= maxKeyInput && len(m.Key) <= maxKeyInput, "length"),
		check(len(m.Languages) <= maxLanguages && !slices.ContainsFunc(m.Languages, func(tag string) bool { return !tagOK(tag) }), "languages"),
		check(len(m.Tools) <= len(Permissions()) && !slices.ContainsFunc(m.Tools, func(p Permission) bool { return p != MayKeep && toolOK(p) != nil }), "tools"))
}

// Joined answers Join: whose session it is and what the customer has to read.
type Joined struct {
	Session     string `json:"session"`
	Technician  Person `json:"technician"`
	ConfirmName bool   `json:"confirm_name"` // the key was not typed on the portal, so the name was not confirmed there
	Terms       Terms  `json:"terms"`
	Resume      string `json:"resume"`           // secret with which this agent comes back after a lost connection
	Reason      string `json:"reason,omitempty"` // why the technician says the session is needed, "" if nothing was said
	// Log is the address of the customer's copy of the session's log, with a
	// token in it that opens it once, after the end; "" if there is none.
	Log string `json:"log,omitempty"`
	// Proof shows that the recording is on the office's global log (FORMAT.md,
	// Proof). An agent asks for no consent without a good one.
	Proof string `json:"proof"`
	Chat  bool   `json:"chat,omitempty"` // the technician's profile has chat: see Chat
}

// MaxProof bounds the proof of a recording in a message, in bytes.
const MaxProof = 32 << 10

func (*Joined) MessageType() string { return "joined" }

// Validate implements Message.
func (m *Joined) Validate() error {
	return errors.Join(check(m.Session != "" && len(m.Session) <= 64, "session"), m.Technician.validate(), m.Terms.validate(),
		check(len(m.Resume) <= maxSecret, "resume"), check(lineOK(m.Reason, MaxReason), "reason"), check(len(m.Log) <= MaxText, "log"), check(len(m.Proof) <= MaxProof, "proof"))
}

// ReturnLimit is how long a session waits for an agent whose connection was
// lost, unless the broker's configuration says otherwise, and how long an agent
// tries to come back.
const ReturnLimit = 10 * time.Minute

// maxSecret bounds a secret in a message, in bytes.
const maxSecret = 100

// Resume is the agent's second message, in place of Join, when it comes back
// to its session after a lost connection, from whatever address.
type Resume struct {
	Session string `json:"session"`
	Secret  string `json:"secret"` // Joined.Resume
}

func (*Resume) MessageType() string { return "resume" }

// Validate implements Message.
func (m *Resume) Validate() error {
	return errors.Join(check(m.Session != "" && len(m.Session) <= 64, "session"), check(m.Secret != "" && len(m.Secret) <= maxSecret, "secret"))
}

// Resumed answers Resume with what the broker knows. The agent says again what
// is missing: an answer may have been lost on the way. A question that is still
// open follows as ConsentAsk, the end of the session as Ended.
type Resumed struct {
	Named    bool      `json:"named"`    // the technician's name was confirmed
	Accepted bool      `json:"accepted"` // the terms were
	Consents []Consent `json:"consents"`
	Picture  bool      `json:"picture"`          // the picture's connection is still there
	Proof    string    `json:"proof"`            // Joined.Proof, of the recording as it goes on now
	Guests   []Guest   `json:"guests,omitempty"` // who is there, or asked about
	// Handed is whose the session has become last, nil if it is who began it.
	Handed *HandedOver `json:"handed,omitempty"`
}

func (*Resumed) MessageType() string { return "resumed" }

// Validate implements Message.
func (m *Resumed) Validate() error {
	for _, c := range m.Consents {
		if _, err := ParsePermission(string(c.Permission)); err != nil {
			return err
		}
	}
	for _, g := range m.Guests {
		if err := g.validate(); err != nil {
			return err
		}
	}
	return errors.Join(check(len(m.Consents) <= 2*len(Permissions()), "consents"), check(len(m.Guests) <= maxGuests, "guests"), handedOK(m.Handed), check(len(m.Proof) <= MaxProof, "proof"))
}

// Terms is one version of the terms of use in one language.
type Terms struct {
	Version  string `json:"version"`
	Language string `json:"language"`
	Text     string `json:"text"` // plain paragraphs, separated by empty lines
	URL      string `json:"url"`  // the same in full, with the privacy notice
}

func (t Terms) validate() error {
	return errors.Join(check(t.Version != "" && len(t.Version) <= 40, "terms version"), check(tagOK(t.Language), "terms language"),
		check(t.Text != "" && len(t.Text) <= 32<<10, "terms text"), check(len(t.URL) <= MaxText, "terms url"))
}

// NameAnswer is the customer's answer to "is this the person helping you?".
type NameAnswer struct {
	Confirmed bool `json:"confirmed"`
}

func (*NameAnswer) MessageType() string { return "name_answer" }

// Validate implements Message.
func (*NameAnswer) Validate() error { return nil }

// TermsAnswer is the customer's answer to the terms of use.
type TermsAnswer struct {
	Version  string `json:"version"`
	Accepted bool   `json:"accepted"`
}

func (*TermsAnswer) MessageType() string { return "terms_answer" }

// Validate implements Message.
func (m *TermsAnswer) Validate() error {
	return check(m.Version != "" && len(m.Version) <= 40, "terms version")
}

// ConsentAsk tells the agent to ask the customer for one permission.
type ConsentAsk struct {
	Permission Permission `json:"permission"`
	Epoch      uint32     `json:"epoch"`
	Technician Person     `json:"technician"`
	// Files is how much may be transferred, with send_files and fetch_files.
	Files *FileLimits `json:"files,omitempty"`
	// Device is which device is meant, with ssh, and Hosts which ones the profile
	// allows: the agent resolves names, and checks.
	Device *Device   `json:"device,omitempty"`
	Hosts  HostRules `json:"hosts,omitempty"`
}

func (*ConsentAsk) MessageType() string { return "consent_ask" }

// Validate implements Message.
func (m *ConsentAsk) Validate() error {
	_, err := ParsePermission(string(m.Permission))
	ofFiles := m.Permission == SendFiles || m.Permission == FetchFiles
	if m.Files != nil {
		err = errors.Join(err, m.Files.validate())
	}
	return errors.Join(err, m.Technician.validate(), check(m.Permission.Asked(), "permission"), check(ofFiles == (m.Files != nil), "files"),
		deviceOK(m.Permission, m.Device), m.Hosts.Validate())
}

// ConsentAnswer is the customer's answer, or its withdrawal at any later moment.
type ConsentAnswer struct {
	Permission Permission   `json:"permission"`
	State      ConsentState `json:"state"` // given, refused or withdrawn
	Epoch      uint32       `json:"epoch"`
	Cause      ConsentCause `json:"cause,omitempty"` // of a no; "" of a yes
}

func (*ConsentAnswer) MessageType() string { return "consent_answer" }

// Validate implements Message.
func (m *ConsentAnswer) Validate() error {
	_, err := ParsePermission(string(m.Permission))
	return errors.Join(err, check(m.State == ConsentGiven || m.State == ConsentRefused || m.State == ConsentWithdrawn, "state"),
		check(m.Cause.byAgent() && (m.Cause == "" || m.State != ConsentGiven), "cause"))
}

// ConsentRecorded tells the agent that a consent that was given is on disk as
// evidence: only now may the effect begin.
type ConsentRecorded struct {
	Permission Permission `json:"permission"`
	Epoch      uint32     `json:"epoch"`
}

func (*ConsentRecorded) MessageType() string { return "consent_recorded" }

// Validate implements Message.
func (m *ConsentRecorded) Validate() error {
	_, err := ParsePermission(string(m.Permission))
	return err
}

// Offer is an SDP offer (RFC 8829). From the agent: it sends the picture. From
// a console: it receives the picture of Session.
type Offer struct {
	Session string `json:"session,omitempty"` // from a console only
	SDP     string `json:"sdp"`
}

func (*Offer) MessageType() string { return "offer" }

// Validate implements Message.
func (m *Offer) Validate() error {
	return errors.Join(check(len(m.Session) <= 64, "session"), check(m.SDP != "" && len(m.SDP) <= MaxSDP, "sdp"))
}

// Answer is the SDP answer to an Offer.
type Answer struct {
	Session string `json:"session,omitempty"`
	SDP     string `json:"sdp"`
}

func (*Answer) MessageType() string { return "answer" }

// Validate implements Message.
func (m *Answer) Validate() error {
	return errors.Join(check(len(m.Session) <= 64, "session"), check(m.SDP != "" && len(m.SDP) <= MaxSDP, "sdp"))
}

// Ended says that the session is over. From either side; it is the last but
// one message of an agent, before Removed.
type Ended struct {
	Reason EndReason `json:"reason"`
}

func (*Ended) MessageType() string { return "ended" }

// Validate implements Message.
func (m *Ended) Validate() error { return check(m.Reason.Valid(), "reason") }

// Removed is the agent's last message: program and data are removed from the
// customer's computer.
type Removed struct {
	Complete bool     `json:"complete"`
	Left     []string `json:"left,omitempty"` // what could not be removed, without personal data
}

func (*Removed) MessageType() string { return "removed" }

// Validate implements Message.
func (m *Removed) Validate() error {
	for _, l := range m.Left {
		if !lineOK(l, maxFileName) {
			return check(false, "left")
		}
	}
	return check(len(m.Left) <= 20, "left")
}
