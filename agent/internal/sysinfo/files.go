package sysinfo

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxSmallFile bounds what is read of a file of a few lines.
const maxSmallFile = 64 << 10

// small reads the beginning of a small file; "" if it cannot be read.
func small(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSmallFile))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(bytes.TrimRight(data, "\x00")))
}

// assignments reads lines like NAME="value", as of os-release(5).
func assignments(text string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(name, "#") {
			found[name] = strings.Trim(value, `"'`)
		}
	}
	return found
}

// firstOf is the content of the first of these files that has any.
func firstOf(paths ...string) string {
	for _, p := range paths {
		if text := small(p); text != "" {
			return text
		}
	}
	return ""
}

// names lists what lies in a folder.
func names(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := f.Readdirnames(10_000)
	if err == io.EOF {
		err = nil
	}
	return list, err
}

// linked is the name that a symbolic link leads to, without its folder.
func linked(path string) string {
	to, err := os.Readlink(path)
	if err != nil {
		return ""
	}
	return filepath.Base(to)
}
