package protocol

import "fmt"

// Permission names one thing a technician may do in a session. The strings are
// stable: they stand on the wire, in profiles and on the evidence.
type Permission string

// The closed set of permissions. ViewScreen, MayDraw, MayKeep and MayChat are on offer by the built-in
// profiles; each of the others needs a profile that allows it, a technician who asks
// for it and a customer who consents to it. MayChat, which touches nothing of the
// customer's, is never asked for.
const (
	ViewScreen Permission = "view_screen"
	Control    Permission = "control"
	Scripts    Permission = "scripts" // checks of a fixed list that change nothing
	Shell      Permission = "shell"
	SSH        Permission = "ssh"         // one device of the customer's network, by SSH from the customer's computer
	SendFiles  Permission = "send_files"  // files to the customer's computer
	FetchFiles Permission = "fetch_files" // files from the customer's computer
	SystemInfo Permission = "system_info"
	// The clipboard, each way: into the customer's, and what the customer has on it.
	SendClipboard  Permission = "send_clipboard"
	FetchClipboard Permission = "fetch_clipboard"
	MayDraw        Permission = "annotate" // on what is shown; it acts on nothing
	Reboot         Permission = "reboot"   // restart the customer's computer, once
	MayKeep        Permission = "stills"   // single pictures of what is shown, for the record; the yes to the view says so
	MayChat        Permission = "chat"
)

// Permissions lists the closed set in the order in which people are shown it.
func Permissions() []Permission {
	return []Permission{ViewScreen, Control, Scripts, Shell, SSH, SendFiles, FetchFiles, SystemInfo, SendClipboard, FetchClipboard, MayDraw, MayKeep, Reboot, MayChat}
}

// Asked reports whether the customer's consent to p is needed.
func (p Permission) Asked() bool { return p != MayChat && p != MayKeep }

// ParsePermission checks that s is a member of the closed set.
func ParsePermission(s string) (Permission, error) {
	for _, p := range Permissions() {
		if string(p) == s {
			return p, nil
		}
	}
	return "", fmt.Errorf("%w: permission %q", ErrMalformed, s)
}

// PermissionSet is what a profile allows once the customer consents. A
// permission that is absent is not allowed. It never grants anything by itself.
type PermissionSet map[Permission]bool

// Allows reports whether the set holds p. Whoever may have any command run may have
// those of the list run.
func (s PermissionSet) Allows(p Permission) bool { return s[p] || p == Scripts && s[Shell] }

// Profile is a named set of permissions and rights. A technician has one.
type Profile struct {
	Name        string        `json:"name"`
	Permissions PermissionSet `json:"permissions"`
	Rights      RightSet      `json:"rights,omitempty"`
	Files       FileLimits    `json:"files"`           // of send_files and fetch_files
	Hosts       HostRules     `json:"hosts,omitempty"` // of ssh: which devices; none: private addresses
}

// DefaultFileLimits is what a profile lets be transferred unless it says otherwise.
func DefaultFileLimits() FileLimits { return FileLimits{File: 4 << 30, Total: 16 << 30, Folders: true} }

// Names of the two profiles that exist on first start.
const (
	ProfileViewOnly    = "View only"
	ProfileFullSupport = "Full support"
)

// BuiltInProfiles returns the two profiles that exist on first start. The first
// is the default.
func BuiltInProfiles() []Profile {
	full, every := PermissionSet{}, RightSet{}
	for _, p := range Permissions() {
		full[p] = true
	}
	for _, r := range Rights() {
		every[r] = true
	}
	return []Profile{
		{Name: ProfileViewOnly, Permissions: PermissionSet{ViewScreen: true, MayDraw: true, MayKeep: true, MayChat: true},
			Rights: RightSet{MayIssueKeys: true, MayQueue: true, MayTransfer: true, MayEscalate: true}, Files: DefaultFileLimits()},
		{Name: ProfileFullSupport, Permissions: full, Rights: every, Files: DefaultFileLimits()},
	}
}
