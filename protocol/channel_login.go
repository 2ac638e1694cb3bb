package protocol

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of signing in to a device.
const (
	MaxTries      = 3        // wrong answers under one consent
	MaxSealed     = 32 << 10 // characters of base64
	MaxPrompt     = 2000     // characters of what a device says
	MaxTrustWords = 300      // characters
	MinTrustWords = 10       // characters: a known key changed, and why is said in words
	maxAlgorithm  = 400      // bytes
)

// LoginMethod is how a technician signs in to a device.
type LoginMethod string

// The methods.
const (
	LoginPassword LoginMethod = "password" // of the account; with trust also what the device asks for
	LoginQuestion LoginMethod = "question" // one question of the device's (keyboard-interactive); with Hidden the answer is not shown
	LoginKey      LoginMethod = "key"      // a private key, with its passphrase
)

// LoginMethods lists the methods.
func LoginMethods() []LoginMethod { return []LoginMethod{LoginPassword, LoginQuestion, LoginKey} }

// KeyKnown is what the office knows of a device's key.
type KeyKnown string

// What may be known.
const (
	KeyNew     KeyKnown = "new"     // no technician has trusted a key of this device before
	KeySame    KeyKnown = "same"    // it is the one that was trusted
	KeyChanged KeyKnown = "changed" // another one was trusted
)

// KeysKnown lists them.
func KeysKnown() []KeyKnown { return []KeyKnown{KeyNew, KeySame, KeyChanged} }

// DeviceCause says why there is no shell of a device, or why a prompt comes again.
type DeviceCause string

// The causes.
const (
	DeviceName        DeviceCause = "name"        // the name cannot be found
	DeviceNotAllowed  DeviceCause = "not_allowed" // its address is not one that the profile allows
	DeviceUnreachable DeviceCause = "unreachable" // nothing answers there
	DeviceAlgorithms  DeviceCause = "algorithms"  // it has only algorithms that are not accepted
	DeviceNoSSH       DeviceCause = "no_ssh"      // what answers does not speak SSH, or breaks its rules
	DeviceKeyChanged  DeviceCause = "key_changed" // its key is not the one any more that was just trusted
	DeviceMethods     DeviceCause = "methods"     // it takes no password and asks nothing, or does not take the key
	DeviceWrong       DeviceCause = "wrong"       // with prompt: what was entered last is wrong
	DeviceUnreadable  DeviceCause = "unreadable"  // with prompt: the key, or what was sealed, cannot be read
	DeviceLocked      DeviceCause = "locked"      // three wrong answers: no more under this consent
	DeviceTimeout     DeviceCause = "timeout"     // nobody trusted or answered in time, or the device did not go on
	DeviceNoShell     DeviceCause = "no_shell"    // it gives no terminal
	DeviceClosed      DeviceCause = "closed"      // it, or the network, closed the connection
)

// DeviceCauses lists the causes.
func DeviceCauses() []DeviceCause {
	return []DeviceCause{DeviceName, DeviceNotAllowed, DeviceUnreachable, DeviceAlgorithms, DeviceNoSSH, DeviceKeyChanged, DeviceMethods, DeviceWrong,
		DeviceUnreadable, DeviceLocked, DeviceTimeout, DeviceNoShell, DeviceClosed}
}

func (c DeviceCause) valid() bool { return c == "" || slices.Contains(DeviceCauses(), c) }

// login returns m with the fields alone that its kind has, of the four kinds of signing
// in, and whether they are what they have to be.
func (m Terminal) login() (only Terminal, ok bool) {
	only = Terminal{Kind: m.Kind, Epoch: m.Epoch, Run: m.Run}
	switch m.Kind {
	case TerminalTrust:
		only.Key, only.Method, only.Text = m.Key, m.Method, m.Text
		ok = fingerprintOK(m.Key) && (m.Method == LoginPassword || m.Method == LoginKey) && lineOK(m.Text, MaxTrustWords)
	case TerminalSecret:
		only.Ask, only.Sealed = m.Ask, m.Sealed
		ok = m.Ask > 0 && m.Sealed != "" && len(m.Sealed) <= MaxSealed && base64OK(m.Sealed)
	case TerminalHostKey:
		only.Program, only.Algorithm, only.Key, only.Known, only.Before, only.Seal = m.Program, m.Algorithm, m.Key, m.Known, m.Before, m.Seal
		ok = programOK(m.Program) && m.Algorithm != "" && algorithmOK(m.Algorithm) && fingerprintOK(m.Key) && len(m.Seal) == 88 && base64OK(m.Seal) &&
			(m.Known == "" || slices.Contains(KeysKnown(), m.Known)) && (m.Known == KeyChanged) == (m.Before != "") && (m.Before == "" || fingerprintOK(m.Before))
	case TerminalPrompt:
		only.Ask, only.Method, only.Text, only.Hidden, only.Left, only.Cause = m.Ask, m.Method, m.Text, m.Hidden, m.Left, m.Cause
		ok = m.Ask > 0 && slices.Contains(LoginMethods(), m.Method) && m.Text == DeviceText(m.Text, MaxPrompt) && m.Left >= 1 && m.Left <= MaxTries &&
			(m.Cause == "" || m.Cause == DeviceWrong || m.Cause == DeviceUnreadable) && (m.Method == LoginQuestion || m.Hidden)
	}
	return only, ok
}

func fingerprintOK(s string) bool {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(s, "SHA256:"))
	return err == nil && len(b) == 32 && len(s) == len("SHA256:")+43
}

func algorithmOK(s string) bool {
	for _, c := range s {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(s) <= maxAlgorithm
}

func base64OK(s string) bool {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return err == nil && base64.StdEncoding.EncodeToString(b) == s
}

// DeviceText makes of what a device says what can be shown as text: at most max
// characters, no control characters but \n, nothing that reorders or hides what is around it.
func DeviceText(s string, max int) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\t", " ").Replace(strings.ToValidUTF8(s, string(utf8.RuneError)))
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == max {
			break
		}
		if r != '\n' && !unicode.IsPrint(r) {
			continue
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// SealInfo is what a credential is sealed for (HPKE, RFC 9180, its info): it opens for
// no other session, device, key of a device or question.
func SealInfo(session string, epoch, run, ask uint32, d Device, key string) string {
	return fmt.Sprintf("consento ssh v1\n%s\n%d\n%d\n%d\n%s\n%s\n%s", session, epoch, run, ask, d.Address(), d.User, key)
}
