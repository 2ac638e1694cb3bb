package files

import (
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"consento/protocol"
)

// Folder is a folder that the customer may choose.
type Folder struct {
	Name string // for people, one line
	Path string // absolute
}

// Folders lists the folders of this user that there are, the one for downloads first:
// never the home directory itself, in which programs keep keys and settings.
func Folders() (list []Folder) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	if home, err = filepath.EvalSymlinks(home); err != nil {
		return nil
	}
	for _, path := range known(home) {
		name := nameOf(path)
		path, err := filepath.EvalSymlinks(path) // a link to the home directory is that directory
		if err != nil || !filepath.IsAbs(path) || within(path, home) {
			continue
		}
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			continue
		}
		if f := (Folder{name, path}); f.Name != "" && !holds(list, path) {
			list = append(list, f)
		}
	}
	return list
}

// within reports whether home is path, or lies in it.
func within(path, home string) bool {
	rel, err := filepath.Rel(path, filepath.Clean(home))
	return err != nil || rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func holds(list []Folder, path string) bool {
	for _, f := range list {
		if f.Path == path {
			return true
		}
	}
	return false
}

// nameOf is the last part of a path as people are shown it, "" if it cannot be.
func nameOf(path string) string {
	name := filepath.Base(path)
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > protocol.MaxName {
		return ""
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	return name
}
