package ops

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"golang.org/x/sys/unix"
)

// keyFile is what an older broker kept among its recordings: key bags, those from
// before a re-wrapping, keys of logs, shares and customers' copies.
var keyFile = regexp.MustCompile(`^[0-9a-f]{32}-(0|[1-9][0-9]{0,6})(\.key|\.key\.before|\.logkeys|-[0-9a-f]{32}\.(share|share-forms|told))(\.new)?$`)

// unfinished ends the name of what is still being written.
const unfinished = ".new"

// MoveBags brings all keys out of the folder of recordings, where older brokers kept
// them, into that of the key bags, and returns how many files it moved. A crash loses
// none: the next call goes on. Nothing is moved where one file has two contents.
// Programs from before refuse the folder from then on: they would destroy no keys
// and say that they had. The caller serves from this folder.
func (f *Folder) MoveBags() (int, error) {
	m := mover{from: f.Evidence(), to: f.Bags(), rename: os.Rename, step: func() error { return nil }}
	names, err := m.find()
	if err == nil {
		err = f.renew()
	}
	moved := 0
	if err == nil {
		moved, err = m.run(names)
	}
	if err != nil {
		return moved, fmt.Errorf("%w %s: keys out of the recordings: %w", ErrFolder, f.path, plain(err))
	}
	return moved, nil
}

// renew keeps programs of an older format out.
func (f *Folder) renew() error {
	now := fmt.Appendf(nil, "%s%d\n", formatPrefix, folderFormat)
	if have, err := os.ReadFile(f.file("format")); err != nil || bytes.Equal(have, now) {
		return err
	}
	return WriteFile(f.file("format"), now)
}

// mover moves keys from one folder to another.
type mover struct {
	from, to string
	rename   func(from, to string) error
	step     func() error // before each change of the disk: a test ends it there
}

// find names what is to be moved, and changes nothing.
func (m mover) find() (names []string, err error) {
	entries, err := os.ReadDir(m.from)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !keyFile.MatchString(e.Name()) {
			continue
		}
		if !e.Type().IsRegular() {
			return nil, fmt.Errorf("%s is not a file", filepath.Join(m.from, e.Name()))
		}
		if err := m.compare(e.Name()); err != nil {
			return nil, err
		}
		names = append(names, e.Name())
	}
	return names, nil
}

func (m mover) run(names []string) (moved int, err error) {
	for _, name := range names {
		if err := m.move(name); err != nil {
			return moved, err
		}
		moved++
	}
	if moved == 0 {
		return 0, nil
	}
	return moved, errors.Join(syncFolder(m.to), syncFolder(m.from))
}

// compare refuses a file that is another in both places: which one is right only
// people can tell.
func (m mover) compare(name string) error {
	if filepath.Ext(name) == unfinished {
		return nil
	}
	there, err := os.ReadFile(filepath.Join(m.to, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	here, err := os.ReadFile(filepath.Join(m.from, name))
	if err == nil && !bytes.Equal(here, there) && !blanked(here) {
		err = fmt.Errorf("%s lies in %s and in %s, and is not the same: keep one of them (the log names a key bag by its SHA-256)", name, m.from, m.to)
	}
	return err
}

// blanked: of a file that is being destroyed this is left.
func blanked(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

func (m mover) move(name string) error {
	from, to := filepath.Join(m.from, name), filepath.Join(m.to, name)
	if filepath.Ext(name) == unfinished {
		return m.destroy(from)
	}
	_, err := os.Lstat(to)
	if err == nil {
		return m.destroy(from) // the same: it was copied
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := m.step(); err != nil {
		return err
	}
	if err := m.rename(from, to); !errors.Is(err, unix.EXDEV) {
		return err
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := m.write(to, b); err != nil {
		return err
	}
	return m.destroy(from)
}

// write copies to another disk.
func (m mover) write(to string, b []byte) error {
	if err := m.step(); err != nil {
		return err
	}
	f, err := os.OpenFile(to+unfinished, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := m.step(); err != nil {
		return err
	}
	return errors.Join(os.Rename(to+unfinished, to), syncFolder(m.to))
}

// destroy overwrites a file before it removes it: it stays on the disk of the
// recordings otherwise.
func (m mover) destroy(path string) error {
	if err := m.step(); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, info.Size()), 0)
	}
	if err := errors.Join(err, f.Sync(), f.Close(), m.step()); err != nil {
		return err
	}
	return os.Remove(path)
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
