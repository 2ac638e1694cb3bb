package stage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"

	"github.com/godbus/dbus/v5"
)

// Logind is a system bus of its own on which something answers to the name of the
// login manager: it takes the call to restart, as logind does, and restarts nothing.
type Logind struct {
	Address string // for DBUS_SYSTEM_BUS_ADDRESS
	Refuses atomic.Bool
	reboots atomic.Int32
	bus     *process
	conn    *dbus.Conn
}

// NewLogind starts it.
func NewLogind(ctx context.Context) (*Logind, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address=3")
	cmd.ExtraFiles = []*os.File{w}
	l := &Logind{}
	l.bus, err = launch(cmd)
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("no dbus-daemon: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		err = r.SetReadDeadline(deadline)
	}
	line, read := bufio.NewReader(r).ReadString('\n')
	if err = errors.Join(err, read); err == nil {
		l.Address = strings.TrimSpace(line)
		l.conn, err = dbus.Connect(l.Address)
	}
	if err == nil {
		err = l.conn.Export(manager{l}, "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
	}
	if err == nil {
		_, err = l.conn.RequestName("org.freedesktop.login1", dbus.NameFlagDoNotQueue)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// manager is what is called.
type manager struct{ l *Logind }

// Reboot is org.freedesktop.login1.Manager.Reboot.
func (m manager) Reboot(interactive bool) *dbus.Error {
	if m.l.Refuses.Load() || !interactive {
		return dbus.NewError("org.freedesktop.DBus.Error.AccessDenied", []any{"Permission denied"})
	}
	m.l.reboots.Add(1)
	return nil
}

// Reboots is how often a restart was asked for and promised.
func (l *Logind) Reboots() int { return int(l.reboots.Load()) }

// Close ends the bus.
func (l *Logind) Close() (err error) {
	if l.conn != nil {
		err = l.conn.Close()
	}
	l.bus.kill()
	return err
}
