package console_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"consento/protocol"
)

// TestSystemColumns: the console has the columns that the protocol has.
func TestSystemColumns(t *testing.T) {
	data, err := os.ReadFile("src/system/columns.ts")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(data), "columns: Readonly")
	list, _, _ = strings.Cut(list, "};")
	for _, section := range protocol.Sections() {
		_, own, ok := strings.Cut(list, fmt.Sprintf("\n  %s: [", section))
		own, _, _ = strings.Cut(own, "],")
		if !ok {
			t.Errorf("no section %s", section)
		}
		var got, want []string
		for _, found := range regexp.MustCompile(`name: "(\w+)", kind: "(\w+)"`).FindAllStringSubmatch(own, -1) {
			got = append(got, found[1]+" "+found[2])
		}
		for _, c := range section.Columns() {
			want = append(want, c.Name+" "+string(c.Kind))
		}
		if strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("%s: the console has %q, the protocol %q", section, got, want)
		}
	}
}

// reader plays a broker whose agent reads.
type reader struct {
	*peer
	epoch, snapshot uint32
}

// asked waits for a request, and says that it is on the evidence.
func (r *reader) asked(want ...protocol.Section) {
	r.t.Helper()
	e := r.wait("system_request")
	m, err := protocol.DecodeBody[protocol.SystemRequest](e)
	if err != nil || m.Session != "s1" || fmt.Sprint(m.Sections) != fmt.Sprint(want) {
		r.t.Fatalf("asked for %+v, %v", m, err)
	}
	r.snapshot++
	r.send(e.ID, &protocol.SystemStarted{Session: "s1", Snapshot: r.snapshot})
}

// part sends rows, each with the cells between bars.
func (r *reader) part(section protocol.Section, n int, last bool, problem protocol.SystemProblem, rows ...string) {
	r.t.Helper()
	m := &protocol.SystemPart{Session: "s1", Epoch: r.epoch, Snapshot: r.snapshot, Section: section, Part: n, Last: last, Problem: problem}
	for _, row := range rows {
		cells := strings.Split(row, "|")
		m.Rows = append(m.Rows, protocol.SystemRow{Key: cells[0], Cells: cells})
	}
	r.send(0, m)
}

const firstColumn = `[...document.querySelectorAll("[data-testid=system-table] tbody tr")].map((r) => r.querySelector("td:not(.system-mark)").textContent.trim()).join()`

// TestSystem: asked for, read section by section, sorted, filtered, compared, followed
// and taken back, with the keyboard alone where it counts, wide and narrow.
func TestSystem(t *testing.T) {
	p := newPeer(t)
	p.welcome.Permissions = protocol.BuiltInProfiles()[1].Permissions
	b := newBrowser(t, "en")
	now := time.Now()
	active := func(state protocol.ConsentState, cause protocol.ConsentCause) protocol.Session {
		s := scene("s1", protocol.StateActive, now.Add(-3*time.Minute))
		s.Tools = []protocol.Permission{protocol.SystemInfo}
		s.Sharing = &protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceDesktop, Width: 1280, Height: 720}
		if state != "" {
			s.Consents = append(s.Consents, protocol.Consent{Permission: protocol.SystemInfo, State: state, Epoch: 2, Cause: cause})
		}
		return s
	}
	r := &reader{p, 2, 0}
	p.keep(active("", ""))
	b.open(p.URL + "/console/")
	b.until("the button", `document.querySelector("[data-testid=system]") !== null`)
	panel := func(is string) {
		t.Helper()
		b.until("the panel is "+is, fmt.Sprintf(`document.querySelector("[data-testid=system-panel]")?.dataset.state === %q`, is))
	}
	b.key("i")
	panel("none")
	b.axe("system, not asked")
	b.shot("9-system-none")
	b.click("[data-testid=system-ask]")
	e := p.wait("consent_request")
	if m, err := protocol.DecodeBody[protocol.ConsentRequest](e); err != nil || m.Permission != protocol.SystemInfo {
		t.Fatalf("asked %+v, %v", m, err)
	}
	p.send(e.ID, &protocol.SessionChanged{Session: active(protocol.ConsentAsked, "")})
	panel("asked")
	p.change(active(protocol.ConsentGiven, ""))
	panel("given")

	b.click("[data-testid=system-read-all]")
	r.asked(protocol.Sections()...)
	b.until("reading", `document.querySelector("[data-testid=system-status]").textContent.includes("0 of 8")`)
	r.part(protocol.SectionHardware, 0, true, "", "memory|17179869184", "processor|Intel \u200dCore", "memory_free|1")
	b.until("shown as it comes", firstColumn+` === "Memory,Processor,Memory, free" && document.querySelector("[data-testid=system-table]").textContent.includes("16 GiB")`)
	r.part(protocol.SectionSystem, 0, true, "", "name|Debian GNU/Linux 12", "strange_item|x")
	r.part(protocol.SectionNetwork, 0, true, "", "interface|eth0|192.0.2.1/24|up|00:11:22:33:44:55|2048|1024")
	r.part(protocol.SectionDisks, 0, true, "", "/|/dev/sda1|ext4|1000|500|50")
	r.part(protocol.SectionSoftware, 0, false, "", "vim|9|amd64|dpkg", "=cmd()|1|all|dpkg")
	r.part(protocol.SectionSoftware, 1, true, "", "bash|5.2|amd64|dpkg")
	r.part(protocol.SectionProcesses, 0, true, "", "init|1|root|0.1|4096|1700000000|/sbin/init", "vi|12|anna|30|8192|1700000001|/usr/bin/vi")
	r.part(protocol.SectionServices, 0, true, "missing")
	r.part(protocol.SectionEvents, 0, true, "denied")
	b.until("sealed", `/Sealed on the evidence/.test(document.querySelector("[data-testid=system-status]").textContent)`)
	b.axe("system, read")
	b.shot("9-system-read")

	// By keyboard: from tab to tab, a heading twice, the filter.
	b.until("focus", `(document.querySelector("[role=tab][aria-selected=true]").focus(), document.activeElement.role === "tab")`)
	b.key(kb.End)
	b.until("the last section says why there is nothing", `/may not read/.test(document.querySelector("[data-testid=system-status]").textContent) && document.activeElement.id === "system-tab-events"`)
	b.key(strings.Repeat(kb.ArrowLeft, 3))
	b.until("software", firstColumn+` === "vim,=cmd(),bash"`)
	b.until("focus", `(document.querySelector("th button").focus(), document.activeElement.textContent.startsWith("Name"))`)
	b.key(kb.Enter)
	b.until("sorted", firstColumn+` === "=cmd(),bash,vim" && document.querySelector("th").ariaSort === "ascending"`)
	b.key(kb.Enter)
	b.until("the other way", firstColumn+` === "vim,bash,=cmd()" && document.querySelector("th").ariaSort === "descending"`)
	b.until("focus", `(document.querySelector("[data-testid=system-filter]").focus(), document.activeElement.type === "search")`)
	b.insert("AMD64 ba")
	b.until("filtered", firstColumn+` === "bash" && document.querySelector("[data-testid=system-count]").textContent.trim() === "1 row"`)
	eval[bool](b, `(navigator.clipboard.writeText = (text) => (globalThis.copied = text, Promise.resolve()), true)`)
	eval[bool](b, `(globalThis.saved = null, URL.createObjectURL = (blob) => (blob.text().then((text) => (globalThis.saved = text)), "#"), HTMLAnchorElement.prototype.click = () => {}, true)`)
	eval[bool](b, fmt.Sprintf(`((f) => (f.value = "", f.dispatchEvent(new InputEvent("input", {bubbles: true})), true))(document.querySelector(%q))`, "[data-testid=system-filter]"))
	b.until("all again", firstColumn+` === "vim,bash,=cmd()"`)
	b.click(".system-filter ~ .button")
	b.until("copied without formulas", `globalThis.copied === "Name\tVersion\tArchitecture\tSource\nvim\t9\tamd64\tdpkg\nbash\t5.2\tamd64\tdpkg\n'=cmd()\t1\tall\tdpkg"`)
	b.click(".system-filter ~ .button ~ .button")
	b.until("saved without formulas", `globalThis.saved?.endsWith('"\'=cmd()","1","all","dpkg"\r\n') === true`)

	// Again after a repair: what has changed.
	b.click("[data-testid=system-read]")
	r.asked(protocol.SectionSoftware)
	r.part(protocol.SectionSoftware, 0, true, "", "vim|10|amd64|dpkg", "bash|5.2|amd64|dpkg", "nano|7|amd64|dpkg")
	b.until("two to choose from", `document.querySelector("[data-testid=system-against]") !== null`)
	eval[bool](b, `((s) => (s.value = "1", s.dispatchEvent(new Event("change", {bubbles: true})), true))(document.querySelector("[data-testid=system-against]"))`)
	b.until("what changed", `[...document.querySelectorAll("tbody tr")].map((r) => r.dataset.mark + " " + r.querySelector("td:not(.system-mark)").textContent.trim()).join() === "changed vim,added nano,removed =cmd()"`)
	b.until("the old value", `document.querySelector("tbody del").textContent === "9"`)
	b.axe("system, compared")
	b.shot("9-system-compared")

	// Live, while it is looked at.
	b.click("#system-tab-processes")
	b.until("the busiest first", firstColumn+` === "vi,init"`)
	b.click("[data-testid=system-live]")
	e = p.wait("system_follow")
	p.send(e.ID, &protocol.SystemStarted{Session: "s1", Watch: 1})
	process := func(row string) protocol.SystemRow {
		cells := strings.Split(row, "|")
		return protocol.SystemRow{Key: cells[1], Cells: cells}
	}
	p.send(0, &protocol.SystemChanges{Session: "s1", Epoch: 2, Watch: 1, Rows: []protocol.SystemRow{process("init|1|root|0|4096|1700000000|/sbin/init"), process("vi|12|anna|30|8192|1700000001|")}})
	b.until("live", firstColumn+` === "vi,init"`)
	p.send(0, &protocol.SystemChanges{Session: "s1", Epoch: 2, Watch: 1, N: 1, Rows: []protocol.SystemRow{process("make|99|anna|99.5|8192|1700000002|")}, Gone: []string{"12"}})
	b.until("one came, one is gone", firstColumn+` === "make,init"`)
	b.shot("9-system-live")
	for _, width := range []int64{960, 320} {
		b.size(width, 700)
		b.until("within the page", `document.querySelector(".drawer").getBoundingClientRect().right <= innerWidth && document.documentElement.scrollWidth <= innerWidth`)
		b.axe(fmt.Sprintf("system at %d", width))
		b.shot(fmt.Sprintf("9-system-%d", width))
	}
	b.size(1440, 900)
	b.scheme(true)
	b.axe("system, dark")
	b.shot("9-system-dark")
	b.scheme(false)

	// Paused: nothing is read until it goes on; then the list is asked for again.
	paused := active(protocol.ConsentGiven, "")
	paused.Sharing = &protocol.Sharing{State: protocol.SharingPaused}
	p.change(paused)
	b.until("nothing can be read", `document.querySelector("[data-testid=system-read]").ariaDisabled === "true"`)
	p.change(active(protocol.ConsentGiven, ""))
	e = p.wait("system_follow")
	if m, err := protocol.DecodeBody[protocol.SystemFollow](e); err != nil || !m.On {
		t.Errorf("%+v, %v", m, err)
	}
	p.send(e.ID, &protocol.SystemStarted{Session: "s1", Watch: 2})
	b.click("#system-tab-disks")
	e = p.wait("system_follow")
	if m, err := protocol.DecodeBody[protocol.SystemFollow](e); err != nil || m.On {
		t.Errorf("of what is not looked at: %+v, %v", m, err)
	}
	p.send(e.ID, &protocol.SystemStarted{Session: "s1", Watch: 2})

	// Taken back in mid-read: the panel says so, and what was read stays.
	b.click("[data-testid=system-read]")
	r.asked(protocol.SectionDisks)
	b.until("reading", `document.querySelector("[data-testid=system-read]").ariaDisabled === "true"`)
	r.part(protocol.SectionDisks, 0, true, protocol.ProblemEnded)
	p.change(active(protocol.ConsentWithdrawn, protocol.CauseCustomer))
	panel("withdrawn")
	b.until("said", `/took it back/.test(document.querySelector(".system-consent p").textContent) && document.querySelector("[data-testid=system-read]").ariaDisabled === "true" && /ended/.test(document.querySelector("[data-testid=system-status]").textContent)`)
	b.axe("system, taken back")
	b.shot("9-system-withdrawn")
	b.key(kb.Escape)
	b.until("closed", `document.querySelector(".drawer") === null`)
}
