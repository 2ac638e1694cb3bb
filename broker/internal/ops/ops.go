// Package ops is the ground the broker stands on: its configuration, its data
// folder, its database, its certificates and server secrets, its health, its
// figures and its log.
//
// Promises:
//   - What an operator wrote is taken as written or refused with the place and
//     the reason; nothing that is not understood is ignored.
//   - One data folder belongs to one running broker. Commands may work in the
//     same folder at the same time; what must be made once is made once.
//   - Secrets are made on the machine, by its random source, and lie in files
//     that only their owner can read.
//   - Nothing here writes personal data, keys, tickets or tokens to the log.
//
// It does not know accounts, sessions or evidence. Tables belong to the packages
// that use them; ops only brings them up to date.
package ops

import "errors"

var (
	// ErrConfig is wrapped by every error about the configuration.
	ErrConfig = errors.New("configuration")
	// ErrFolder is wrapped by every error about the data folder.
	ErrFolder = errors.New("data folder")
	// ErrInUse says that another broker serves from this data folder.
	ErrInUse = errors.New("the data folder is in use")
	// ErrNoSpace says that the disk of the data folder is (almost) full.
	ErrNoSpace = errors.New("too little free space")
	// ErrNewer says that a newer program has written the folder or the database.
	ErrNewer = errors.New("written by a newer version of Consento")
)
