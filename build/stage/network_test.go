package stage

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// network makes one, or skips the test where none can be had; where everything is
// tested one has to be had.
func network(t *testing.T) *Network {
	t.Helper()
	n, err := NewNetwork(t.Context())
	if errors.Is(err, ErrNoNetwork) && os.Getenv("CONSENTO_ALL") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// What a program inside reads from us comes as fast as the link is, and as late.
func TestNetworkIsShaped(t *testing.T) {
	n := network(t)
	listener, err := net.Listen("tcp", n.Outside+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	const size = 50_000
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(make([]byte, size)) // the reader counts
			_ = c.Close()
		}
	}()
	fetch := func() (got int, took time.Duration) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		host, port, _ := net.SplitHostPort(listener.Addr().String())
		cmd := exec.CommandContext(ctx, "bash", "-c", "cat < /dev/tcp/"+host+"/"+port)
		if err := n.Enter(cmd); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return len(out), time.Since(began)
	}
	got, fast := fetch()
	if got != size {
		t.Errorf("%d bytes in %v", got, fast)
	}
	n.Shape(Link{Rate: 200_000, Delay: 100 * time.Millisecond})
	// 2 s for the bytes, 0.4 s and more for round trips.
	if got, took := fetch(); got != size || took < 2200*time.Millisecond || took < fast {
		t.Errorf("%d bytes in %v over a slow link, in %v before", got, took, fast)
	}
	n.Shape(Link{Loss: 1})
	cmd := exec.CommandContext(t.Context(), "timeout", "1", "bash", "-c", "exec 3<> /dev/tcp/"+strings.ReplaceAll(listener.Addr().String(), ":", "/"))
	if err := n.Enter(cmd); err != nil {
		t.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("a cut link carries: %s", out)
	}
}

// Nothing is left of a network.
func TestNetworkIsGone(t *testing.T) {
	n := network(t)
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	out, err := exec.CommandContext(t.Context(), "ip", "netns", "list").Output()
	if err != nil || strings.Contains(string(out), n.name) {
		t.Errorf("%v %s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := Until(ctx, "its address is ours no more", func() bool {
		l, err := net.Listen("tcp", n.Outside+":0")
		return err != nil || l.Close() != nil
	}); err != nil {
		t.Error(err)
	}
}
