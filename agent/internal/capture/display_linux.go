package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// address is where an X display listens, and how it is found in Xauthority.
type address struct {
	network, addr string
	host          string // empty for this machine
	display       string // digits
	screen        int
}

// parseDisplay reads a display name as X(7) describes it: [host]:display[.screen],
// "unix:N", or the path of a socket followed by ":N".
func parseDisplay(name string) (address, error) {
	if name == "" {
		name = os.Getenv("DISPLAY")
	}
	if name == "" {
		return address{}, fmt.Errorf("%w: no display named and DISPLAY is not set", ErrDisplay)
	}
	bad := fmt.Errorf("%w: %q is not the name of a display", ErrDisplay, name)
	colon := strings.LastIndexByte(name, ':')
	if colon < 0 {
		return address{}, bad
	}
	a := address{host: name[:colon]}
	number, screen, hasScreen := strings.Cut(name[colon+1:], ".")
	n, err := strconv.ParseUint(number, 10, 15)
	if err != nil {
		return address{}, bad
	}
	a.display = strconv.FormatUint(n, 10)
	if hasScreen {
		s, err := strconv.ParseUint(screen, 10, 8)
		if err != nil {
			return address{}, bad
		}
		a.screen = int(s)
	}
	switch {
	case strings.HasPrefix(a.host, "/"):
		a.network, a.addr, a.host = "unix", a.host+":"+a.display, ""
	case a.host == "" || a.host == "unix":
		a.network, a.addr, a.host = "unix", "/tmp/.X11-unix/X"+a.display, ""
	default:
		a.network, a.addr = "tcp", net.JoinHostPort(strings.TrimPrefix(a.host, "tcp/"), strconv.FormatUint(6000+n, 10))
	}
	return a, nil
}

func (a address) dial() (net.Conn, error) {
	c, err := net.DialTimeout(a.network, a.addr, 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	return c, nil
}

// cookie finds the MIT-MAGIC-COOKIE-1 of the display in the file that
// Xauthority(5) describes; nil when there is none, which servers without access
// control accept.
func (a address) cookie() []byte {
	file := os.Getenv("XAUTHORITY")
	if file == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil
		}
		file = filepath.Join(home, ".Xauthority")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	host := a.host
	if host == "" || host == "localhost" {
		if host, err = os.Hostname(); err != nil {
			return nil
		}
	}
	return findCookie(data, host, a.display)
}

// findCookie walks the entries (family, address, display, name, data; lengths
// of 16 bits, big-endian) and returns the first that fits.
func findCookie(data []byte, host, display string) []byte {
	const familyLocal, familyWild = 256, 65535
	next := func() []byte {
		if len(data) < 2 {
			data = nil
			return nil
		}
		n := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+n {
			data = nil
			return nil
		}
		field := data[2 : 2+n]
		data = data[2+n:]
		return field
	}
	for len(data) >= 2 {
		family := binary.BigEndian.Uint16(data)
		data = data[2:]
		addr, number, name, secret := next(), next(), next(), next()
		ours := family == familyWild || family == familyLocal && string(addr) == host
		if ours && (len(number) == 0 || string(number) == display) &&
			string(name) == "MIT-MAGIC-COOKIE-1" && len(secret) == 16 {
			return bytes.Clone(secret)
		}
	}
	return nil
}
