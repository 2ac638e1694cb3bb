package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"consento/protocol"
)

// closeTime is how long Close waits: no person waits longer for the red X.
const closeTime = 500 * time.Millisecond

// Connection is one try to reach the device, and its shell. Its methods may be called
// from any goroutine.
type Connection struct {
	consent *Consent
	run     uint32
	say     func(protocol.Terminal)
	ctx     context.Context
	stop    context.CancelFunc
	ready   chan struct{} // closed when there is a shell
	over    chan struct{} // closed when there is nothing any more
	trusted chan protocol.Terminal
	secrets chan protocol.Terminal

	mu         sync.Mutex
	cols, rows int
	conn       net.Conn // the present one
	pending    []protocol.Terminal
	ask        uint32 // prompts that there were
	algorithms string
	session    *ssh.Session
	in         io.WriteCloser
	out        io.Reader
	code       int
	cause      protocol.DeviceCause
}

// Begin connects as run m.Run, with a terminal of m.Cols by m.Rows. What is to be said
// while signing in goes to say, which must not block.
func (c *Consent) Begin(m protocol.Terminal, say func(protocol.Terminal)) *Connection {
	k := &Connection{consent: c, run: m.Run, say: say, ready: make(chan struct{}), over: make(chan struct{}), trusted: make(chan protocol.Terminal, 1),
		secrets: make(chan protocol.Terminal, 1), cols: m.Cols, rows: m.Rows, code: -1}
	k.ctx, k.stop = context.WithCancel(context.Background())
	go k.live()
	return k
}

// live is the whole life of a connection.
func (k *Connection) live() {
	err := k.work()
	k.stop()
	k.mu.Lock()
	if err != nil {
		k.cause = causeOf(err, protocol.DeviceClosed)
		k.consent.config.Log.Info("no shell of a device", slog.String("cause", string(k.cause)))
	}
	k.pending = nil
	k.drop()
	k.mu.Unlock()
	close(k.over)
}

// drop closes what is open. The caller holds the lock.
func (k *Connection) drop() {
	if k.conn != nil {
		_ = k.conn.Close() // it may be closed already
	}
}

func (k *Connection) work() error {
	if k.consent.tries() == 0 {
		return failure(protocol.DeviceLocked)
	}
	list, err := k.consent.find(k.ctx)
	if err != nil {
		return err
	}
	key, address, err := k.look(list)
	if err != nil {
		return err
	}
	trust, err := k.wait(k.trusted)
	if err != nil {
		return err
	}
	client, err := k.signIn(address, key, trust.Method)
	if err != nil {
		return err
	}
	defer client.Close()
	return k.shell(client)
}

// connect takes a connection in the place of the last one.
func (k *Connection) connect(list []netip.AddrPort) (net.Conn, netip.AddrPort, error) {
	conn, at, err := dial(k.ctx, list)
	if err != nil {
		return nil, at, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop()
	k.conn = conn
	if k.ctx.Err() != nil {
		k.drop()
	}
	return conn, at, conn.SetDeadline(time.Now().Add(stepTime))
}

var errSeen = errors.New("device: the key was seen")

// look asks the device for its key, and tells it. That connection is closed again: a person
// takes longer to compare a key than devices wait.
func (k *Connection) look(list []netip.AddrPort) (ssh.PublicKey, netip.AddrPort, error) {
	conn, at, err := k.connect(list)
	if err != nil {
		return nil, at, err
	}
	var key ssh.PublicKey
	config := k.config(func(_ string, _ net.Addr, is ssh.PublicKey) error { key = is; return errSeen })
	_, _, _, err = ssh.NewClientConn(conn, k.consent.config.Device.Address(), config)
	_ = conn.Close()
	if key == nil {
		return nil, at, handshake(err)
	}
	k.tell(protocol.Terminal{Kind: protocol.TerminalHostKey, Program: at.String(), Algorithm: key.Type(), Key: ssh.FingerprintSHA256(key), Seal: k.consent.seal})
	return key, at, nil
}

// handshake tells what went wrong before there was a key.
func handshake(err error) error {
	var n net.Error
	var none *ssh.AlgorithmNegotiationError
	switch {
	case errors.As(err, &n) && n.Timeout():
		return failure(protocol.DeviceTimeout)
	case errors.As(err, &none):
		return failure(protocol.DeviceAlgorithms)
	}
	return failure(protocol.DeviceNoSSH)
}

// config is what is common to all connections.
func (k *Connection) config(check ssh.HostKeyCallback) *ssh.ClientConfig {
	d := k.consent.config.Device
	a := algorithmsFor(d.Old)
	c := &ssh.ClientConfig{User: d.User, HostKeyCallback: check, HostKeyAlgorithms: a.HostKeys, BannerCallback: func(string) error { return nil },
		ClientVersion: "SSH-2.0-Consento"}
	c.KeyExchanges, c.Ciphers, c.MACs = a.KeyExchanges, a.Ciphers, a.MACs
	return c
}

// algorithmsFor lists what is accepted: what the library calls insecure only for old
// devices. No certificates: nobody here could say whose they are.
func algorithmsFor(old bool) ssh.Algorithms {
	a := ssh.SupportedAlgorithms()
	if old {
		weak := ssh.InsecureAlgorithms()
		a.KeyExchanges = append(a.KeyExchanges, weak.KeyExchanges...)
		a.Ciphers = append(a.Ciphers, weak.Ciphers...)
		a.MACs = append(a.MACs, weak.MACs...)
		a.HostKeys = append(a.HostKeys, weak.HostKeys...)
	} else {
		a.MACs = without(a.MACs, func(s string) bool { return s == ssh.HMACSHA1 })
	}
	a.HostKeys = without(a.HostKeys, func(s string) bool { return strings.Contains(s, "-cert-") })
	return a
}

func without(list []string, bad func(string) bool) (rest []string) {
	for _, s := range list {
		if !bad(s) {
			rest = append(rest, s)
		}
	}
	return rest
}

// shell has the device give a terminal, and lasts as long as it.
func (k *Connection) shell(client *ssh.Client) error {
	session, err := client.NewSession()
	if err != nil {
		return failure(protocol.DeviceNoShell)
	}
	in, err := session.StdinPipe()
	if err != nil {
		return err
	}
	out, err := session.StdoutPipe()
	if err != nil {
		return err
	}
	k.mu.Lock()
	cols, rows, conn := k.cols, k.rows, k.conn
	k.mu.Unlock()
	modes := ssh.TerminalModes{ssh.ECHO: 1, ssh.TTY_OP_ISPEED: 115200, ssh.TTY_OP_OSPEED: 115200}
	if err := session.RequestPty("xterm-256color", rows, cols, modes); err != nil {
		return failure(protocol.DeviceNoShell)
	}
	if err := session.Shell(); err != nil {
		return failure(protocol.DeviceNoShell)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	k.mu.Lock()
	k.session, k.in, k.out, k.pending = session, in, out, nil
	if k.cols != cols || k.rows != rows {
		_ = session.WindowChange(k.rows, k.cols) // it is just ending
	}
	k.algorithms = agreed(client)
	k.mu.Unlock()
	close(k.ready)
	err = session.Wait()
	var exit *ssh.ExitError
	switch {
	case err == nil:
		k.exited(0)
	case errors.As(err, &exit) && exit.Signal() == "" && exit.ExitStatus() >= 0 && exit.ExitStatus() <= 255:
		k.exited(exit.ExitStatus())
	case errors.As(err, &exit):
		k.exited(-1)
	default:
		return failure(protocol.DeviceClosed) // without a word
	}
	return nil
}

func (k *Connection) exited(code int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.code = code
}

// agreed says which algorithms are used.
func agreed(client *ssh.Client) string {
	m, ok := client.Conn.(ssh.AlgorithmsConnMetadata)
	if !ok {
		return ""
	}
	a := m.Algorithms()
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", a.KeyExchange, a.HostKey, a.Write.Cipher, a.Write.MAC))
}
