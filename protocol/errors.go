package protocol

import "errors"

// ErrMalformed is wrapped by every error about a message, key or name that does
// not have the form this package describes.
var ErrMalformed = errors.New("malformed")
