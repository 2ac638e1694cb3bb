package sysinfo

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
)

const dpkgStatus = "/var/lib/dpkg/status"

// software lists what the package managers have installed: dpkg's own list is read,
// rpm is asked, since the form of its database changes.
func software(ctx context.Context, t *Table) error {
	found := false
	f, err := os.Open(dpkgStatus)
	if err == nil {
		found = true
		err = errors.Join(dpkg(ctx, f, t), f.Close())
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	asked := ask(ctx, rpmList, func(out io.Reader) error { return rpm(ctx, out, t) })
	if errors.Is(asked, ErrMissing) {
		asked = nil
	} else {
		found = true
	}
	if !found {
		return ErrMissing
	}
	return errors.Join(err, asked)
}

// maxLine bounds one line of a list, in bytes.
const maxLine = 1 << 20

// scan goes through the lines of a list; one that is too long ends it.
func scan(ctx context.Context, r io.Reader, each func(line string) bool) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	for lines.Scan() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !each(lines.Text()) {
			return nil
		}
	}
	return lines.Err()
}

// dpkg reads dpkg's status file (deb-control form: paragraphs of "Name: value").
func dpkg(ctx context.Context, r io.Reader, t *Table) error {
	var name, version, architecture, status string
	flush := func() bool {
		room := true
		if name != "" && strings.HasSuffix(status, " installed") {
			room = t.add("dpkg/"+name+":"+architecture, name, version, architecture, "dpkg")
		}
		name, version, architecture, status = "", "", "", ""
		return room
	}
	err := scan(ctx, r, func(line string) bool {
		if line == "" {
			return flush()
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch field {
		case "Package":
			name = value
		case "Version":
			version = value
		case "Architecture":
			architecture = value
		case "Status":
			status = value
		}
		return true
	})
	flush()
	return err
}

// rpm reads what rpmList prints.
func rpm(ctx context.Context, r io.Reader, t *Table) error {
	return scan(ctx, r, func(line string) bool {
		fields := strings.Split(line, "\t")
		if len(fields) != 3 || fields[0] == "" || fields[0] == "gpg-pubkey" {
			return true
		}
		return t.add("rpm/"+fields[0]+":"+fields[2], fields[0], fields[1], fields[2], "rpm")
	})
}
