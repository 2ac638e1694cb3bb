package protocol

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what an office writes for its technicians.
const (
	MaxPassageName = 80      // characters
	MaxDescription = 300     // characters
	MaxScript      = 8 << 10 // bytes: it travels in one message
	MaxLibrary     = 300     // entries of one kind
)

// Library is what the office wrote for one technician: shared texts and those of the
// technician's team, in the office's order. It is asked for over HTTP, not by message.
type Library struct {
	Answers   []Passage   `json:"answers"`
	Templates []Passage   `json:"templates"`
	Scripts   []OwnScript `json:"scripts"`
}

// Passage is a prepared answer of the chat, or a template of a summary.
type Passage struct {
	ID       string `json:"id"`
	Language string `json:"language"` // BCP 47
	Name     string `json:"name"`
	Text     string `json:"text"` // lines separated by \n
}

// Platform is the system that a script is for.
type Platform string

// The platforms.
const (
	Linux   Platform = "linux"
	Windows Platform = "windows"
)

// Platforms lists the platforms.
func Platforms() []Platform { return []Platform{Linux, Windows} }

// Interpreter is the program that runs a script.
type Interpreter string

// The interpreters.
const (
	Sh         Interpreter = "sh"
	PowerShell Interpreter = "powershell"
)

// Interpreters lists the interpreters.
func Interpreters() []Interpreter { return []Interpreter{Sh, PowerShell} }

// OwnScript is a script that the office wrote, in one version.
type OwnScript struct {
	ID          string      `json:"id"`
	Version     uint32      `json:"version"` // from 1; none ever changes
	Name        string      `json:"name"`
	Description string      `json:"description,omitempty"`
	Language    string      `json:"language,omitempty"` // of name and description, "" for every one
	Platform    Platform    `json:"platform"`
	Interpreter Interpreter `json:"interpreter"`
	// ReadOnly is what its author says of it. Nobody has checked it, and it allows nothing.
	ReadOnly bool   `json:"read_only"`
	Text     string `json:"text"`
	SHA256   string `json:"sha256"` // of the text, in hexadecimal
}

// RunScript names a script of the office's that is to run, and carries it where the
// broker sends it to the agent.
type RunScript struct {
	ID      string `json:"id"`
	Version uint32 `json:"version"`
	// The rest is the broker's to fill in: a console cannot have a text of its own run.
	Name        string      `json:"name,omitempty"`
	Interpreter Interpreter `json:"interpreter,omitempty"`
	Text        string      `json:"text,omitempty"`
	SHA256      string      `json:"sha256,omitempty"`
}

// Named reports whether r only says which script, as a console does.
func (r RunScript) Named() bool { return r == RunScript{ID: r.ID, Version: r.Version} }

func (r RunScript) validate() error {
	errs := []error{check(r.ID != "" && len(r.ID) <= 64, "id"), check(r.Version > 0, "version")}
	if !r.Named() {
		errs = append(errs, check(NameOK(r.Name, MaxPassageName), "name"), check(slices.Contains(Interpreters(), r.Interpreter), "interpreter"),
			check(ScriptOK(r.Text), "text"), check(r.SHA256 == ScriptHash(r.Text), "sha256"))
	}
	return errors.Join(errs...)
}

// ScriptHash is the SHA-256 of a script's text, in hexadecimal.
func ScriptHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// ScriptOK accepts the text of a script: text that shows all that it does. No control
// characters but line feed and tab, none that reorder or hide what stands around them.
func ScriptOK(s string) bool {
	hides := func(r rune) bool { return unicode.Is(unicode.Cf, r) }
	return len(s) <= MaxScript && textOK(s, MaxScript) && shows(s) && !strings.ContainsFunc(s, hides)
}

// AnswerOK accepts a prepared answer: what may be said as one line of chat.
func AnswerOK(s string) bool { return chatOK(s) }

// TemplateOK accepts the template of a summary: what may be noted, and is not blank.
func TemplateOK(s string) bool { return noteOK(s) && shows(s) }

// NameOK accepts one line that shows something, of at most so many characters.
func NameOK(s string, characters int) bool {
	return utf8.RuneCountInString(s) <= characters && textOK(s, characters) && shows(s) && !strings.ContainsAny(s, "\n\t") && strings.TrimSpace(s) == s
}

func shows(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) })
}
