package main

import (
	"encoding/base64"
	"fmt"
	"html"
	"strings"
	"time"

	"rsc.io/qr"

	"consento/recordings"
)

// sheet is one of the three printed keys of the escrow.
type sheet struct {
	number int
	office string
	made   time.Time
	id     string
	secret string
	lines  []string
}

func newSheet(id recordings.Identity, number int, office string, made time.Time) (sheet, error) {
	secret, err := id.Secret()
	if err != nil {
		return sheet{}, err
	}
	lines, err := id.Sheet()
	return sheet{number, office, made, id.Recipient().ID(), secret, lines}, err
}

// advice is what whoever holds the sheet has to know, years later.
func (s sheet) advice() []string {
	return []string{
		"This is one of three keys. Any two of them together open every recorded session of " + s.office + "; one alone opens none.",
		"They are for the day when all other keys to the recordings are lost. Keep this sheet where fire, water and strangers do not get, and not together with the other two.",
		"To use it: type the lines below into a text file on a machine of the auditors' own, do the same with a second sheet, and run consento-verify open RECORDING --identity FILE --identity FILE --out DIR.",
		"The last two characters of a line are check digits: the program says which line was mistyped. There is no 0, 1, 8 or 9 in the key.",
		"Whoever sees or photographs this sheet holds the key. If that happened, or the sheet is lost: tell the auditors, who make three new keys.",
	}
}

func (s sheet) title() string { return fmt.Sprintf("Escrow key %d of 3", s.number) }

func (s sheet) facts() string {
	return fmt.Sprintf("Office: %s. Made on %s. Name of the key: %s.", s.office, s.made.UTC().Format("2 January 2006"), s.id)
}

func (s sheet) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CONSENTO - %s\n%s\n\n", strings.ToUpper(s.title()), s.facts())
	for _, a := range s.advice() {
		fmt.Fprintf(&b, "%s\n\n", a)
	}
	for _, l := range s.lines {
		fmt.Fprintf(&b, "    %s\n", l)
	}
	return b.String()
}

// html is a page without anything from elsewhere.
func (s sheet) html() (string, error) {
	code, err := qr.Encode(s.secret, qr.M)
	if err != nil {
		return "", err
	}
	code.Scale = 6
	var b strings.Builder
	fmt.Fprintf(&b, `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>%[1]s</title>
<style>
@page { size: A4; margin: 20mm }
body { font: 12pt/1.45 sans-serif; max-width: 170mm; margin: 2em auto; padding: 0 1em; color: #000; background: #fff }
h1 { font-size: 22pt; margin: 0 0 .2em }
pre { font: bold 17pt/1.9 monospace; border: 1.5pt solid #000; padding: .6em 1em; margin: 1.5em 0; break-inside: avoid; white-space: pre; overflow-x: auto }
figure { margin: 0; break-inside: avoid }
img { width: 50mm; image-rendering: pixelated }
@media print { body { margin: 0; padding: 0 } }
</style></head><body>
<h1>Consento: %[1]s</h1>
<p>%[2]s</p>
`, html.EscapeString(s.title()), html.EscapeString(s.facts()))
	for _, a := range s.advice() {
		fmt.Fprintf(&b, "<p>%s</p>\n", html.EscapeString(a))
	}
	fmt.Fprintf(&b, "<pre>%s</pre>\n", html.EscapeString(strings.Join(s.lines, "\n")))
	fmt.Fprintf(&b, `<figure><img alt="The same key as a QR code" src="data:image/png;base64,%s"><figcaption>The same key, for a camera that is not on any network.</figcaption></figure>
</body></html>
`, base64.StdEncoding.EncodeToString(code.PNG()))
	return b.String(), nil
}
