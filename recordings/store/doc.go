// Package store keeps recordings where they can only grow, and their key bags
// where they can be destroyed: the two never lie in the same place, or deletion
// would be a fiction.
//
// A [Store] promises:
//   - What [Store.Append] acknowledged is durable, and stays as it is. Of two appends
//     at one offset exactly one wins; the other learns how much there is.
//   - A sealed object takes no more bytes, and cannot be removed before its
//     retention is over. Retention can be made longer, never shorter.
//   - A bag is there whole or not at all; replacing one names what it replaces, so
//     that no re-wrap is lost to another. A removed bag is gone.
//   - Names, sizes and contents from outside are hostile: a name that is not
//     [ValidName] reaches no file system.
//
// It does not verify contents: package mirror does, before it appends.
package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// Errors of stores, besides fs.ErrNotExist and fs.ErrExist.
var (
	ErrName     = errors.New("not a name for an object")
	ErrSealed   = errors.New("the object is sealed: nothing can follow")
	ErrNotEnded = errors.New("the object is not sealed")
	ErrRetained = errors.New("the object is kept until its retention is over")
	ErrShorter  = errors.New("retention can only be made longer")
	ErrChanged  = errors.New("the bag is another than the one to be replaced")
	ErrTooLong  = errors.New("the bag is too long")
	ErrInUse    = errors.New("another process has this store")
)

// OffsetError refuses an append that does not begin at the end.
type OffsetError struct {
	Size int64 // what there is, in bytes
}

func (e OffsetError) Error() string { return fmt.Sprintf("there are %d bytes: append there", e.Size) }

// MaxBag is the length of the longest key bag, in bytes.
const MaxBag = 1 << 20

// Info is what a store knows of an object.
type Info struct {
	Name   string
	Size   int64
	Sealed bool
	Until  time.Time // of a sealed object: cannot be removed before; zero when not sealed
}

// Store keeps objects. It is safe for concurrent use.
type Store interface {
	// Append adds b behind the first at bytes of an object; at 0 begins it. When it
	// returns nil, b is durable; otherwise nothing of b was acknowledged.
	//
	// Errors: [OffsetError], [ErrSealed], [ErrName], recordings.ErrNoSpace.
	Append(ctx context.Context, name string, at int64, b []byte) error
	// Seal ends an object; repeating it with a later time makes retention longer.
	Seal(ctx context.Context, name string, until time.Time) error
	// Stat errors: fs.ErrNotExist.
	Stat(ctx context.Context, name string) (Info, error)
	// Open reads from an offset to the end that the object has now.
	Open(ctx context.Context, name string, from int64) (io.ReadCloser, error)
	// List goes through all objects in the order of their names. Until may be zero
	// for sealed ones too, where a store would have to be asked for each.
	List(ctx context.Context) iter.Seq2[Info, error]
	// Remove deletes a sealed object after its retention.
	Remove(ctx context.Context, name string) error

	Bags
}

// TakesBack is a store in which a crash can leave a part of an append that was never
// acknowledged.
type TakesBack interface {
	// TakeBack cuts what lies behind the first size bytes. Only who verified contents
	// can know that it may.
	TakeBack(ctx context.Context, name string, size int64) error
}

// Bags are the key bags of a store. Names are those of bags (".key").
type Bags interface {
	// CreateBag errors: fs.ErrExist.
	CreateBag(ctx context.Context, name string, bag []byte) error
	Bag(ctx context.Context, name string) ([]byte, error)
	// ReplaceBag takes the place of the bag with the hash old, or fails with
	// [ErrChanged].
	ReplaceBag(ctx context.Context, name string, old [sha256.Size]byte, bag []byte) error
	// RemoveBag destroys a bag. One that is gone already is no error.
	//
	// Errors: [ErrRetained] from a store that locks bags for a short while: it gives
	// the bag out no more, renews its lock no more, and destroys it when the lock is
	// over. Repeat until nil: only then it is gone.
	RemoveBag(ctx context.Context, name string) error
	// ListBags goes through the names in their order.
	ListBags(ctx context.Context) iter.Seq2[string, error]
}

// ValidName says whether a name is one for an object: lower-case letters, digits,
// '-' and '.', beginning with a letter or digit, at most 100.
func ValidName(name string) bool {
	if name == "" || len(name) > 100 || name[0] == '-' || name[0] == '.' {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}
