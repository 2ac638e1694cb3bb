package main

import (
	"net"
	"sync"
)

// maxConnections at a time; a broker has 8.
const maxConnections = 64

// slotted accepts no more connections than there are slots.
type slotted struct {
	net.Listener
	slots chan struct{}
	gone  chan struct{}
	end   func()
}

func limited(l net.Listener) net.Listener {
	gone := make(chan struct{})
	return &slotted{Listener: l, slots: make(chan struct{}, maxConnections), gone: gone, end: sync.OnceFunc(func() { close(gone) })}
}

// Accept waits for a slot first.
func (s *slotted) Accept() (net.Conn, error) {
	select {
	case s.slots <- struct{}{}:
	case <-s.gone:
		return nil, net.ErrClosed
	}
	c, err := s.Listener.Accept()
	if err != nil {
		<-s.slots
		return nil, err
	}
	return &slotConn{Conn: c, free: sync.OnceFunc(func() { <-s.slots })}, nil
}

// Close ends those who wait for a slot too.
func (s *slotted) Close() error {
	s.end()
	return s.Listener.Close()
}

type slotConn struct {
	net.Conn
	free func()
}

// Close gives the slot back.
func (c *slotConn) Close() error {
	c.free()
	return c.Conn.Close()
}
