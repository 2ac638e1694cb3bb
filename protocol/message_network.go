package protocol

import "errors"

// NetworkLimit says what makes the picture smaller than it could be.
type NetworkLimit string

// The limits. An unknown one is refused.
const (
	LimitNone     NetworkLimit = "none"
	LimitCustomer NetworkLimit = "customer" // the way from the customer's computer to the broker
	LimitViewers  NetworkLimit = "viewers"  // the way to everybody who watches
	LimitComputer NetworkLimit = "computer" // the customer's computer, which is too slow
	LimitUnknown  NetworkLimit = "unknown"  // the customer's browser does not say
)

// NetworkLimits lists the limits.
func NetworkLimits() []NetworkLimit {
	return []NetworkLimit{LimitNone, LimitCustomer, LimitViewers, LimitComputer, LimitUnknown}
}

// Reduces reports whether the picture is smaller than it could be.
func (l NetworkLimit) Reduces() bool { return l != LimitNone && l != LimitUnknown }

// Network says how the customer's network and computer bear the picture. The agent sends it
// when it changes, at most once a second: one that comes sooner is passed over. It is no evidence: it is a measurement,
// for the technician who wonders why the picture is poor.
type Network struct {
	Limit     NetworkLimit `json:"limit"`
	Rate      int          `json:"rate"`       // kbit/s that the picture may take, 0 without a limit
	Loss      int          `json:"loss"`       // per cent of the packets to the broker
	RoundTrip int          `json:"round_trip"` // ms to the broker and back, 0 if not known
	Parts     bool         `json:"parts"`      // the picture comes in parts, coarse first
	Encode    int          `json:"encode"`     // ms that a picture takes to be made, 0 if not known
	CPU       int          `json:"cpu"`        // per cent of one core that making them takes
	Quantizer int          `json:"quantizer"`  // how coarse they are, 0 (finest) to 63
}

func (*Network) MessageType() string { return "network" }

// Validate implements Message.
func (m *Network) Validate() error {
	known := false
	for _, l := range NetworkLimits() {
		known = known || m.Limit == l
	}
	return errors.Join(check(known, "limit"), check(m.Rate >= 0 && m.Rate <= 1_000_000, "rate"), check(m.Loss >= 0 && m.Loss <= 100, "loss"),
		check(m.RoundTrip >= 0 && m.RoundTrip <= 60_000, "round_trip"), check(m.Encode >= 0 && m.Encode <= 60_000, "encode"),
		check(m.CPU >= 0 && m.CPU <= 6_400, "cpu"), check(m.Quantizer >= 0 && m.Quantizer <= 63, "quantizer"))
}
