package session

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"time"

	"consento/protocol"
)

const (
	// Files and lists of a console: at once, and for each second on average. Who asks for
	// more waits.
	maxFilesBurst     = 500
	maxFilesPerSecond = 50
	// Messages of a console, likewise; whoever exceeds them loses the consent.
	maxParcelBurst     = 4000
	maxParcelPerSecond = 1000
	// fullPart is how much a part must have to count for nothing, in bytes.
	fullPart = 16 << 10
	// maxFiles is how many files one session may transfer: each is on the evidence.
	maxFiles = 10_000
)

// toCustomer and toTechnician are the directions, as they stand on the evidence.
const (
	toCustomer   = "customer"
	toTechnician = "technician"
)

// transfer is one file, or list, on its way.
type transfer struct {
	id    uint32
	list  bool
	path  string // as it was asked for, later as it is called in the end
	size  int64  // -1: not known yet
	begun bool   // the agent is ready
	may   int64  // where it may begin beside 0
	from  int64  // where it did begin
	at    int64  // bytes that are there, or passed
	acked int64  // bytes that arrived
	moved int64  // bytes that passed
	hash  hash.Hash
	whole string // its SHA-256, once all of it was sent
}

// passed takes a part that passes. It reports whether it may.
func (t *transfer) passed(c protocol.Chunk) bool {
	n := int64(len(c.Data))
	if c.At == 0 && t.moved == 0 && t.at > 0 {
		t.at, t.acked, t.from = 0, 0, 0 // what is there is not what is sent
	}
	if !t.begun || t.whole != "" || c.At != t.at || c.At+n > t.size || c.At+n > t.acked+protocol.TransferWindow {
		return false
	}
	if t.hash == nil {
		t.hash = sha256.New()
	}
	t.hash.Write(c.Data)
	t.at += n
	t.moved += n
	return true
}

// ended notes that all of it was sent. It reports whether that fits what passed: a file
// that was gone on with the broker has not seen whole.
func (t *transfer) ended(m protocol.Transfer) bool {
	if !t.begun || t.whole != "" || m.Size != t.size || t.at != t.size {
		return false
	}
	if t.from == 0 {
		if t.hash == nil {
			t.hash = sha256.New()
		}
		if hex.EncodeToString(t.hash.Sum(nil)) != m.Hash {
			return false
		}
	}
	t.whole = m.Hash
	return true
}

// exchange is what is done with one of the two consents to files. It belongs to the
// session's goroutine.
type exchange struct {
	permission protocol.Permission
	opened     protocol.Transfer // the agent's word which folder it is; no kind: not yet
	view       *View             // the console that has it; nil while none does
	last       uint32            // the newest transfer's id
	live       map[uint32]*transfer

	files    float64 // that may still be asked for
	messages float64 // that may still come
	asOf     time.Time
}

// to is where files go.
func (x *exchange) to() string {
	if x.permission == protocol.SendFiles {
		return toCustomer
	}
	return toTechnician
}

// begin makes ready for a consent that was given.
func (x *exchange) begin() {
	*x = exchange{permission: x.permission, view: x.view, live: map[uint32]*transfer{}, files: maxFilesBurst, messages: maxParcelBurst, asOf: time.Now()}
}

// mayCome counts one message of a console. Cost is 0 for a full part.
func (x *exchange) mayCome(cost float64, now time.Time) bool {
	passed := now.Sub(x.asOf).Seconds()
	x.messages = min(maxParcelBurst, x.messages+passed*maxParcelPerSecond)
	x.files = min(maxFilesBurst, x.files+passed*maxFilesPerSecond)
	x.asOf = now
	x.messages -= cost
	return x.messages >= 0
}

// files is both of them.
type files struct {
	limits protocol.FileLimits            // of the profile, as it was told last
	asked  map[uint32]protocol.FileLimits // what the customer was told of a question, by epoch
	agent  parcelOut                      // where the agent's are written to
	total  int64                          // bytes that passed
	count  int                            // files
	send   exchange
	fetch  exchange
}

func newFiles(limits protocol.FileLimits) files {
	return files{limits: limits, asked: map[uint32]protocol.FileLimits{}, send: exchange{permission: protocol.SendFiles}, fetch: exchange{permission: protocol.FetchFiles}}
}

// of is the exchange that a permission is about, nil for another one.
func (f *files) of(p protocol.Permission) *exchange {
	switch p {
	case protocol.SendFiles:
		return &f.send
	case protocol.FetchFiles:
		return &f.fetch
	}
	return nil
}
