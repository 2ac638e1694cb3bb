package web

import (
	"strings"
	"testing"
	"time"
)

func TestCustomerCookie(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	c := customerCookies{key: []byte(strings.Repeat("k", 32)), now: func() time.Time { return now }}
	value := c.seal("id of a session", now.Add(time.Hour))
	if id, ok := c.open(value); !ok || id != "id of a session" {
		t.Errorf("%q, %v", id, ok)
	}
	other := customerCookies{key: []byte(strings.Repeat("o", 32)), now: c.now}
	if _, ok := other.open(value); ok {
		t.Error("another key opened it")
	}
	now = now.Add(time.Hour)
	if _, ok := c.open(value); ok {
		t.Error("it outlived its time")
	}
}

func FuzzCustomerCookie(f *testing.F) {
	c := customerCookies{key: []byte(strings.Repeat("k", 32)), now: time.Now}
	good := c.seal("id", time.Now().Add(time.Hour))
	f.Add(good)
	f.Add("..")
	f.Add("a.b")
	f.Add("")
	f.Fuzz(func(t *testing.T, value string) {
		if id, ok := c.open(value); ok && value != good {
			t.Errorf("forged %q: %q", value, id)
		}
		// What carries a true signature is either read whole or not at all.
		if id, ok := c.open(value + "." + c.sign(value)); ok && c.seal(id, time.Unix(1<<40, 0)) == "" {
			t.Errorf("%q", value)
		}
	})
}
