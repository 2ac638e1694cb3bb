// Package restart lets the agent come back once after a restart of the customer's
// computer.
//
// It promises: nothing is written before Prepare; what Prepare writes is one private
// folder with a copy of the program and a sealed ticket, and one entry that starts
// it with the next login; nothing that stands there already is written over, and no
// link is followed to it; Undo removes all of it; Take, in the program that was
// started by the entry, removes the entry before anything else, then the ticket, and
// leaves the program's own file to package remove. A ticket holds no consent. It is
// sealed to this computer and to its own folder, so that a copy elsewhere is of no
// use by itself; that it is used once is for the broker to see to.
//
// It does not protect the ticket from programs of the same user on the same computer.
package restart

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Limit is for how long a ticket is good.
const Limit = 15 * time.Minute

const (
	prefix     = ".consento-return-" // of the folder, and without the point of the entry
	program    = "consento-agent"
	ticketName = "ticket"
	maxTicket  = 8 << 10
	maxProgram = 1 << 30
	// Flag is what the entry starts the program with.
	Flag = "after-restart"
)

var (
	// ErrUnable says that this computer starts no program by itself after a restart,
	// or not one that leaves nothing.
	ErrUnable = errors.New("restart: no way back after a restart of this computer")
	// ErrTicket says that there is no ticket, or none that is good here and now.
	ErrTicket = errors.New("restart: no good ticket")
)

// Ticket is what the program comes back with.
type Ticket struct {
	Session  string
	Secret   string // 32 bytes in base64url, drawn here and told nobody before the return
	Machine  string // name of this computer for this session
	Broker   string // as it was asked for on the command line, may be empty
	Language string // that is spoken (BCP 47)
	Made     time.Time
}

// content is a ticket as it is sealed. Made is in Unix milliseconds.
type content struct {
	V        int      `json:"v"`
	Session  string   `json:"session"`
	Secret   string   `json:"secret"`
	Broker   string   `json:"broker,omitempty"`
	Language string   `json:"language,omitempty"`
	Made     int64    `json:"made"`
	Entry    string   `json:"entry"`
	Folders  []string `json:"folders,omitempty"` // that were made for the entry, the deepest first
}

// Words are shown where the desktop lists what it starts.
type Words struct {
	Name    string
	Comment string
}

// Plan is what lies on the disk for the return.
type Plan struct {
	Ticket  Ticket
	folder  string   // with program and ticket
	entry   string   // what starts it: a file, or a name in the registry
	folders []string // that were made for the entry, the deepest first
}

// NewTicket draws a ticket.
func NewTicket(session, broker, language string) Ticket {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails since Go 1.24
	return Ticket{Session: session, Secret: base64.RawURLEncoding.EncodeToString(secret), Machine: Machine(session), Broker: broker, Language: language, Made: time.Now()}
}

// Hash is what the broker may know of the secret before the return.
func (t Ticket) Hash() string {
	secret, err := base64.RawURLEncoding.DecodeString(t.Secret)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(secret)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Left is for how long the ticket is good, at most Limit: a wall clock that was set
// back makes nobody wait for longer.
func (t Ticket) Left() time.Duration {
	return min(Limit, Limit-time.Since(t.Made))
}

// Machine names this computer for one session, in base64url: the broker can compare
// it, and tell nothing from it.
func Machine(session string) string {
	mac := hmac.New(sha256.New, []byte("consento restart 1 "+session))
	mac.Write(machineID())
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Prepare writes copy, ticket and entry, the entry last. On an error nothing is left.
func Prepare(t Ticket, words Words) (plan *Plan, err error) {
	if err := Able(); err != nil {
		return nil, err
	}
	home, err := home()
	if err != nil {
		return nil, err
	}
	name := make([]byte, 8)
	rand.Read(name) // never fails since Go 1.24
	p := &Plan{Ticket: t, folder: filepath.Join(home, prefix+hex.EncodeToString(name))}
	if err := os.Mkdir(p.folder, 0o700); err != nil {
		return nil, fmt.Errorf("restart: %w", err)
	}
	defer func() {
		if err != nil {
			if left := p.Undo(); len(left) > 0 {
				err = fmt.Errorf("%w; left: %v", err, left)
			}
			plan = nil
		}
	}()
	if err := p.copyProgram(); err != nil {
		return nil, fmt.Errorf("restart: the copy: %w", err)
	}
	// Where the entry will be is known before it is made: the ticket says it.
	if p.entry, p.folders, err = placeEntry(filepath.Base(p.folder)[1:]); err != nil {
		return nil, fmt.Errorf("restart: the entry: %w", err)
	}
	if err := p.writeTicket(); err != nil {
		return nil, fmt.Errorf("restart: the ticket: %w", err)
	}
	if err := makeEntry(p.entry, filepath.Join(p.folder, programName), words); err != nil {
		return nil, fmt.Errorf("restart: the entry: %w", err)
	}
	return p, nil
}

func (p *Plan) copyProgram() error {
	from, err := openProgram()
	if err != nil {
		return err
	}
	defer from.Close()
	return p.write(programName, 0o700, io.LimitReader(from, maxProgram))
}

func (p *Plan) writeTicket() error {
	plain, err := json.Marshal(content{V: 1, Session: p.Ticket.Session, Secret: p.Ticket.Secret, Broker: p.Ticket.Broker, Language: p.Ticket.Language, Made: p.Ticket.Made.UnixMilli(), Entry: p.entry, Folders: p.folders})
	if err != nil {
		return err
	}
	sealed, err := seal(p.folder, plain)
	if err != nil {
		return err
	}
	return p.write(ticketName, 0o600, bytes.NewReader(sealed))
}

// write makes a file in the folder, which must not be there yet, and returns when it
// is on the disk.
func (p *Plan) write(name string, mode fs.FileMode, from io.Reader) error {
	return create(filepath.Join(p.folder, name), mode, from)
}

// create makes a file that must not be there yet, not even as a link.
func create(path string, mode fs.FileMode, from io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Sync(), f.Close())
}

// Undo removes what lies there, the entry first, and lists what is left.
func (p *Plan) Undo() []string {
	p.clear()
	return p.Left()
}

func (p *Plan) clear() {
	if p.entry != "" {
		_ = removeEntry(p.entry) // Left says what is still there
	}
	_ = os.Remove(filepath.Join(p.folder, ticketName))
	_ = os.Remove(filepath.Join(p.folder, programName))
	_ = os.Remove(p.folder) // if it is empty
	for _, f := range p.folders {
		_ = os.Remove(f) // if it is empty: others may use it by now
	}
}

// Left tries once more and lists the names of what is still there.
func (p *Plan) Left() (left []string) {
	if p.folder == "" {
		return nil
	}
	p.clear()
	if p.entry != "" && entryThere(p.entry) {
		left = append(left, filepath.Base(p.entry))
	}
	if _, err := os.Lstat(p.folder); !errors.Is(err, fs.ErrNotExist) {
		left = append(left, filepath.Base(p.folder))
	}
	return left
}

// Take is called by a program that the entry has started, before it does anything
// else: it removes the entry, then the ticket, and returns that. The program's own
// file and its folder go with the Plan's Left, once package remove has unlinked the
// file. On ErrTicket there is a Plan all the same, for what is to be removed.
func Take() (*Plan, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTicket, err)
	}
	return take(filepath.Dir(path))
}

func take(folder string) (*Plan, error) {
	base := filepath.Base(folder)
	if !ours(base) {
		return nil, fmt.Errorf("%w: not started from a folder of the return's", ErrTicket)
	}
	p := &Plan{folder: folder}
	known, err := findEntry(base[1:])
	if err == nil {
		p.entry = known
		_ = removeEntry(known)
	}
	sealed, err := readTicket(filepath.Join(folder, ticketName))
	if gone := os.Remove(filepath.Join(folder, ticketName)); err == nil {
		err = gone // one that stays could be used again
	}
	if err != nil {
		return p, fmt.Errorf("%w: %w", ErrTicket, err)
	}
	plain, err := open(folder, sealed)
	var c content
	if err == nil {
		err = json.Unmarshal(plain, &c)
	}
	if err != nil || c.V != 1 {
		return p, fmt.Errorf("%w: %w", ErrTicket, err)
	}
	// The variables by which the entry is found may be others than they were.
	if c.Entry != known && isEntry(c.Entry, base[1:]) {
		p.entry = c.Entry
		_ = removeEntry(c.Entry)
	}
	for _, f := range c.Folders {
		if filepath.IsAbs(f) {
			p.folders = append(p.folders, f) // removed only if it is empty
		}
	}
	t := Ticket{Session: c.Session, Secret: c.Secret, Machine: Machine(c.Session), Broker: c.Broker, Language: c.Language, Made: time.UnixMilli(c.Made)}
	if t.Left() <= 0 {
		p.Ticket.Language = c.Language // for what is said about it
		return p, fmt.Errorf("%w: it is too old", ErrTicket)
	}
	p.Ticket = t
	return p, nil
}

// ours accepts the name of a folder of the return's.
func ours(base string) bool {
	id, ok := strings.CutPrefix(base, prefix)
	raw, err := hex.DecodeString(id)
	return ok && err == nil && len(raw) == 8
}

// readTicket reads a ticket that only its owner can have written.
func readTicket(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || !private(info) {
		return nil, errors.New("restart: the ticket is not a private file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if opened, err := f.Stat(); err != nil || !os.SameFile(info, opened) {
		return nil, errors.Join(errors.New("restart: the ticket was exchanged"), err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxTicket+1))
	if err == nil && len(data) > maxTicket {
		err = errors.New("restart: the ticket is too long")
	}
	return data, err
}
