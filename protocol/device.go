package protocol

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Device is one device of the customer's network that is reached by SSH from the
// customer's computer, and as whom.
type Device struct {
	Host string `json:"host"`          // a name of ASCII letters, digits, "-", "_" and ".", at most 253 bytes, or an IP address without zone
	Port int    `json:"port"`          // 1 to 65535
	User string `json:"user"`          // one line, 1 to 64 characters
	Old  bool   `json:"old,omitempty"` // also algorithms that are known to be weak, for devices that have no others
}

// Address is host and port as one text.
func (d Device) Address() string { return net.JoinHostPort(d.Host, strconv.Itoa(d.Port)) }

// Validate returns ErrMalformed for a device that breaks its limits.
func (d Device) Validate() error {
	return errors.Join(check(deviceHostOK(d.Host), "host"), check(d.Port >= 1 && d.Port <= 65535, "port"), check(d.User != "" && lineOK(d.User, 64), "user"))
}

// deviceOK: with ssh there is one, and with nothing else.
func deviceOK(p Permission, d *Device) error {
	if d == nil || p != SSH {
		return check(d == nil && p != SSH, "device")
	}
	return d.Validate()
}

// deviceHostOK refuses what another reader could take for an address that it is not
// ("127.1", "0x7f000001"): a name's last part does not begin with a digit.
func deviceHostOK(s string) bool {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Zone() == ""
	}
	return nameOK(s)
}

func nameOK(s string) bool {
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' {
			return false
		}
		for _, c := range l {
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return len(s) <= 253 && (last[0] < '0' || last[0] > '9')
}

// HostRules say which devices may be reached: networks ("10.2.0.0/16"), addresses,
// names, and "*." before a name for all below it. None: private addresses (RFC 1918,
// RFC 4193). The computer itself is reached only if a rule holds 127.0.0.0/8 or ::1 in
// part.
type HostRules []string

// maxHostRules bounds a profile's rules.
const maxHostRules = 100

var privateNetworks = HostRules{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}

// Validate returns ErrMalformed for what is neither a network nor a name.
func (r HostRules) Validate() error {
	for _, rule := range r {
		if _, isNet := network(rule); !isNet && !nameOK(strings.TrimPrefix(rule, "*.")) {
			return fmt.Errorf("%w: rule %q for devices", ErrMalformed, rule)
		}
	}
	return check(len(r) <= maxHostRules, "rules for devices")
}

func network(rule string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(rule); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(rule)
	return p.Masked(), err == nil
}

// MayName reports whether a device with this host can be allowed at all: for an
// address it is the answer, for a name its address is still to be looked at.
func (r HostRules) MayName(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return r.MayReach(host, a)
	}
	if len(r) == 0 {
		return true
	}
	for _, rule := range r {
		if _, isNet := network(rule); isNet || named(rule, host) {
			return true
		}
	}
	return false
}

// MayReach reports whether address a, which host was resolved to, may be connected to.
// A rule that names the host lets it be anywhere but on the computer itself and on
// addresses that are no single device's.
func (r HostRules) MayReach(host string, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if len(r) == 0 {
		r = privateNetworks
	}
	special := a.IsUnspecified() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
	for _, rule := range r {
		if n, isNet := network(rule); isNet {
			if n.Contains(a) && !special && (!a.IsLoopback() || r.MayReachItself()) {
				return true
			}
			continue
		}
		if named(rule, host) && !special && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			return true
		}
	}
	return false
}

// MayReachItself reports whether the customer's computer itself may be connected to: a
// rule is about loopback addresses, and about nothing else.
func (r HostRules) MayReachItself() bool {
	for _, rule := range r {
		if n, isNet := network(rule); isNet && n.Addr().IsLoopback() && (n.Addr().Is6() && n.Bits() == 128 || n.Addr().Is4() && n.Bits() >= 8) {
			return true
		}
	}
	return false
}

func named(rule, host string) bool {
	rule, host = strings.ToLower(rule), strings.ToLower(host)
	if below, wild := strings.CutPrefix(rule, "*."); wild {
		return strings.HasSuffix(host, "."+below)
	}
	return rule == host
}
