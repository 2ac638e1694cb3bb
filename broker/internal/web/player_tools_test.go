package web_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// TestShellInThePlayer: what was typed is in the list, and the terminal stands as it
// stood, whichever way one comes to a time.
func TestShellInThePlayer(t *testing.T) {
	h := builtHouse(t, withShelf(newShelf(t)))
	identity := newIdentity(t)
	r := h.shelf.record(t, identity.Recipient())
	r.event(0, protocol.EventIssued, `{"technician":{"name":"Anna Rossi","team":"Service desk","office":"Comune di Esempio"}}`)
	r.event(9*time.Second, protocol.EventConsentGiven, `{"permission":"shell"}`)
	r.event(10*time.Second, protocol.EventShellStarted, `{"epoch":2,"run":1}`)
	write := func(at time.Duration, lines ...[]byte) {
		t.Helper()
		r.check(r.writer.Append(recordings.TrackShell, 0, at, 0, bytes.Join(lines, nil)))
	}
	cast, line := recordings.NewCast(10*time.Second, recordings.CastHeader{Cols: 80, Rows: 12, Title: "Shell 1"})
	write(10*time.Second, line)
	for _, e := range []struct {
		at         int
		code, data string
	}{{11, "o", "anna@pc:~$ "}, {12, "i", "lx"}, {12, "i", "\x7f"}, {13, "i", "s -l\r"}, {13, "o", "ls -l\r\n\x1b[1;31mtotal 7\x1b[0m\r\nanna@pc:~$ "},
		{20, "r", "100x20"}, {21, "o", "\x1b[?1049h\x1b[2J\x1b[Hfull screen"}, {25, "o", "\x1b[?1049l"}} {
		at := time.Duration(e.at) * time.Second
		write(at, cast.Event(at, e.code, e.data))
	}
	r.event(30*time.Second, protocol.EventEnded, `{"reason":"customer","by":"customer"}`)
	id := r.close(30 * time.Second)
	b := playing(t, h, identity, id)

	const text = `document.querySelector("#replay:not([hidden]) .xterm-rows")?.textContent.replaceAll("\u00a0", " ").trim()`
	stands := func(at time.Duration, want string) {
		t.Helper()
		b.seek(at)
		comes(b, text, func(got string) bool { return strings.Join(strings.Fields(got), " ") == want })
	}
	stands(14*time.Second, "anna@pc:~$ ls -ltotal 7anna@pc:~$")
	stands(22*time.Second, "full screen")
	stands(26*time.Second, "anna@pc:~$ ls -ltotal 7anna@pc:~$")
	stands(11*time.Second, "anna@pc:~$")
	b.until(`[...document.querySelectorAll("#events span")].some(e => e.textContent.includes("Entered in the command line") && e.textContent.includes("ls -l"))`)
	b.seek(5 * time.Second)
	b.until(`document.querySelector("#replay").hidden`)
	b.seek(14 * time.Second)
	b.lookAt("player-shell", []view{{"light", 1440}, {"dark", 320}})
}

// TestSystemInThePlayer: tables stand as they were read at the time that is shown,
// each beside an earlier one, with the processes that were followed.
func TestSystemInThePlayer(t *testing.T) {
	h := builtHouse(t, withShelf(newShelf(t)))
	identity := newIdentity(t)
	r := h.shelf.record(t, identity.Recipient())
	r.event(0, protocol.EventIssued, `{"technician":{"name":"Anna Rossi","team":"Service desk","office":"Comune di Esempio"}}`)
	r.event(9*time.Second, protocol.EventConsentGiven, `{"permission":"system_info"}`)
	says := func(at time.Duration, code protocol.EventCode, m any) {
		t.Helper()
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		r.event(at, code, string(data))
	}
	part := func(at time.Duration, m protocol.SystemPart) {
		t.Helper()
		m.Epoch = 2
		says(at, protocol.EventSystemPart, m)
	}
	disk := func(mount, used string) protocol.SystemRow {
		return protocol.SystemRow{Key: mount, Cells: []string{mount, "/dev/sda1", "ext4", "1073741824", used, "50"}}
	}
	program := func(pid int, name string) protocol.SystemRow {
		return protocol.SystemRow{Key: fmt.Sprint(pid), Cells: []string{name, fmt.Sprint(pid), "anna", "3.5", "1048576", "1772355600", "/usr/bin/" + name}}
	}
	var packages []protocol.SystemRow
	for n := range 400 {
		packages = append(packages, protocol.SystemRow{Key: fmt.Sprint(n), Cells: []string{fmt.Sprintf("package-%03d", n), "1.0", "", "dpkg"}})
	}
	part(10*time.Second, protocol.SystemPart{Snapshot: 1, Section: protocol.SectionDisks, Last: true, Rows: []protocol.SystemRow{disk("/", "536870912"), disk("/<b>usb</b>", "1024")}})
	part(11*time.Second, protocol.SystemPart{Snapshot: 1, Section: protocol.SectionSoftware, Rows: packages[:200]})
	part(12*time.Second, protocol.SystemPart{Snapshot: 1, Section: protocol.SectionSoftware, Part: 1, Last: true, Rows: packages[200:]})
	part(13*time.Second, protocol.SystemPart{Snapshot: 1, Section: protocol.SectionEvents, Last: true, Problem: protocol.ProblemDenied})
	says(20*time.Second, protocol.EventSystemChanges, protocol.SystemChanges{Epoch: 2, Watch: 1, Rows: []protocol.SystemRow{program(7, "editor"), program(8, "mail")}})
	says(22*time.Second, protocol.EventSystemChanges, protocol.SystemChanges{Epoch: 2, Watch: 1, N: 1, Rows: []protocol.SystemRow{program(9, "printer")}, Gone: []string{"8"}})
	part(25*time.Second, protocol.SystemPart{Snapshot: 2, Section: protocol.SectionDisks, Last: true, Rows: []protocol.SystemRow{disk("/", "644245094"), disk("/home", "1024")}})
	r.event(30*time.Second, protocol.EventEnded, `{"reason":"customer","by":"customer"}`)
	b := playing(t, h, identity, r.close(30*time.Second))

	shows := func(want ...string) {
		t.Helper()
		comes(b, `[...document.querySelectorAll("#tables:not([hidden]) tbody tr")].map((row) => [...row.cells].map((c) => c.textContent.trim()).join(" ")).join("\n")`,
			func(got string) bool { return got == strings.Join(want, "\n") })
	}
	chooses := func(what, option string) {
		t.Helper()
		evaluate[bool](b, fmt.Sprintf(`((s) => { s.value = %q; return s.dispatchEvent(new Event("change")); })(document.querySelector("#tables-%s"))`, option, what))
	}
	rows := func(want int) {
		t.Helper()
		comes(b, `document.querySelectorAll("#tables tbody tr").length`, func(n int) bool { return n == want })
	}
	b.seek(5 * time.Second)
	b.until(`document.querySelector("#tables").hidden`)
	b.seek(15 * time.Second)
	shows("/ /dev/sda1 ext4 1 GiB 512 MiB 50", "/<b>usb</b> /dev/sda1 ext4 1 GiB 1 KiB 50")
	chooses("section", "software")
	rows(300) // the others on a press
	b.click("#tables tfoot button")
	rows(400)
	b.seek(11500 * time.Millisecond)
	rows(200)
	b.seek(14 * time.Second)
	chooses("section", "events")
	b.until(`document.querySelector("#tables [role=status]").textContent.includes("may not read this")`)

	// Followed, forwards and back.
	b.seek(23 * time.Second)
	chooses("section", "live")
	b.until(`[...document.querySelectorAll("#tables tbody tr")].map((row) => row.cells[0].textContent).join() === "editor,printer"`)
	b.seek(21 * time.Second)
	b.until(`[...document.querySelectorAll("#tables tbody tr")].map((row) => row.cells[0].textContent).join() === "editor,mail"`)

	// What has changed between two times.
	b.seek(27 * time.Second)
	chooses("section", "disks")
	shows("/ /dev/sda1 ext4 1 GiB 614.4 MiB 50", "/home /dev/sda1 ext4 1 GiB 1 KiB 50")
	evaluate[bool](b, `((s) => { s.selectedIndex = 1; return s.dispatchEvent(new Event("change")); })(document.querySelector("#tables-against"))`)
	shows("Changed / /dev/sda1 ext4 1 GiB 512 MiB 614.4 MiB 50", "Added /home /dev/sda1 ext4 1 GiB 1 KiB 50", "Removed /<b>usb</b> /dev/sda1 ext4 1 GiB 1 KiB 50")
	b.lookAt("player-system", []view{{"light", 1440}, {"dark", 320}})
	b.click("#lock")
	b.until(`document.querySelector("#tables").hidden && document.querySelectorAll("#tables td").length === 0`)
}

// TestClipboardInThePlayer: what went from one clipboard to the other stands there at its
// time, text as text and images drawn, whichever way one comes to it.
func TestClipboardInThePlayer(t *testing.T) {
	h := builtHouse(t, withShelf(newShelf(t)))
	identity := newIdentity(t)
	r := h.shelf.record(t, identity.Recipient())
	r.event(0, protocol.EventIssued, `{"technician":{"name":"Anna Rossi","team":"Service desk","office":"Comune di Esempio"}}`)
	r.event(9*time.Second, protocol.EventConsentGiven, `{"permission":"send_clipboard"}`)
	content := func(at time.Duration, clip, part int, last bool, kind string, data []byte) {
		t.Helper()
		r.event(at, protocol.EventClipContent, fmt.Sprintf(`{"epoch":2,"clip":%d,"type":%q,"part":%d,"last":%t,"data":%q}`, clip, kind, part, last, base64.StdEncoding.EncodeToString(data)))
	}
	content(10*time.Second, 1, 0, false, "text", []byte("<b>perch\xc3"))
	content(10*time.Second, 1, 1, true, "text", []byte("\xa9</b>\nIBAN"))
	r.event(10*time.Second, protocol.EventClipWhole, `{"epoch":2,"clip":1,"to":"customer","type":"text","size":20,"sha256":"abcd"}`)
	r.event(11*time.Second, protocol.EventClipEnded, `{"epoch":2,"clip":1,"to":"customer","type":"text","size":20,"sha256":"abcd","result":"done"}`)
	var picture bytes.Buffer
	r.check(png.Encode(&picture, image.NewGray(image.Rect(0, 0, 640, 200))))
	content(20*time.Second, 2, 0, true, "image", picture.Bytes())
	r.event(20*time.Second, protocol.EventClipEnded, `{"epoch":2,"clip":2,"to":"technician","type":"image","size":9,"sha256":"abcd","result":"withdrawn"}`)
	bomb := bytes.Clone(picture.Bytes())
	copy(bomb[16:], "\x00\x00\xff\xff\x00\x00\xff\xff")
	content(24*time.Second, 3, 0, true, "image", bomb)
	content(26*time.Second, 4, 1, true, "text", []byte("without a beginning"))
	r.event(30*time.Second, protocol.EventEnded, `{"reason":"customer","by":"customer"}`)
	b := playing(t, h, identity, r.close(30*time.Second))

	b.seek(5 * time.Second)
	b.until(`document.querySelector("#board").hidden`)
	b.seek(22 * time.Second)
	b.until(`document.querySelector("#board:not([hidden]) img")?.naturalWidth === 640`)
	b.seek(15 * time.Second)
	b.until(`document.querySelector("#board:not([hidden]) pre")?.textContent === "<b>perch\u00e9</b>\nIBAN"`)
	b.until(`[...document.querySelectorAll("#events span")].some((e) => e.textContent.includes("Put on the clipboard of the computer: text") && e.textContent.includes("abcd"))`)
	b.until(`[...document.querySelectorAll("#events span")].some((e) => e.textContent.includes("the consent ended"))`)
	b.lookAt("player-clipboard", []view{{"light", 1440}, {"dark", 320}})
	b.seek(25 * time.Second)
	b.until(`document.querySelector("#board:not([hidden])")?.textContent.includes("too many pixels")`)
	b.seek(27 * time.Second)
	b.until(`document.querySelector("#board").hidden`)
	b.seek(15 * time.Second)
	b.until(`document.querySelector("#board pre") !== null`)
	b.click("#lock")
	b.until(`document.querySelector("#board").hidden && document.querySelector("#board").textContent === ""`)
}

// TestStillsInThePlayer: a picture for the record is a mark, listed, and opened if it has
// its hash.
func TestStillsInThePlayer(t *testing.T) {
	h := builtHouse(t, withShelf(newShelf(t)))
	identity := newIdentity(t)
	r := h.shelf.record(t, identity.Recipient())
	r.event(0, protocol.EventIssued, `{"technician":{"name":"Anna Rossi","team":"Service desk","office":"Comune di Esempio"}}`)
	picture := image.NewRGBA(image.Rect(0, 0, 64, 48))
	for i := range picture.Pix {
		picture.Pix[i] = []byte{0x10, 0x80, 0x80, 0xff}[i%4]
	}
	var file bytes.Buffer
	r.check(png.Encode(&file, picture))
	sum := sha256.Sum256(file.Bytes())
	for n, hash := range []string{hex.EncodeToString(sum[:]), strings.Repeat("0", 64)} {
		at := time.Duration(10*(n+1)) * time.Second
		content, err := json.Marshal(map[string]any{"code": "still.content", "at_ms": at.Milliseconds(), "data": map[string]any{"epoch": 1, "still": n + 1, "sha256": hash, "width": 64, "height": 48, "data": file.Bytes()}})
		r.check(err)
		r.check(r.writer.Append(recordings.TrackStills, 0, at, 0, content))
		r.event(at, protocol.EventStillAsked, fmt.Sprintf(`{"epoch":1,"still":%d,"caption":"Error <b>17</b>"}`, n+1))
		r.event(at, protocol.EventStillTaken, fmt.Sprintf(`{"still":%d,"caption":"Error <b>17</b>","sha256":%q,"size":%d,"width":64,"height":48}`, n+1, hash, file.Len()))
	}
	r.event(30*time.Second, protocol.EventEnded, `{"reason":"customer","by":"customer"}`)
	b := playing(t, h, identity, r.close(30*time.Second))
	b.until(`document.querySelectorAll('[data-lane="stills"] button').length === 2 && document.querySelectorAll("#stills:not([hidden]) button").length === 2`)
	b.until(`[...document.querySelectorAll("#events span")].some(e => e.textContent.includes("0".repeat(64)))`)
	b.click(`#stills [data-still="1"]`)
	b.until(`document.querySelector("dialog.still[open] [role=status]")?.textContent.includes("64 × 48")`)
	if got := evaluate[string](b, `[...document.querySelector("dialog.still canvas").getContext("2d").getImageData(20, 20, 1, 1).data].join()`); got != "16,128,128,255" {
		t.Errorf("it shows %s", got)
	}
	b.lookAt("player-still", []view{{"light", 1440}, {"dark", 320}})
	b.click(`dialog.still button`)
	b.until(`document.querySelector("dialog.still[open]") === null && document.querySelector("dialog.still canvas").width === 0`)
	b.click(`#stills [data-still="2"]`)
	b.until(`document.querySelector("dialog.still[open] [role=status]")?.textContent.includes("not what was recorded")`)
}
