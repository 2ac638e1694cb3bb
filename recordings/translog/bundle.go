package translog

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// maxBundle is the length of the longest bundle: 256 entries with their lengths.
const maxBundle = tileWidth * (2 + MaxEntry)

var errBundle = errors.New("not a bundle of entries")

// appendEntry adds an entry with its length to a bundle (C2SP tlog-tiles).
func appendEntry(bundle, entry []byte) []byte {
	return append(binary.BigEndian.AppendUint16(bundle, uint16(len(entry))), entry...)
}

// parseBundle splits a bundle into its entries, which share its memory.
func parseBundle(b []byte) ([][]byte, error) {
	var entries [][]byte
	for len(b) > 0 {
		if len(entries) == tileWidth {
			return nil, fmt.Errorf("%w: more than %d", errBundle, tileWidth)
		}
		entry, rest, err := firstEntry(b)
		if err != nil {
			return nil, err
		}
		entries, b = append(entries, entry), rest
	}
	return entries, nil
}

func firstEntry(b []byte) (entry, rest []byte, err error) {
	if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
		return nil, nil, fmt.Errorf("%w: it ends within an entry", errBundle)
	}
	end := 2 + int(binary.BigEndian.Uint16(b))
	return b[2:end:end], b[end:], nil
}
