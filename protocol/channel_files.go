package protocol

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// FilesChannel is the label of the WebRTC data channel that carries files between a
// console and the agent, over the broker: what is said of them as JSON text, their
// content as binary messages, see [Chunk].
const FilesChannel = "files"

// Limits of the channel.
const (
	MaxTransferMessage = 60 << 10 // bytes; every browser takes 64 KiB
	MaxChunk           = 48 << 10 // bytes of content in one message
	// TransferWindow is how many bytes of one file may be on their way: what its
	// receiver has not acknowledged. Whoever sends waits there.
	TransferWindow = 2 << 20
	// TransferFirst is how much of it is used at first, and on a slow way: no more than
	// what the way carries in TransferAhead, so that nothing else waits long behind it.
	TransferFirst = 128 << 10
	TransferAhead = 400 * time.Millisecond
	// MaxTransfers is how many files, and lists, may be on their way under one consent.
	MaxTransfers = 4
	// MaxEntries is how many entries one message lists; MaxListed how many of a folder
	// are told at all.
	MaxEntries = 64
	MaxListed  = 10_000
	// MaxTransferSize bounds a file, in bytes, whatever a profile says.
	MaxTransferSize = 1 << 40
)

// TransferKind says what a Transfer message is.
type TransferKind string

// The kinds: from the console, from either side, and from the agent.
const (
	TransferAttach  TransferKind = "attach"  // this console has the files from now on
	TransferList    TransferKind = "list"    // tell what is in folder Path, from entry At on
	TransferPut     TransferKind = "put"     // file Path of Size bytes comes; Batch is the folder it was sent with
	TransferGet     TransferKind = "get"     // send file Path; its first At bytes are there, of hash Hash
	TransferCancel  TransferKind = "cancel"  // no more of it; with Keep what is there stays, to go on from
	TransferAck     TransferKind = "ack"     // the receiver has the first At bytes
	TransferEnd     TransferKind = "end"     // the sender has sent all Size bytes, of hash Hash
	TransferDone    TransferKind = "done"    // the receiver has all of it, found Hash as well, and put it in its place: Path, from an agent
	TransferOpened  TransferKind = "opened"  // which folder the customer chose: Path is its name; Size is what one file may have
	TransferListing TransferKind = "listing" // Entries of folder Path from entry At on, of Count; Left more cannot be transferred
	TransferReady   TransferKind = "ready"   // it can begin: Path is its name in the end, Size its size; At bytes are there, of hash Hash
	TransferFailed  TransferKind = "failed"  // it is over, Cause says why
)

// TransferKinds lists the kinds.
func TransferKinds() []TransferKind {
	return []TransferKind{TransferAttach, TransferList, TransferPut, TransferGet, TransferCancel, TransferAck, TransferEnd, TransferDone,
		TransferOpened, TransferListing, TransferReady, TransferFailed}
}

// FileCause says why a file was not transferred. It is shown to the technician and
// stands on the evidence.
type FileCause string

// The causes.
const (
	FileName      FileCause = "name"      // a name that cannot be carried from one system to another
	FileMissing   FileCause = "missing"   // there is no such file or folder
	FileKind      FileCause = "kind"      // it is no plain file: a link, a device, a pipe
	FileSize      FileCause = "size"      // larger than the profile allows, or than said before
	FileFolders   FileCause = "folders"   // the profile allows single files only
	FileTotal     FileCause = "total"     // more in all than the profile allows
	FileSpace     FileCause = "space"     // the disk is full
	FileDenied    FileCause = "denied"    // the system does not let the customer read or write there
	FileChanged   FileCause = "changed"   // it was changed while it was read
	FileHash      FileCause = "hash"      // what came is not what was sent
	FileStopped   FileCause = "stopped"   // the customer stopped it
	FileBusy      FileCause = "busy"      // too many at once: later
	FileHidden    FileCause = "hidden"    // the customer hides the screen: later
	FileAway      FileCause = "away"      // the connection was lost
	FileFailed    FileCause = "failed"    // anything else
	FileCancelled FileCause = "cancelled" // the technician stopped it
	FileWithdrawn FileCause = "withdrawn" // the consent ended
)

// FileCauses lists the causes.
func FileCauses() []FileCause {
	return []FileCause{FileName, FileMissing, FileKind, FileSize, FileFolders, FileTotal, FileSpace, FileDenied, FileChanged, FileHash,
		FileStopped, FileBusy, FileHidden, FileAway, FileFailed, FileCancelled, FileWithdrawn}
}

// FileLimits is how much a profile lets be transferred.
type FileLimits struct {
	File    int64 `json:"file"`    // bytes of one file
	Total   int64 `json:"total"`   // bytes in one session, both ways
	Folders bool  `json:"folders"` // folders with what is in them, not single files only
}

func (l FileLimits) validate() error {
	return check(l.File > 0 && l.File <= MaxTransferSize && l.Total > 0 && l.Total <= MaxTransferSize, "limits of files")
}

// FileEntry is one entry of a folder.
type FileEntry struct {
	Name     string `json:"name"`
	Folder   bool   `json:"folder,omitempty"`
	Size     int64  `json:"size,omitempty"`     // bytes; of a folder 0
	Modified int64  `json:"modified,omitempty"` // Unix seconds
}

// Transfer is one message of the channel. Fields that its kind does not have are
// zero.
type Transfer struct {
	Kind    TransferKind `json:"kind"`
	Epoch   uint32       `json:"epoch"`             // of the consent to send_files or fetch_files that it relies on
	ID      uint32       `json:"id,omitempty"`      // which transfer of this consent, each larger than the last; none with attach and opened
	Path    string       `json:"path,omitempty"`    // below the customer's folder, by "/"; "" is the folder itself
	Size    int64        `json:"size,omitempty"`    // bytes
	At      int64        `json:"at,omitempty"`      // bytes from the start; with list and listing entries
	Hash    string       `json:"hash,omitempty"`    // SHA-256, 64 hexadecimal digits
	Batch   uint32       `json:"batch,omitempty"`   // files of one folder that is sent whole have the same one
	Keep    bool         `json:"keep,omitempty"`    // with cancel
	Count   int64        `json:"count,omitempty"`   // with listing
	Left    int64        `json:"left,omitempty"`    // with listing
	Entries []FileEntry  `json:"entries,omitempty"` // with listing, at most 64
	Cause   FileCause    `json:"cause,omitempty"`   // with failed
}

// FromConsole reports whether it is for a console to say under a consent to p.
func (m Transfer) FromConsole(p Permission) bool {
	switch m.Kind {
	case TransferAttach, TransferCancel:
		return true
	case TransferPut, TransferEnd:
		return p == SendFiles
	case TransferList, TransferGet, TransferAck, TransferDone:
		return p == FetchFiles
	}
	return false
}

// FromAgent reports whether it is for an agent to say under a consent to p.
func (m Transfer) FromAgent(p Permission) bool {
	switch m.Kind {
	case TransferOpened, TransferReady, TransferFailed:
		return true
	case TransferAck, TransferDone:
		return p == SendFiles
	case TransferListing, TransferEnd:
		return p == FetchFiles
	}
	return false
}

// Encode makes the data channel message.
func (m Transfer) Encode() ([]byte, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(m)
	if err == nil && len(data) > MaxTransferMessage {
		err = fmt.Errorf("%w: transfer message of %d bytes", ErrMalformed, len(data))
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// DecodeTransfer reads a data channel message of text.
func DecodeTransfer(data []byte) (Transfer, error) {
	var m Transfer
	if len(data) > MaxTransferMessage {
		return m, fmt.Errorf("%w: transfer message of %d bytes", ErrMalformed, len(data))
	}
	if !utf8.Valid(data) || json.Unmarshal(data, &m) != nil {
		return Transfer{}, fmt.Errorf("%w: transfer", ErrMalformed)
	}
	return m, m.validate()
}

func (m Transfer) validate() error {
	only := Transfer{Kind: m.Kind, Epoch: m.Epoch, ID: m.ID} // with the fields that the kind has
	ok := m.ID > 0
	switch m.Kind {
	case TransferAttach:
		ok = m.ID == 0
	case TransferList:
		only.Path, only.At = m.Path, m.At
		ok = ok && folderOK(m.Path) && m.At <= MaxListed
	case TransferPut:
		only.Path, only.Size, only.Batch = m.Path, m.Size, m.Batch
		ok = ok && FilePathOK(m.Path)
	case TransferGet:
		only.Path, only.At, only.Hash = m.Path, m.At, m.Hash
		ok = ok && FilePathOK(m.Path) && startOK(m.At, m.Hash)
	case TransferCancel:
		only.Keep = m.Keep
	case TransferAck:
		only.At = m.At
	case TransferEnd:
		only.Size, only.Hash = m.Size, m.Hash
		ok = ok && hashOK(m.Hash)
	case TransferDone:
		only.Hash, only.Path = m.Hash, m.Path
		ok = ok && hashOK(m.Hash) && folderOK(m.Path)
	case TransferOpened:
		only.Path, only.Size = m.Path, m.Size
		ok = m.ID == 0 && lineOK(m.Path, MaxName) && m.Path != ""
	case TransferListing:
		only.Path, only.At, only.Count, only.Left, only.Entries = m.Path, m.At, m.Count, m.Left, m.Entries
		ok = ok && folderOK(m.Path) && m.Count >= 0 && m.Count <= MaxListed && m.Left >= 0 && len(m.Entries) <= MaxEntries && m.At+int64(len(m.Entries)) <= m.Count
		for _, e := range m.Entries {
			ok = ok && FileNameOK(e.Name) && e.Size >= 0 && e.Size <= MaxTransferSize && (!e.Folder || e.Size == 0)
		}
	case TransferReady:
		only.Path, only.Size, only.At, only.Hash = m.Path, m.Size, m.At, m.Hash
		ok = ok && FilePathOK(m.Path) && startOK(m.At, m.Hash) && m.At <= m.Size
	case TransferFailed:
		only.Cause = m.Cause
		ok = ok && slices.Contains(FileCauses(), m.Cause)
	default:
		return check(false, "kind")
	}
	return errors.Join(check(m.Epoch > 0, "epoch"), check(ok, string(m.Kind)), check(m.At >= 0 && m.At <= MaxTransferSize, "at"),
		check(m.Size >= 0 && m.Size <= MaxTransferSize, "size"), check(m.equal(only), "field of another kind"))
}

// equal compares all but the entries, of which it compares the number.
func (m Transfer) equal(n Transfer) bool {
	return len(m.Entries) == len(n.Entries) && m.Kind == n.Kind && m.Epoch == n.Epoch && m.ID == n.ID && m.Path == n.Path && m.Size == n.Size && m.At == n.At &&
		m.Hash == n.Hash && m.Batch == n.Batch && m.Keep == n.Keep && m.Count == n.Count && m.Left == n.Left && m.Cause == n.Cause
}

// startOK: what is there already has a hash, and nothing has none.
func startOK(at int64, hash string) bool {
	return at == 0 && hash == "" || at > 0 && hashOK(hash)
}

func hashOK(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == 64
}

func folderOK(path string) bool { return path == "" || FilePathOK(path) }

// chunkHeader is the size of a chunk's header, in bytes: epoch, id, at, big endian.
const chunkHeader = 4 + 4 + 8

// Chunk is a part of a file's content: a binary message of the channel, of 16 bytes
// (epoch and id of 4 bytes, at of 8, big endian) and the content.
type Chunk struct {
	Epoch uint32
	ID    uint32
	At    int64  // of the first byte, from the start of the file
	Data  []byte // 1 to 49,152 bytes
}

// Encode makes the data channel message.
func (c Chunk) Encode() ([]byte, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	b := make([]byte, chunkHeader, chunkHeader+len(c.Data))
	binary.BigEndian.PutUint32(b, c.Epoch)
	binary.BigEndian.PutUint32(b[4:], c.ID)
	binary.BigEndian.PutUint64(b[8:], uint64(c.At))
	return append(b, c.Data...), nil
}

// DecodeChunk reads a binary data channel message. The chunk's Data is part of data.
func DecodeChunk(data []byte) (Chunk, error) {
	if len(data) < chunkHeader {
		return Chunk{}, fmt.Errorf("%w: chunk of %d bytes", ErrMalformed, len(data))
	}
	at := binary.BigEndian.Uint64(data[8:])
	if at > MaxTransferSize {
		return Chunk{}, fmt.Errorf("%w: chunk", ErrMalformed)
	}
	c := Chunk{Epoch: binary.BigEndian.Uint32(data), ID: binary.BigEndian.Uint32(data[4:]), At: int64(at), Data: data[chunkHeader:]}
	return c, c.validate()
}

func (c Chunk) validate() error {
	return check(c.Epoch > 0 && c.ID > 0 && c.At >= 0 && len(c.Data) > 0 && len(c.Data) <= MaxChunk && c.At+int64(len(c.Data)) <= MaxTransferSize, "chunk")
}
