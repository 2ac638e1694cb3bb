package protocol_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"consento/protocol"
)

func TestDevice(t *testing.T) {
	for _, host := range []string{"switch", "Switch_1.lan.example", "10.0.0.1", "fd00::1", "xn--4gbrim.example", "127.0.0.1"} {
		if err := (protocol.Device{Host: host, Port: 22, User: "admin@team"}).Validate(); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	for name, d := range map[string]protocol.Device{
		"no host":              {Port: 22, User: "x"},
		"a port of none":       {Host: "a", User: "x"},
		"a port too large":     {Host: "a", Port: 65536, User: "x"},
		"no user":              {Host: "a", Port: 22},
		"a user of two lines":  {Host: "a", Port: 22, User: "x\ny"},
		"a user turned":        {Host: "a", Port: 22, User: "x\u202ey"},
		"a user too long":      {Host: "a", Port: 22, User: strings.Repeat("x", 65)},
		"a short address":      {Host: "127.1", Port: 22, User: "x"},
		"a number":             {Host: "2130706433", Port: 22, User: "x"},
		"hexadecimal":          {Host: "0x7f000001", Port: 22, User: "x"},
		"octal":                {Host: "0177.0.0.1", Port: 22, User: "x"},
		"a zone":               {Host: "fe80::1%eth0", Port: 22, User: "x"},
		"an option":            {Host: "-oProxyCommand", Port: 22, User: "x"},
		"a user in the host":   {Host: "x@a", Port: 22, User: "x"},
		"a port in the host":   {Host: "a:22", Port: 22, User: "x"},
		"a name not of ASCII":  {Host: "sw\u0456tch", Port: 22, User: "x"},
		"a name that ends":     {Host: "switch.", Port: 22, User: "x"},
		"a name that is long":  {Host: strings.Repeat("a.", 127) + "a", Port: 22, User: "x"},
		"a label that is long": {Host: strings.Repeat("a", 64), Port: 22, User: "x"},
	} {
		if err := d.Validate(); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := &protocol.Device{Host: "switch", Port: 22, User: "x"}
	if (&protocol.ConsentRequest{Session: "s", Permission: protocol.SSH}).Validate() == nil ||
		(&protocol.ConsentRequest{Session: "s", Permission: protocol.Shell, Device: d}).Validate() == nil ||
		(&protocol.ConsentAsk{Permission: protocol.SSH, Epoch: 1, Technician: person}).Validate() == nil ||
		(&protocol.ConsentAsk{Permission: protocol.SSH, Epoch: 1, Technician: person, Device: d, Hosts: protocol.HostRules{"10.0.0.0/33"}}).Validate() == nil {
		t.Error("a device of no ssh, or no device")
	}
}

func TestHostRules(t *testing.T) {
	for _, bad := range []protocol.HostRules{{""}, {"10.0.0"}, {"10.0.0.0/33"}, {"*"}, {"*.*.example"}, {"a b"}, {"fe80::1%eth0"}, make(protocol.HostRules, 101)} {
		if bad.Validate() == nil {
			t.Errorf("%.40q is taken", bad)
		}
	}
	for _, c := range []struct {
		hosts, host string
		address     string // "": what can be said of the host alone
		want        bool
	}{
		{"", "switch", "", true},
		{"", "10.1.2.3", "", true},
		{"", "8.8.8.8", "", false},
		{"", "switch", "172.31.0.1", true},
		{"", "switch", "172.32.0.1", false},
		{"", "switch", "169.254.169.254", false},
		{"", "switch", "fd12::1", true},
		{"", "switch", "fe80::1", false},
		{"", "switch", "127.0.0.1", false},
		{"", "switch", "::1", false},
		{"", "switch", "::ffff:127.0.0.1", false},
		{"", "switch", "64:ff9b::a00:1", false},
		{"0.0.0.0/0 ::/0", "switch", "127.0.0.1", false},
		{"0.0.0.0/0 ::/0", "switch", "::1", false},
		{"0.0.0.0/0 ::/0", "switch", "0.0.0.0", false},
		{"0.0.0.0/0 ::/0", "switch", "224.0.0.1", false},
		{"0.0.0.0/0 ::/0", "switch", "8.8.8.8", true},
		{"127.0.0.0/8", "switch", "127.3.3.3", true},
		{"::1", "switch", "::1", true},
		{"router.example", "switch.example", "", false},
		{"router.example", "Router.EXAMPLE", "", true},
		{"router.example", "router.example", "8.8.8.8", true},
		{"router.example", "router.example", "127.0.0.1", false},
		{"router.example", "router.example", "169.254.169.254", false},
		{"router.example 10.0.0.0/8", "x.example", "", true},
		{"*.example", "a.b.example", "", true},
		{"*.example", "example", "", false},
		{"*.example", "badexample", "", false},
	} {
		rules := protocol.HostRules(strings.Fields(c.hosts))
		if err := rules.Validate(); err != nil {
			t.Errorf("%q: %v", c.hosts, err)
		}
		got := rules.MayName(c.host)
		if c.address != "" {
			got = rules.MayReach(c.host, netip.MustParseAddr(c.address))
		}
		if got != c.want {
			t.Errorf("%q, %s at %s: %v", c.hosts, c.host, c.address, got)
		}
	}
}

// FuzzDeviceText: what is made of a device's words is text, and stays as it is.
func FuzzDeviceText(f *testing.F) {
	f.Add("Pass\x1b[31mword: \u202e\r\n\xff", 20)
	f.Fuzz(func(t *testing.T, s string, max int) {
		max %= 3000
		got := protocol.DeviceText(s, max)
		if again := protocol.DeviceText(got, max); again != got || strings.ContainsAny(got, "\x1b\r\u202e\x00") {
			t.Errorf("%q, then %q", got, again)
		}
	})
}
