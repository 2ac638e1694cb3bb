package protocol

import (
	"errors"
	"slices"
)

// MaxOfferWords bounds what is said with an offer, in characters.
const MaxOfferWords = 200

// OfferCause says why an offer of a session is over. It stands on the evidence.
type OfferCause string

// The causes.
const (
	OfferTaken     OfferCause = "taken"     // the session is another's now
	OfferWithdrawn OfferCause = "withdrawn" // by who offered it
	OfferDeclined  OfferCause = "declined"  // by whom it was offered to
	OfferRefused   OfferCause = "refused"   // the customer does not want the new person
	OfferExpired   OfferCause = "expired"   // nobody took it in time
)

// OfferCauses lists the causes.
func OfferCauses() []OfferCause {
	return []OfferCause{OfferTaken, OfferWithdrawn, OfferDeclined, OfferRefused, OfferExpired}
}

// Offering is a live session on offer to a colleague or to a team: the first who takes it
// has it, once the customer has said yes.
type Offering struct {
	Name  string `json:"name,omitempty"` // of the colleague, "" for a team
	Team  string `json:"team"`
	By    string `json:"by"` // who offers it
	Words string `json:"words,omitempty"`
	Mine  bool   `json:"mine,omitempty"` // who reads this may take it
}

// LiveOffer offers a live session to a colleague or to a team. It is answered with the
// session's change.
type LiveOffer struct {
	Session string `json:"session"`
	Account string `json:"account,omitempty"` // id of the colleague's account, or
	Team    string `json:"team,omitempty"`    // name of the team
	Words   string `json:"words,omitempty"`
}

func (*LiveOffer) MessageType() string { return "live_offer" }

// Validate implements Message.
func (m *LiveOffer) Validate() error {
	return errors.Join(check(m.Session != "" && len(m.Session) <= 64, "session"), check((m.Account == "") != (m.Team == ""), "account or team"),
		check(len(m.Account) <= 64, "account"), check(lineOK(m.Team, MaxName), "team"), check(lineOK(m.Words, MaxOfferWords), "words"))
}

// LiveOfferEnd withdraws an offer, or declines one that is for oneself. It is answered
// with the session's change.
type LiveOfferEnd struct {
	Session string `json:"session"`
}

func (*LiveOfferEnd) MessageType() string { return "live_offer_end" }

// Validate implements Message.
func (m *LiveOfferEnd) Validate() error {
	return check(m.Session != "" && len(m.Session) <= 64, "session")
}

// HandedOver tells the agent that the session is another technician's now, whom the
// customer has said yes to. All that was allowed beside the view is over.
type HandedOver struct {
	Epoch      uint32 `json:"epoch"` // of the yes
	Technician Person `json:"technician"`
	// Former is who had it, and stays as a guest.
	Former Guest `json:"former"`
}

func (*HandedOver) MessageType() string { return "handed_over" }

// Validate implements Message.
func (m *HandedOver) Validate() error {
	return errors.Join(check(m.Epoch > 0, "epoch"), m.Technician.validate(), m.Former.validate(), check(m.Former.Way == WayFormer && m.Former.State == ConsentGiven, "former"))
}

// Colleagues asks to whom a session can be offered. It is answered with ColleagueList.
type Colleagues struct{}

func (*Colleagues) MessageType() string { return "colleagues" }

// Validate implements Message.
func (*Colleagues) Validate() error { return nil }

// Colleague is somebody who works at a console.
type Colleague struct {
	ID    string `json:"id"` // of the account
	Name  string `json:"name"`
	Team  string `json:"team"`
	Level string `json:"level"`
	Here  bool   `json:"here,omitempty"` // a console of theirs is open
}

// ColleagueList answers Colleagues.
type ColleagueList struct {
	People []Colleague `json:"people"`
	Teams  []string    `json:"teams"`
}

func (*ColleagueList) MessageType() string { return "colleague_list" }

// Validate implements Message.
func (m *ColleagueList) Validate() error {
	return check(!slices.ContainsFunc(m.People, func(c Colleague) bool { return c.ID == "" || !lineOK(c.Name, MaxName) || !lineOK(c.Team, MaxName) }), "people")
}

func handedOK(m *HandedOver) error {
	if m == nil {
		return nil
	}
	return m.Validate()
}
