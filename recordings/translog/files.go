package translog

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Names in the folder of a log.
const (
	checkpointFile = "checkpoint"
	cosignedFile   = "cosigned"
	sealedDir      = "sealed"
	lockFile       = "lock"
	tmpSuffix      = ".tmp"
)

// tileIndex writes the number of a tile as C2SP tlog-tiles does: x001/x234/067.
func tileIndex(n uint64) string {
	s := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	return s
}

// tilePath is the file of a tile of hashes; width 256 is the full one.
func tilePath(level int, n uint64, width int) string {
	return partial("tile/"+strconv.Itoa(level)+"/"+tileIndex(n), width)
}

// bundlePath is the file of a bundle of entries.
func bundlePath(n uint64, width int) string {
	return partial("tile/entries/"+tileIndex(n), width)
}

func partial(path string, width int) string {
	if width == tileWidth {
		return path
	}
	return path + ".p/" + strconv.Itoa(width)
}

// widths lists what there is of a tile or bundle, greatest first.
func widths(fsys fs.FS, full string) ([]int, error) {
	var w []int
	if _, err := fs.Stat(fsys, full); err == nil {
		w = append(w, tileWidth)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	parts, err := fs.ReadDir(fsys, full+".p")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	have := [tileWidth]bool{}
	for _, p := range parts {
		n, err := strconv.Atoi(p.Name())
		if err == nil && n > 0 && n < tileWidth && strconv.Itoa(n) == p.Name() {
			have[n] = true
		}
	}
	for n := tileWidth - 1; n > 0; n-- {
		if have[n] {
			w = append(w, n)
		}
	}
	return w, nil
}

// ReadFile reads a key, checkpoint or proof, of at most as many bytes as the longest
// of them may have.
func ReadFile(fsys fs.FS, name string) ([]byte, error) { return readLimited(fsys, name, maxProof) }

// readLimited reads a file of at most limit bytes.
func readLimited(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	return b, err
}

// folder writes files so that each is there whole or not at all.
type folder struct{ dir string }

func (d folder) path(name string) string { return filepath.Join(d.dir, filepath.FromSlash(name)) }

// write replaces a file; with durable it is on the disk afterwards, name included.
func (d folder) write(name string, b []byte, durable bool) error {
	if err := d.mkdir(path.Dir(name)); err != nil {
		return err
	}
	tmp := d.path(name + tmpSuffix)
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil && durable {
		err = syncData(f)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(tmp, d.path(name))
	}
	if err != nil {
		return errors.Join(err, remove(tmp)) // the full disk may need the room
	}
	if !durable {
		return nil
	}
	if err := syncDir(filepath.Dir(tmp)); err != nil {
		return errUncertain{err}
	}
	return nil
}

// errUncertain: the file is there, but would perhaps not survive a power cut.
type errUncertain struct{ error }

func (e errUncertain) Unwrap() error { return e.error }

// mkdir makes a folder and those above it below d, durably: what is synced in it
// later would be lost with it.
func (d folder) mkdir(name string) error {
	if name == "." {
		return nil
	}
	err := os.Mkdir(d.path(name), 0o700)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if err := d.mkdir(path.Dir(name)); err != nil {
			return err
		}
		return d.mkdir(name)
	case err != nil:
		return err
	}
	return syncDir(filepath.Dir(d.path(name)))
}

// remove deletes a file that may be gone already.
func remove(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sweep deletes what interrupted writes left.
func (d folder) sweep() error {
	return filepath.WalkDir(d.dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(p, tmpSuffix) {
			err = remove(p)
		}
		return err
	})
}

// SumFile is the SHA-256 of a file, as leaves name files of an office.
func SumFile(path string) (Hash, error) {
	f, err := os.Open(path)
	if err != nil {
		return Hash{}, err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return Hash(sum.Sum(nil)), errors.Join(err, f.Close())
}
