package restart

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

// desktops are those known to start what lies in the folder autostart, once for each
// login (Desktop Application Autostart Specification 0.5). On others the entry would
// stay for ever.
var desktops = []string{"GNOME", "KDE", "XFCE", "MATE", "X-Cinnamon", "Cinnamon", "LXQt", "LXDE", "Budgie", "Pantheon", "Deepin", "DDE", "UKUI", "Unity", "COSMIC"}

// Able says why this computer cannot bring the program back, or nil.
func Able() error {
	known := func(name string) bool {
		return slices.ContainsFunc(desktops, func(d string) bool { return strings.EqualFold(d, name) })
	}
	if !slices.ContainsFunc(strings.Split(os.Getenv("XDG_CURRENT_DESKTOP"), ":"), known) {
		return fmt.Errorf("%w: this desktop is not known to start programs at login", ErrUnable)
	}
	at, err := home()
	if err != nil {
		return err
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(at, &disk); err != nil || disk.Flags&noExec != 0 {
		return fmt.Errorf("%w: no program can be started from the home folder", ErrUnable)
	}
	if _, err := quote(filepath.Join(at, prefix, programName)); err != nil {
		return err
	}
	return nil
}

// noExec is ST_NOEXEC of statfs(2).
const noExec = 8

// placeEntry makes the folder for an entry, if it is not there, and names the entry.
func placeEntry(id string) (entry string, made []string, err error) {
	entry, err = findEntry(id)
	if err != nil {
		return "", nil, err
	}
	for folder := filepath.Dir(entry); ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(folder); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", nil, err
		}
		made = append(made, folder)
	}
	for _, folder := range slices.Backward(made) {
		if err := os.Mkdir(folder, 0o700); err != nil {
			return "", made, err
		}
	}
	info, err := os.Stat(filepath.Dir(entry))
	if err == nil && !owned(info) {
		err = errors.New("others can write into the folder autostart")
	}
	return entry, made, err
}

// findEntry names the entry of a return.
func findEntry(id string) (string, error) {
	config := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(config) {
		at, err := home()
		if err != nil {
			return "", err
		}
		config = filepath.Join(at, ".config")
	}
	return filepath.Join(config, "autostart", id+".desktop"), nil
}

// isEntry accepts the path of a return's entry wherever its folder is.
func isEntry(path, id string) bool {
	return filepath.IsAbs(path) && filepath.Base(path) == id+".desktop" && filepath.Base(filepath.Dir(path)) == "autostart"
}

// makeEntry writes the entry: nothing that is there is written over, and no link
// followed (O_EXCL, open(2)).
func makeEntry(entry, program string, words Words) error {
	exec, err := quote(program)
	if err != nil {
		return err
	}
	lines := []string{"[Desktop Entry]", "Type=Application", "Version=1.0", "Name=" + value(words.Name), "Comment=" + value(words.Comment),
		"Exec=" + exec + " --" + Flag, "Terminal=false", "StartupNotify=false", "X-GNOME-Autostart-enabled=true", ""}
	return create(entry, 0o600, strings.NewReader(strings.Join(lines, "\n")))
}

func removeEntry(entry string) error { return os.Remove(entry) }

func entryThere(entry string) bool {
	_, err := os.Lstat(entry)
	return !errors.Is(err, fs.ErrNotExist)
}

// quote writes a path as the first word of Exec (Desktop Entry Specification 1.5): in
// quotes, within which four characters are escaped; percent signs doubled; and all of
// that as a value of type string, which escapes the backslash once more.
func quote(path string) (string, error) {
	if !filepath.IsAbs(path) || !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl) || strings.Contains(path, "=") {
		return "", fmt.Errorf("%w: the home folder's name cannot stand in an entry", ErrUnable)
	}
	word := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`, `%`, `%%`).Replace(path)
	return `"` + strings.ReplaceAll(word, `\`, `\\`) + `"`, nil
}

// value makes one line of a text.
func value(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !utf8.ValidRune(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.ReplaceAll(s, `\`, `\\`)
}
