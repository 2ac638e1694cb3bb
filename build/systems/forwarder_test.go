package systems

import (
	"bytes"
	"encoding/binary"
)

// forwarder is a DLL for Windows on amd64 without code: its one function is that of
// another DLL (PE format, "Export Address Table": a forwarder). Wine 8 lacks
// bcryptprimitives.dll, whose ProcessPrng every Go program asks for at its start;
// SystemFunction036 of advapi32 takes the same and does the same.
func forwarder(name, function, to string) []byte {
	const (
		section = 0x1000 // where it lies in memory
		raw     = 0x200  // and in the file
	)
	le := binary.LittleEndian
	// Export directory, its three tables of one entry each, texts.
	texts := []string{name, function, to}
	at := uint32(section + 40 + 4 + 4 + 2)
	var where []uint32
	for _, s := range texts {
		where, at = append(where, at), at+uint32(len(s))+1
	}
	var exports []byte
	for _, n := range []uint32{0, 0, 0, where[0], 1, 1, 1, section + 40, section + 44, section + 48} {
		exports = le.AppendUint32(exports, n)
	}
	exports = le.AppendUint32(exports, where[2]) // inside the directory: a forwarder
	exports = le.AppendUint32(exports, where[1])
	exports = le.AppendUint16(exports, 0)
	for _, s := range texts {
		exports = append(append(exports, s...), 0)
	}
	size := uint32(len(exports))

	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&b, le, v) // into memory, of fixed sizes
		}
	}
	put([]byte("MZ"), make([]byte, 58), uint32(64), []byte("PE\x00\x00"))
	put(uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), uint16(240), uint16(0x2022))                              // amd64, one section, a DLL
	put(uint16(0x20b), uint16(0), uint32(0), uint32(raw), uint32(0), uint32(0), uint32(section))                              // PE32+, no entry point
	put(uint64(0x180000000), uint32(0x1000), uint32(0x200), uint16(6), uint16(0), uint32(0), uint16(6), uint16(0), uint32(0)) // base, alignments, versions
	put(uint32(2*section), uint32(raw), uint32(0), uint16(3), uint16(0x100))                                                  // sizes, console, no execution of data
	put(uint64(1<<20), uint64(1<<12), uint64(1<<20), uint64(1<<12), uint32(0), uint32(16))                                    // stack, heap, directories
	put(uint32(section), size, make([]byte, 15*8))
	put([]byte(".edata\x00\x00"), size, uint32(section), uint32(raw), uint32(raw), make([]byte, 12), uint32(0x40000040)) // read-only data
	b.Write(make([]byte, raw-b.Len()))
	b.Write(exports)
	b.Write(make([]byte, 2*raw-b.Len()))
	return b.Bytes()
}
