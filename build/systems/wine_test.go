package systems

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// winePatience bounds one run; the first one makes Wine's own folder.
const winePatience = 5 * time.Minute

// wine is how Wine is called here; where there is none, the test is skipped.
func wine(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"wine64", "wine", "/usr/lib/wine/wine64"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("the tools for Windows run in Wine, which is not installed here: build/setup.sh all installs it (0.7 GB)")
	return ""
}

// TestToolOnWindows: the tool for Windows, in Wine, comes to the same verdicts on the
// same files as the one for Linux, and exports the same.
func TestToolOnWindows(t *testing.T) {
	program := wine(t)
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	// A folder for each system, with the same in it.
	folders := map[string]string{"linux": t.TempDir(), "windows": t.TempDir()}
	for system, dir := range folders {
		if err := os.WriteFile(filepath.Join(dir, "tool.exe"), buildTool(t, here, system, "amd64"), 0o755); err != nil {
			t.Fatal(err)
		}
		copies(t, filepath.Join(here, "recordings"), dir)
	}
	prefix := filepath.Join(t.TempDir(), "wine")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), winePatience)
		defer cancel()
		stop := exec.CommandContext(ctx, program, "wineboot", "--kill")
		stop.Env = wineEnv(prefix)
		_ = stop.Run() // what is left ends by itself
		// Its server writes the registry down at the end, into the folder that is about to go.
		server := filepath.Join(filepath.Dir(program), "wineserver")
		if path, err := exec.LookPath("wineserver"); err == nil {
			server = path
		}
		over := exec.CommandContext(ctx, server, "--wait")
		over.Env = wineEnv(prefix)
		if said, err := output(t, over); err != nil {
			t.Errorf("%s: %v: %s", server, err, said)
		}
	})
	// Wine's own folder, once.
	begin := exec.CommandContext(t.Context(), program, "wineboot", "--init")
	begin.Env = wineEnv(prefix)
	if said, err := output(t, begin); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	dll := filepath.Join(prefix, "drive_c", "windows", "system32", "bcryptprimitives.dll")
	if _, err := os.Stat(dll); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(dll, forwarder("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for what, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a recording":     {[]string{"session", "rec/golden-0.rec"}, 3, "UNVERIFIABLE"},
		"with picture":    {[]string{"session", "rec/v2/golden-0.rec"}, 3, "UNVERIFIABLE"},
		"cut":             {[]string{"session", "rec/cut-0.rec"}, 2, "INCOMPLETE"},
		"changed":         {[]string{"session", "rec/changed-0.rec"}, 1, "TAMPERED"},
		"not there":       {[]string{"session", "rec/none-0.rec"}, 4, "none-0.rec"},
		"a log":           {[]string{"log", "log/log", "--policy", "log/keys"}, 0, "OK: the log is whole"},
		"a log, no keys":  {[]string{"log", "log/log"}, 3, "log.pub"},
		"opened":          {[]string{"open", "rec/golden-0.rec", "--identity", "rec/golden.identity", "--out", "out"}, 3, "UNVERIFIABLE"},
		"wrongly called":  {[]string{"verify"}, 4, ""},
		"how it is asked": {[]string{"--help"}, 0, "Usage"},
	} {
		run := func(system, name string, args ...string) (string, int) {
			ctx, cancel := context.WithTimeout(t.Context(), winePatience)
			defer cancel()
			cmd := exec.CommandContext(ctx, name, append(args, c.args...)...)
			cmd.Dir, cmd.Env = folders[system], wineEnv(prefix)
			said, err := output(t, cmd)
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatalf("%s: %v", what, err)
			}
			return strings.NewReplacer("\r\n", "\n", `\`, "/").Replace(said), cmd.ProcessState.ExitCode()
		}
		linux, code := run("linux", "./tool.exe")
		if code != c.code || !strings.Contains(linux, c.says) {
			t.Errorf("%s: on Linux %d, want %d with %q:\n%s", what, code, c.code, c.says, linux)
		}
		windows, same := run("windows", program, "tool.exe")
		if same != code {
			t.Errorf("%s: on Windows %d, on Linux %d:\n%s", what, same, code, windows)
		}
		// What a system says of a file that is not there is its own.
		if c.code != 4 && windows != linux {
			t.Errorf("%s: on Windows\n%s\non Linux\n%s", what, windows, linux)
		}
	}
	if one, two := tree(t, filepath.Join(folders["linux"], "out")), tree(t, filepath.Join(folders["windows"], "out")); one != two || one == "" {
		t.Errorf("exported on Linux %d bytes, on Windows %d, and not the same", len(one), len(two))
	}
}

// copies puts recordings and a log into a folder, whole and damaged.
func copies(t *testing.T, from, dir string) {
	t.Helper()
	for name, to := range map[string]string{"testdata": "rec", filepath.Join("translog", "testdata", "golden"): "log"} {
		if err := os.CopyFS(filepath.Join(dir, to), os.DirFS(filepath.Join(from, name))); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(filepath.Join(dir, "rec", "golden-0.rec"))
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(whole)
	changed[300] ^= 1
	for name, b := range map[string][]byte{"cut": whole[:len(whole)-200], "changed": changed} {
		if err := os.WriteFile(filepath.Join(dir, "rec", name+"-0.rec"), b, 0o644); err != nil {
			t.Fatal(err)
		}
		copyFile(t, filepath.Join(dir, "rec", "golden-0.key"), filepath.Join(dir, "rec", name+"-0.key"))
	}
}

// output runs a program, and does not wait for what Wine leaves in the background, as
// a pipe would.
func output(t *testing.T, cmd *exec.Cmd) (string, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "output")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = f, f
	ran := cmd.Run()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(said), ran
}

// wineEnv is that of this process, with a Wine of its own that shows nothing and
// fetches nothing.
func wineEnv(prefix string) []string {
	return append(os.Environ(), "WINEPREFIX="+prefix, "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=", "DISPLAY=", "WAYLAND_DISPLAY=")
}

// tree is what lies in a folder: names and contents.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		all.WriteString(path + "\n" + string(b) + "\n")
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return all.String()
}
