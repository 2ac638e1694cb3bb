package files

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
)

// known lists where this user's folders are, as the desktop has it (xdg-user-dirs:
// user-dirs.dirs holds lines of the form XDG_xxx_DIR="$HOME/yyy").
func known(home string) []string {
	paths := map[string]string{"DOWNLOAD": "Downloads", "DESKTOP": "Desktop", "DOCUMENTS": "Documents", "PICTURES": "Pictures"}
	for key, name := range paths {
		paths[key] = filepath.Join(home, name)
	}
	config := os.Getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	if f, err := os.Open(filepath.Join(config, "user-dirs.dirs")); err == nil {
		defer f.Close()
		lines := bufio.NewScanner(f)
		for n := 0; n < 100 && lines.Scan(); n++ {
			key, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), "=")
			key = strings.TrimSuffix(strings.TrimPrefix(key, "XDG_"), "_DIR")
			if _, known := paths[key]; !ok || !known {
				continue
			}
			value = strings.Trim(value, `"`)
			if rest, under := strings.CutPrefix(value, "$HOME"); under {
				value = home + rest
			}
			paths[key] = value
		}
	}
	return []string{paths["DOWNLOAD"], paths["DESKTOP"], paths["DOCUMENTS"], paths["PICTURES"]}
}
