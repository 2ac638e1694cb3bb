// Package device reaches one device of the customer's network by SSH, for one consent.
//
// It promises: it connects to the one address that it found allowed, and to no other, however
// its name is resolved later; nothing that a person entered is sent before the technician has
// trusted the device's key, and nothing to a device with another one; what is entered comes
// sealed to a key of this consent, is written nowhere and is gone with the connection; after
// three wrong answers there is no other try. There is an interactive shell and nothing else:
// no forwarding of ports, agents or displays, no files. What the device says is hostile: it
// is bounded, and text.
package device

import (
	"context"
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"consento/protocol"
)

const (
	resolveTime = 5 * time.Second
	dialTime    = 10 * time.Second
	// stepTime is how long the device has for what needs no person.
	stepTime = 20 * time.Second
	// personTime is how long a person has to trust a key, or to answer.
	personTime = 5 * time.Minute
	// maxAddresses is how many addresses of one name are tried.
	maxAddresses = 4
)

// Config is what Open needs.
type Config struct {
	Session string // its id
	Epoch   uint32 // of the consent
	Device  protocol.Device
	Hosts   protocol.HostRules // which ones the profile allows
	Log     *slog.Logger
}

// Consent is one yes to one device while it lasts. Its connections come one after the other.
type Consent struct {
	config Config
	key    hpke.PrivateKey
	seal   string // its public half, base64

	mu   sync.Mutex
	left int // wrong answers that may still come
}

// Open makes ready for connections under one consent.
func Open(config Config) (*Consent, error) {
	if config.Session == "" || config.Epoch == 0 || config.Log == nil {
		return nil, errors.New("device: the configuration is not complete")
	}
	if err := errors.Join(config.Device.Validate(), config.Hosts.Validate()); err != nil {
		return nil, err
	}
	key, err := hpke.DHKEM(ecdh.P256()).GenerateKey()
	if err != nil {
		return nil, err
	}
	return &Consent{config: config, key: key, seal: sealText(key), left: protocol.MaxTries}, nil
}

// tries is how many wrong answers may still come.
func (c *Consent) tries() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left
}

// wrong counts a wrong answer.
func (c *Consent) wrong() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left--
}

// failure is why there is no shell.
type failure protocol.DeviceCause

func (f failure) Error() string { return "device: " + string(f) }

// causeOf is the cause that a person is told.
func causeOf(err error, otherwise protocol.DeviceCause) protocol.DeviceCause {
	var f failure
	if errors.As(err, &f) {
		return protocol.DeviceCause(f)
	}
	var n net.Error
	if errors.As(err, &n) && n.Timeout() {
		return protocol.DeviceTimeout
	}
	return otherwise
}

// find resolves the device's name and returns those of its addresses that may be
// connected to. They are used as they are: what the name means later does not matter.
func (c *Consent) find(ctx context.Context) ([]netip.AddrPort, error) {
	ctx, stop := context.WithTimeout(ctx, resolveTime)
	defer stop()
	d := c.config.Device
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", d.Host)
	if err != nil || len(list) == 0 {
		return nil, failure(protocol.DeviceName)
	}
	own, err := ownAddresses()
	if err != nil {
		return nil, err
	}
	return allowed(list, own, d, c.config.Hosts)
}

// allowed leaves those addresses that may be connected to. An address of the computer's own
// is the computer itself, which needs a rule of its own.
func allowed(list []netip.Addr, own map[netip.Addr]bool, d protocol.Device, hosts protocol.HostRules) ([]netip.AddrPort, error) {
	var may []netip.AddrPort
	for _, a := range list {
		a = a.Unmap().WithZone("")
		if own[a] && !hosts.MayReachItself() || !hosts.MayReach(d.Host, a) || len(may) == maxAddresses {
			continue
		}
		may = append(may, netip.AddrPortFrom(a, uint16(d.Port)))
	}
	if len(may) == 0 {
		return nil, failure(protocol.DeviceNotAllowed)
	}
	return may, nil
}

func ownAddresses() (map[netip.Addr]bool, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	own := map[netip.Addr]bool{}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				own[ip.Unmap()] = true
			}
		}
	}
	return own, nil
}

// dial connects to the first address that answers.
func dial(ctx context.Context, list []netip.AddrPort) (net.Conn, netip.AddrPort, error) {
	d := net.Dialer{Timeout: dialTime, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 4}}
	for _, a := range list {
		conn, err := d.DialContext(ctx, "tcp", a.String())
		if err == nil {
			return conn, a, nil
		}
		if ctx.Err() != nil {
			return nil, a, err
		}
	}
	return nil, netip.AddrPort{}, failure(protocol.DeviceUnreachable)
}
