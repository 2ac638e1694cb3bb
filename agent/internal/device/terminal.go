package device

import (
	"fmt"
	"io"
	"time"

	"consento/protocol"
)

// Ready is closed when there is a shell.
func (k *Connection) Ready() <-chan struct{} { return k.ready }

// Over is closed when there is nothing any more.
func (k *Connection) Over() <-chan struct{} { return k.over }

// Program says what runs.
func (k *Connection) Program() string {
	d := k.consent.config.Device
	return fmt.Sprintf("ssh %s@%s", d.User, d.Address())
}

// Algorithms says which ones are used, once there is a shell.
func (k *Connection) Algorithms() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.algorithms
}

// Pending is what was said while signing in and still stands.
func (k *Connection) Pending() []protocol.Terminal {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]protocol.Terminal(nil), k.pending...)
}

// Take takes what the technician answers while signing in. It never blocks.
func (k *Connection) Take(m protocol.Terminal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, p := range k.pending {
		switch {
		case m.Kind == protocol.TerminalTrust && p.Kind == protocol.TerminalHostKey && p.Key == m.Key:
			select {
			case k.trusted <- m:
			default: // it is trusted already
			}
		case m.Kind == protocol.TerminalSecret && p.Kind == protocol.TerminalPrompt && p.Ask == m.Ask:
			k.pending = k.pending[:i:i]
			k.secrets <- m // one at most: a prompt is answered once, and taken before the next
			return
		}
	}
}

// tell says something that stands until it is answered.
func (k *Connection) tell(m protocol.Terminal) {
	k.mu.Lock()
	if m.Kind == protocol.TerminalPrompt { // the key stays beside it
		k.pending = append(k.pending[:1:1], m)
	} else {
		k.pending = []protocol.Terminal{m}
	}
	k.mu.Unlock()
	k.say(m)
}

// wait waits for a person.
func (k *Connection) wait(from <-chan protocol.Terminal) (protocol.Terminal, error) {
	patience := time.NewTimer(personTime)
	defer patience.Stop()
	select {
	case m := <-from:
		return m, nil
	case <-patience.C:
		return protocol.Terminal{}, failure(protocol.DeviceTimeout)
	case <-k.ctx.Done():
		return protocol.Terminal{}, k.ctx.Err()
	}
}

// Read reads what the device puts out. It returns io.EOF when nothing can come any more.
func (k *Connection) Read(p []byte) (int, error) {
	k.mu.Lock()
	out := k.out
	k.mu.Unlock()
	n, err := out.Read(p[:min(len(p), 4096)])
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// Write types. It blocks as long as the device reads nothing, and returns when it is closed.
func (k *Connection) Write(p []byte) (int, error) {
	k.mu.Lock()
	in := k.in
	k.mu.Unlock()
	return in.Write(p)
}

// Resize tells the device of another size.
func (k *Connection) Resize(cols, rows int) error {
	k.mu.Lock()
	k.cols, k.rows = cols, rows
	session := k.session
	k.mu.Unlock()
	if session == nil {
		return nil
	}
	return session.WindowChange(rows, cols)
}

// Hidden is false: a device does not say when it hides what is typed. So nothing that is
// typed into it is recorded.
func (k *Connection) Hidden() bool { return false }

// Code is how the shell ended, once it is over: its exit code, or -1.
func (k *Connection) Code() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.code
}

// Cause is why there was no shell, once it is over; "" if there was one that ended.
func (k *Connection) Cause() protocol.DeviceCause {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.cause
}

// Left is 0: nothing of a device's runs here.
func (k *Connection) Left() int { return 0 }

// Shut closes the connection, at once.
func (k *Connection) Shut() {
	k.stop()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop()
}

// Close is Shut, and waits a moment. It reports whether nothing was left when it returned.
func (k *Connection) Close() bool {
	k.Shut()
	timer := time.NewTimer(closeTime)
	defer timer.Stop()
	select {
	case <-k.over:
		return true
	case <-timer.C:
		return false
	}
}
