//go:build !linux

package files

import "path/filepath"

// known lists where this user's folders usually are.
func known(home string) []string {
	return []string{filepath.Join(home, "Downloads"), filepath.Join(home, "Desktop"), filepath.Join(home, "Documents"), filepath.Join(home, "Pictures")}
}
