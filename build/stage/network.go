package stage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoNetwork says that this machine lets us make no network of our own: it
// takes root, namespaces and /dev/net/tun.
var ErrNoNetwork = errors.New("no network can be made here")

// Link says what a network does to packets, in each of its two directions.
type Link struct {
	Rate  int           // bit/s, 0 for as fast as it goes
	Delay time.Duration // of each packet, each way
	Loss  float64       // share of packets, 0 to 1; 1 cuts the link
	Queue time.Duration // what waits longer for its turn is thrown away; 0 for 1 s
}

// Network is a network namespace with one link to us that we shape ourselves:
// two TUN devices, and all packets between them go through our hands. (tc would
// need a kernel with netem, which not every machine has.)
type Network struct {
	Outside string // our address as seen from inside

	name    string
	device  string    // the end inside
	inside  [2]string // addresses with prefix length; the first is the present one
	reached []string  // what lies behind Outside
	devices [2]*os.File
	link    sync.Mutex // of shape
	shape   Link
	workers sync.WaitGroup
}

// NewNetwork makes a network that loses and delays nothing. The error wraps
// ErrNoNetwork where none can be had.
func NewNetwork(ctx context.Context) (_ *Network, err error) {
	n := &Network{name: fmt.Sprintf("consento-%d-%06x", os.Getpid(), rand.N(1<<24))}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%w: %w", ErrNoNetwork, err), n.Close())
		}
	}()
	// A network of eight addresses of its own, so that runs do not meet.
	net := rand.N(1<<19) << 3
	address := func(host int) string { return fmt.Sprintf("10.%d.%d.%d", 64+net>>16&63, net>>8&255, net&255|host) }
	n.Outside = address(1)
	n.inside = [2]string{address(2) + "/29", address(3) + "/29"}
	if err := ip(ctx, "netns", "add", n.name); err != nil {
		return nil, err
	}
	var names [2]string
	for i := range n.devices {
		if n.devices[i], names[i], err = openTUN(); err != nil {
			return nil, err
		}
	}
	n.device = names[1]
	inside := []string{"-n", n.name}
	for _, args := range [][]string{
		{"address", "add", address(1) + "/29", "dev", names[0]},
		{"link", "set", names[0], "up"},
		{"link", "set", names[1], "netns", n.name},
		append(inside, "address", "add", n.inside[0], "dev", names[1]),
		append(inside, "link", "set", names[1], "up"),
		append(inside, "link", "set", "lo", "up"),
	} {
		if err := ip(ctx, args...); err != nil {
			return nil, err
		}
	}
	outer, inner := n.devices[0], n.devices[1]
	n.workers.Go(func() { n.carry(outer, inner) })
	n.workers.Go(func() { n.carry(inner, outer) })
	return n, nil
}

func ip(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// openTUN makes a device that hands IP packets to a file (Linux,
// Documentation/networking/tuntap.rst).
func openTUN() (*os.File, string, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", fmt.Errorf("/dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq("cns%d")
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("TUN device: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "/dev/net/tun"), request.Name(), nil
}

// Shape changes the link from now on.
func (n *Network) Shape(l Link) {
	if l.Queue == 0 {
		l.Queue = time.Second
	}
	n.link.Lock()
	n.shape = l
	n.link.Unlock()
}

// Move gives the inside another address in place of the one it has, as a computer
// gets that goes over to another network.
func (n *Network) Move(ctx context.Context) error {
	old := n.inside[0]
	n.inside[0], n.inside[1] = n.inside[1], old
	// In this order: with the first address of a subnet Linux takes the others away,
	// and the ways that lead over it.
	err := errors.Join(ip(ctx, "-n", n.name, "address", "del", old, "dev", n.device),
		ip(ctx, "-n", n.name, "address", "add", n.inside[0], "dev", n.device))
	for _, address := range n.reached {
		err = errors.Join(err, n.route(ctx, address))
	}
	return err
}

// Reach lets the inside reach another address of this machine than Outside.
func (n *Network) Reach(ctx context.Context, address string) error {
	n.reached = append(n.reached, address)
	return n.route(ctx, address)
}

func (n *Network) route(ctx context.Context, address string) error {
	return ip(ctx, "-n", n.name, "route", "add", address+"/32", "via", n.Outside)
}

// Enter changes a command so that it runs inside.
func (n *Network) Enter(cmd *exec.Cmd) error {
	path, err := exec.LookPath("ip")
	if err != nil {
		return err
	}
	cmd.Args = append([]string{path, "netns", "exec", n.name}, cmd.Args...)
	cmd.Path = path
	return nil
}

// Close ends the network. Programs inside are cut off. Twice does no harm.
func (n *Network) Close() error {
	var err error
	for i, d := range n.devices {
		if d != nil {
			err = errors.Join(err, d.Close())
		}
		n.devices[i] = nil
	}
	n.workers.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, none := os.Stat("/run/netns/" + n.name); none == nil {
		err = errors.Join(err, ip(ctx, "netns", "delete", n.name))
	}
	return err
}

// datagram is an IP packet on its way.
type datagram struct {
	due  time.Time
	data []byte
}

// carry takes packets from one end to the other until an end is closed.
func (n *Network) carry(from, to *os.File) {
	way := make(chan datagram, 1<<16)
	n.workers.Go(func() { deliver(way, to) })
	defer close(way)
	buffer := make([]byte, 1<<16)
	var free time.Time // when the link has sent what it has
	for {
		size, err := from.Read(buffer)
		if err != nil {
			return
		}
		n.link.Lock()
		l := n.shape
		n.link.Unlock()
		now := time.Now()
		if free.Before(now) {
			free = now
		}
		if rand.Float64() < l.Loss || l.Rate > 0 && free.Sub(now) > l.Queue || !version4(buffer[:size]) {
			continue
		}
		if l.Rate > 0 {
			free = free.Add(time.Duration(8 * float64(size) / float64(l.Rate) * float64(time.Second)))
		}
		select {
		case way <- datagram{free.Add(l.Delay), append([]byte(nil), buffer[:size]...)}:
		default: // more than any shape means to keep
		}
	}
}

// version4: the other side has no addresses of version 6 to answer from.
func version4(packet []byte) bool {
	return len(packet) >= 20 && packet[0]>>4 == 4 && int(binary.BigEndian.Uint16(packet[2:])) == len(packet)
}

func deliver(way <-chan datagram, to *os.File) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for d := range way {
		if wait := time.Until(d.due); wait > 0 {
			timer.Reset(wait)
			<-timer.C
		}
		if _, err := to.Write(d.data); errors.Is(err, os.ErrClosed) {
			continue // the channel is still to be emptied
		}
	}
}
