package restart

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

const programName = program + ".exe"

// runOnce holds what Windows starts with this user's next login, each once: the entry
// is deleted before it is run.
const runOnce = `Software\Microsoft\Windows\CurrentVersion\RunOnce`

// maxCommand is how long a command may be there, in characters.
const maxCommand = 260

// Able says why this computer cannot bring the program back, or nil.
func Able() error {
	at, err := home()
	if err == nil {
		_, err = command(filepath.Join(at, prefix+"0123456789abcdef", programName))
	}
	return err
}

// home is the user's folder for what belongs to this computer alone.
func home() (string, error) {
	at, err := os.UserCacheDir() // %LocalAppData%
	if err != nil || !filepath.IsAbs(at) {
		return "", fmt.Errorf("%w: no folder of this user's: %w", ErrUnable, err)
	}
	return at, nil
}

func command(program string) (string, error) {
	if strings.ContainsAny(program, `"%`) {
		return "", fmt.Errorf("%w: the folder's name cannot stand in an entry", ErrUnable)
	}
	c := `"` + program + `" --` + Flag
	if len([]rune(c)) > maxCommand {
		return "", fmt.Errorf("%w: the folder's name is too long for an entry", ErrUnable)
	}
	return c, nil
}

func placeEntry(id string) (entry string, made []string, err error) { return id, nil, nil }
func findEntry(id string) (string, error)                           { return id, nil }
func isEntry(name, id string) bool                                  { return name == id }

func makeEntry(entry, program string, _ Words) error {
	c, err := command(program)
	if err != nil {
		return err
	}
	key, _, err := registry.CreateKey(registry.CURRENT_USER, runOnce, registry.SET_VALUE|registry.QUERY_VALUE)
	if err != nil {
		return err
	}
	defer key.Close()
	if _, _, err := key.GetValue(entry, nil); !errors.Is(err, registry.ErrNotExist) {
		return errors.Join(fs.ErrExist, err)
	}
	return key.SetStringValue(entry, c)
}

func removeEntry(entry string) error {
	key, err := registry.OpenKey(registry.CURRENT_USER, runOnce, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer key.Close()
	return key.DeleteValue(entry)
}

func entryThere(entry string) bool {
	key, err := registry.OpenKey(registry.CURRENT_USER, runOnce, registry.QUERY_VALUE)
	if err != nil {
		return false
	}
	defer key.Close()
	_, _, err = key.GetValue(entry, nil)
	return !errors.Is(err, registry.ErrNotExist)
}

func openProgram() (*os.File, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// machineID is what tells this installation from others.
func machineID() []byte {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Cryptography`, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if err != nil {
		return nil
	}
	defer key.Close()
	id, _, err := key.GetStringValue("MachineGuid")
	if err != nil {
		return nil
	}
	return []byte(id)
}

// place tells a folder from its copies by its name alone: DPAPI binds to the rest.
func place(folder string) ([]byte, error) { return []byte(filepath.Base(folder)), nil }

// private: who can read below a user's own folder is said by its access list, which
// what is made there inherits.
func private(fs.FileInfo) bool { return true }

// seal binds to this user's login secret besides (DPAPI, CryptProtectData).
func seal(folder string, plain []byte) ([]byte, error) {
	inner, err := sealPlain(folder, plain)
	if err != nil {
		return nil, err
	}
	var out windows.DataBlob
	if err := windows.CryptProtectData(blob(inner), nil, nil, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, &out); err != nil {
		return nil, err
	}
	return take2(out)
}

func open(folder string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, errors.New("restart: the ticket is empty")
	}
	var out windows.DataBlob
	if err := windows.CryptUnprotectData(blob(sealed), nil, nil, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, &out); err != nil {
		return nil, err
	}
	inner, err := take2(out)
	if err != nil {
		return nil, err
	}
	return openPlain(folder, inner)
}

func blob(data []byte) *windows.DataBlob {
	return &windows.DataBlob{Size: uint32(len(data)), Data: &data[0]}
}

// take2 copies what Windows has allocated.
func take2(b windows.DataBlob) ([]byte, error) {
	data := append([]byte{}, unsafe.Slice(b.Data, b.Size)...)
	_, err := windows.LocalFree(windows.Handle(unsafe.Pointer(b.Data)))
	return data, err
}

// Reboot asks the system to restart, as the start menu does: programs are asked to
// close, and may say no (ExitWindowsEx, which needs SeShutdownPrivilege).
func Reboot(context.Context) error {
	var token windows.Token
	if err := windows.OpenProcessToken(windows.CurrentProcess(), windows.TOKEN_ADJUST_PRIVILEGES|windows.TOKEN_QUERY, &token); err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	defer token.Close()
	privileges := windows.Tokenprivileges{PrivilegeCount: 1}
	privileges.Privileges[0].Attributes = windows.SE_PRIVILEGE_ENABLED
	name, err := windows.UTF16PtrFromString("SeShutdownPrivilege")
	if err == nil {
		err = windows.LookupPrivilegeValue(nil, name, &privileges.Privileges[0].Luid)
	}
	if err == nil {
		err = windows.AdjustTokenPrivileges(token, false, &privileges, 0, nil, nil)
	}
	if err == nil {
		const planned = 0x80000000 // SHTDN_REASON_FLAG_PLANNED, other reasons
		err = windows.ExitWindowsEx(windows.EWX_REBOOT, planned)
	}
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	return nil
}
