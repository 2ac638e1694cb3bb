package protocol

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of names and paths.
const (
	MaxFileName  = 240  // bytes of UTF-8: file systems take 255, and a number or ".part" may be added
	MaxFilePath  = 1024 // bytes
	MaxFileDepth = 32   // folders and the file itself
)

// FilePathOK reports whether a relative path, by "/", has only names that
// [FileNameOK] takes.
func FilePathOK(path string) bool {
	if path == "" || len(path) > MaxFilePath || strings.Count(path, "/") >= MaxFileDepth {
		return false
	}
	for name := range strings.SplitSeq(path, "/") {
		if !FileNameOK(name) {
			return false
		}
	}
	return true
}

// FileNameOK reports whether a file may have this name on any system, and looks like
// what it is: no part of a path, no device (Windows), no stream, nothing that turns or
// hides text (Unicode UAX 9, TR 36), nothing that a file manager does not show or obeys.
func FileNameOK(name string) bool {
	if name == "" || len(name) > MaxFileName || !utf8.ValidString(name) || strings.ContainsFunc(name, notInNames) {
		return false
	}
	// Windows drops spaces and dots at the end; a dot at the beginning hides.
	if name[0] == '.' || name != strings.TrimFunc(name, unicode.IsSpace) || name[len(name)-1] == '.' {
		return false
	}
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	return !slices.Contains(devices, strings.TrimRight(stem, " ")) && !slices.Contains(obeyed, strings.ToLower(name))
}

// devices are names that Windows takes for a device in any folder, with any ending.
var devices = func() []string {
	names := []string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"}
	for _, n := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "\u00b9", "\u00b2", "\u00b3"} {
		names = append(names, "COM"+n, "LPT"+n)
	}
	return names
}()

// obeyed are files that a file manager follows as soon as it sees them.
var obeyed = []string{"desktop.ini", "autorun.inf", "folder.htt"}

// notInNames tells characters that mean something else than themselves to a system or to
// a reader. The joiners that scripts and emoji are written with stay.
func notInNames(r rune) bool {
	switch {
	case strings.ContainsRune(`/\:*?"<>|`, r), r == utf8.RuneError:
		return true
	case r == '\u200c' || r == '\u200d':
		return false
	case r == '\u3164' || r == '\uffa0' || r == '\u115f' || r == '\u1160' || r == '\u2800': // letters and a sign that show nothing
		return true
	}
	return unicode.IsSpace(r) && r != ' ' || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Cs, unicode.Co, unicode.Zl, unicode.Zp)
}
