package stage

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// dial connects from inside. A thread goes into the network for that and ends
// with it: it could not be trusted with anything else afterwards.
func (n *Network) dial(ctx context.Context, address string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		conn, err := n.dialHere(ctx, address)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

func (n *Network) dialHere(ctx context.Context, address string) (net.Conn, error) {
	space, err := os.Open("/run/netns/" + n.name)
	if err != nil {
		return nil, err
	}
	defer space.Close()
	if err := unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("network %s: %w", n.name, err)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

// door is a port of this machine's loopback that leads to the same port inside: so
// the tests reach what drives a browser there. Its way is not shaped.
type door struct {
	network  *Network
	listener net.Listener
	address  string
	ctx      context.Context
	shut     context.CancelFunc
	relays   sync.WaitGroup
}

func (n *Network) openDoor() (*door, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &door{network: n, listener: listener, address: listener.Addr().String()}
	d.ctx, d.shut = context.WithCancel(context.Background())
	d.relays.Go(d.serve)
	return d, nil
}

func (d *door) port() int { return d.listener.Addr().(*net.TCPAddr).Port }

func (d *door) serve() {
	for {
		outside, err := d.listener.Accept()
		if err != nil {
			return
		}
		d.relays.Go(func() {
			defer outside.Close()
			inside, err := d.network.dial(d.ctx, d.address)
			if err != nil {
				return // who knocks tries again
			}
			defer inside.Close()
			defer context.AfterFunc(d.ctx, func() { _, _ = inside.Close(), outside.Close() })()
			var back sync.WaitGroup
			back.Go(func() {
				_, _ = io.Copy(outside, inside) // ends with either side
				_ = outside.Close()
			})
			_, _ = io.Copy(inside, outside)
			_ = inside.Close()
			back.Wait()
		})
	}
}

// close shuts the door and cuts off who is in it.
func (d *door) close() {
	d.shut()
	_ = d.listener.Close() // nobody comes any more
	d.relays.Wait()
}

// wrapper makes a program that runs another one inside, for who starts programs by
// their file only.
func (n *Network) wrapper(folder, program string) (string, error) {
	path, err := exec.LookPath("ip")
	if err != nil {
		return "", err
	}
	file := filepath.Join(folder, "inside")
	return file, os.WriteFile(file, fmt.Appendf(nil, "#!/bin/sh\nexec %q netns exec %q %q \"$@\"\n", path, n.name, program), 0o700)
}
