package run

import (
	"net"
	"strings"
	"testing"

	"consento/protocol"
)

// TestDeviceByConsent: no broker has the agent connect to a device without the customer's
// yes to that one; the question names it; what is taken back is closed at once.
func TestDeviceByConsent(t *testing.T) {
	a := attend(t)
	a.joined.Session = "s1"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conns := make(chan net.Conn, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns <- conn
		}
	}()
	ask := protocol.ConsentAsk{Permission: protocol.SSH, Epoch: 2, Technician: ask(1).Technician, Hosts: protocol.HostRules{"127.0.0.0/8"},
		Device: &protocol.Device{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, User: "ad\u00ecmin"}}
	begin := func(epoch uint32) {
		a.says(protocol.Terminal{Kind: protocol.TerminalStart, Epoch: epoch, Run: 1, Cols: 80, Rows: 24})
	}
	try := func(when string, epoch uint32) {
		t.Helper()
		a.gets(&protocol.ConsentRecorded{Permission: protocol.SSH, Epoch: epoch})
		begin(epoch)
		if a.tools.open[protocol.SSH] != nil || a.tools.line.terminal.Load() != nil || len(conns) > 0 {
			t.Fatalf("%s: the device is open", when)
		}
	}
	try("unasked", 2)
	// A device that its own rules do not hold is not even asked for.
	outside := ask
	outside.Hosts = nil
	a.gets(&outside)
	if said := a.said(); said.State != protocol.ConsentRefused || said.Cause != protocol.CauseUnable {
		t.Errorf("said %+v", said)
	}
	ask.Epoch = 3
	if q := a.toolQuestion(ask); !strings.Contains(q.Body, ask.Device.Address()) || !strings.Contains(q.Body, ask.Device.User) || !strings.Contains(q.Body, ask.Technician.Name) {
		t.Errorf("asked %q", q.Body)
	}
	a.gets(&ask)
	try("while it is asked", 3)
	if over := a.press("Tab", "Return", "shift+Tab"); over != nil { // until a yes counts
		t.Fatalf("%+v", over)
	}
	if said := a.said(); said.State != protocol.ConsentGiven || said.Permission != protocol.SSH {
		t.Fatalf("said %+v", said)
	}
	begin(3)
	if len(conns) > 0 || a.tools.open[protocol.SSH] != nil {
		t.Fatal("open before it is on the evidence")
	}
	a.gets(&protocol.ConsentRecorded{Permission: protocol.SSH, Epoch: 3})
	a.tools.hidden.Store(true)
	begin(3)
	a.tools.hidden.Store(false)
	begin(2)
	if len(conns) > 0 {
		t.Fatal("connected under another consent, or while nothing is shown")
	}
	begin(3)
	conn := <-conns
	if over := a.closeTool(t.Context(), a.bar, protocol.SSH, protocol.CauseCustomer); over != nil {
		t.Fatalf("%+v", over)
	}
	buf := make([]byte, 1000)
	for err = nil; err == nil; { // the greeting may have come
		_, err = conn.Read(buf)
	}
	if said := a.said(); said.State != protocol.ConsentWithdrawn {
		t.Errorf("said %+v", said)
	}
	try("after it was taken back", 3)
}
