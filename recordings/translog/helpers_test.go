package translog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"testing"
	"time"
)

const testOrigin = "office.example/evidence"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// seeded makes the same key each time.
func seeded(name string) ed25519.PrivateKey {
	h := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(h[:])
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func testConfig() Config {
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	return Config{Origin: testOrigin, Key: seeded("log"), Now: func() time.Time { return at }}
}

func testKeys() Keys {
	return Keys{Log: []ed25519.PublicKey{public(seeded("log"))}, Witness: []NamedKey{{"mirror", public(seeded("witness"))}}, Quorum: 1}
}

func newLog(t testing.TB) (*Log, string) {
	t.Helper()
	dir := t.TempDir()
	l, err := Create(dir, testConfig())
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return l, dir
}

func reopen(t testing.TB, l *Log, dir string) *Log {
	t.Helper()
	must(t, l.Close())
	again, err := Open(dir, l.conf)
	must(t, err)
	t.Cleanup(func() { must(t, again.Close()) })
	return again
}

func add(t testing.TB, l *Log, leaves ...Leaf) uint64 {
	t.Helper()
	n, err := l.Add(t.Context(), leaves...)
	must(t, err)
	return n
}

func testID(n int) (id ID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n)+1)
	return id
}

func testHash(n int) Hash {
	return Hash(sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))))
}

func opened(n int) Opened {
	return Opened{SID: testID(n), Key: testHash(1), Commit: testHash(2), Bag: testHash(3), N: 1, Root: testHash(n), Retention: "default"}
}

func closed(n int) Closed {
	return Closed{SID: testID(n), N: 100, Root: testHash(n + 1), Bytes: 5000, SHA256: testHash(n + 2), Cosigned: 3}
}

func sorted(ids ...ID) []ID {
	slices.SortFunc(ids, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

// allLeaves is one of each kind.
func allLeaves() []Leaf {
	return []Leaf{
		Genesis{testOrigin},
		Policy{1, testHash(1), Hash{}, testHash(2)},
		opened(1),
		Heartbeat{[]Head{{testID(1), 0, 7, testHash(3)}, {testID(2), 1, 8, testHash(4)}}},
		closed(1),
		Recovered{testID(2), 1, 9, testHash(5), 77, testHash(6), "crash"},
		Rewrap{testID(1), 0, testHash(7), "account"},
		LogKeys{testID(1), 0, testHash(8), "broker"},
		Share{testID(3), testID(1), "a", "b", Tracks{1, 3}, 0, 5000, 1_800_000_000_000, testHash(8)},
		Revoke{testID(3), testID(1), "a", testHash(9)},
		Access{testID(4), testID(1), "customer", "page", nil, Hash{}},
		Search{testID(4), "a", sorted(testID(1), testID(2)), testHash(9)},
		Hold{testID(5), testID(1), "a", testHash(9)},
		Release{testID(5), testID(1), "b", Hash{}},
		Erase{testID(6), testID(1), StepAsked, "a", RoleDPO, testHash(9)},
		Shred{testID(1), 0, testHash(7), [2]string{"a", "b"}, testID(6)},
		Purge{testID(1), 0, 5000},
		NewRotation(testOrigin, RotateLog, seeded("log"), public(seeded("log 2"))),
		Witness{"mirror", 900_000, WitnessLagging},
		Timestamp{3, testHash(1), testHash(2)},
		Admin{"account.added", "command", testHash(3)},
	}
}
