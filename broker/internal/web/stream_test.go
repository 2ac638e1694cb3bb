package web_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"consento/broker/internal/web"
	"consento/protocol"
)

// joined brings a customer to the page with the help program.
func joined(t *testing.T, h *house, header ...string) (*person, string) {
	t.Helper()
	p := h.visitor(t, header...)
	id := h.desk.issue(goodKey, anna)
	p.post("/key", "key", "ACDEFGH")
	h.desk.set(id, step(protocol.StateJoined, protocol.StepNameConfirmed))
	return p, id
}

// live is a page that is read while it comes.
type live struct {
	t     testing.TB
	lines chan string
}

func (p *person) live(path string) *live {
	p.t.Helper()
	response := p.do(http.MethodGet, path, "")
	l := &live{t: p.t, lines: make(chan string)}
	ctx := p.t.Context()
	go func() {
		defer close(l.lines)
		scan := bufio.NewScanner(response.Body)
		for scan.Scan() {
			select {
			case l.lines <- scan.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return l
}

// comes waits until a line holds part, and returns that line.
func (l *live) comes(part string) string {
	l.t.Helper()
	read := l.upTo(part)
	return read[strings.LastIndex(read, "\n")+1:]
}

// upTo waits likewise, and returns all lines that were not read before.
func (l *live) upTo(part string) string {
	l.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	var read []string
	for {
		select {
		case line, ok := <-l.lines:
			if !ok {
				l.t.Fatalf("the page ended without %q:\n%s", part, strings.Join(read, "\n"))
			}
			if read = append(read, line); strings.Contains(line, part) {
				return strings.Join(read, "\n")
			}
		case <-timeout.C:
			l.t.Fatalf("%q never came:\n%s", part, strings.Join(read, "\n"))
		}
	}
}

// rest is what comes until the page ends.
func (l *live) rest() string {
	l.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	var all strings.Builder
	for {
		select {
		case line, ok := <-l.lines:
			if !ok {
				return all.String()
			}
			all.WriteString(line + "\n")
		case <-timeout.C:
			l.t.Fatalf("the page never ended:\n%s", &all)
		}
	}
}

// The whole way as a browser without JavaScript sees it: each line arrives while
// the response is still open, because the next change happens only afterwards.
func TestLiveStatusComesLineByLine(t *testing.T) {
	for _, protocolOf := range []string{"HTTP/1.1", "HTTP/2"} {
		t.Run(protocolOf, func(t *testing.T) {
			h := newHouse(t)
			p, id := joined(t, h)
			if protocolOf == "HTTP/1.1" {
				transport := h.server.Client().Transport.(*http.Transport).Clone()
				transport.ForceAttemptHTTP2, transport.TLSClientConfig.NextProtos = false, []string{"http/1.1"}
				p.http.Transport = transport
				defer transport.CloseIdleConnections()
			}
			page := p.live("/session")
			page.comes("<h1>")
			page.comes(`href="/session/agent?system=linux-amd64"`)
			page.comes(`<button class="button end">`)
			page.comes(`data-state="Joined" class="joined"`)

			agent := p.get("/session/agent?system=linux-amd64")
			sum := sha256.Sum256([]byte(agent.text))
			page.comes(`data-state="Joined" class="fetched"`)
			page.comes("sha256sum -c")
			page.comes(hex.EncodeToString(sum[:]))

			h.desk.set(id, step(protocol.StateWaiting, protocol.StepAgentStarted))
			page.comes(`data-state="Waiting" class="waiting"`)
			h.desk.set(id, step(protocol.StateWaiting, protocol.StepTermsAccepted))
			page.comes(`data-state="Waiting" class="terms"`)
			h.desk.set(id, step(protocol.StateActive, protocol.StepViewAllowed))
			page.comes(`data-state="Active" class="active"`)
			h.desk.set(id, func(s *protocol.Session) { s.Viewers = []string{"<b>Anna</b>"} })
			page.comes("&lt;b&gt;Anna&lt;/b&gt;")
			h.desk.set(id, ended(protocol.StateEnding, protocol.EndTechnician, nil))
			page.comes(`data-state="Ending"`)
			rest := page.rest()
			for _, part := range []string{`<a href="/session">Continue</a>`, `<meta http-equiv="refresh" content="0;url=/session">`, "</html>"} {
				if !strings.Contains(rest, part) {
					t.Errorf("the page ended without %q:\n%s", part, rest)
				}
			}

			after := p.live("/session")
			after.comes("<h1>The help session is over</h1>")
			after.comes("The technician ended the session.")
			after.comes("is removing itself")
			yes := true
			h.desk.set(id, ended(protocol.StateEnding, protocol.EndTechnician, &yes))
			after.comes("The help program and its data have been removed.")
			h.desk.set(id, ended(protocol.StateClosed, protocol.EndTechnician, &yes))
			after.comes(`data-state="Closed"`)
			if rest := after.rest(); !strings.Contains(rest, "</html>") || strings.Contains(rest, "http-equiv") {
				t.Errorf("the last page ends with %s", rest)
			}
			p.get("/session").shows(t, "The help program and its data have been removed.")
		})
	}
}

func TestEndIsHonest(t *testing.T) {
	no := false
	for _, c := range []struct {
		steps   []protocol.Step
		removed *bool
		want    string
	}{
		{nil, nil, "Nothing was started on this computer, and nobody saw your screen."},
		{[]protocol.Step{protocol.StepAgentFetched}, nil, "The help program was not started. Delete the file"},
		{[]protocol.Step{protocol.StepAgentFetched, protocol.StepAgentStarted}, nil, "could not confirm that it removed itself"},
		{[]protocol.Step{protocol.StepAgentFetched, protocol.StepAgentStarted}, &no, "could not remove everything"},
	} {
		h := newHouse(t)
		p, id := joined(t, h)
		h.desk.set(id, step(protocol.StateClosed, c.steps...))
		h.desk.set(id, ended(protocol.StateClosed, protocol.EndAgentLost, c.removed))
		page := p.get("/session")
		page.shows(t, c.want, "The help program stopped unexpectedly.")
		page.hides(t, "have been removed")
	}
}

func TestOnlySoManyLivePagesPerSession(t *testing.T) {
	h := newHouse(t)
	p, id := joined(t, h)
	var open []*live
	for range 4 {
		l := p.live("/session")
		l.comes(`data-state="Joined"`)
		open = append(open, l)
	}
	p.get("/session").shows(t, "This list does not change by itself.", "</html>") // ends at once
	h.desk.set(id, ended(protocol.StateClosed, protocol.EndTechnician, nil))
	for _, l := range open {
		l.rest()
	}
	p.get("/session").shows(t, "The help session is over")
}

func TestStop(t *testing.T) {
	h := newHouse(t)
	p, id := joined(t, h)
	l := p.live("/session")
	l.comes(`data-state="Joined"`)
	after := p.do(http.MethodPost, "/session/stop", "")
	l.comes(`data-state="Ending"`)
	h.desk.set(id, ended(protocol.StateClosed, protocol.EndCustomer, nil))
	p.read(after).shows(t, "You ended the session.")
	p.post("/session/stop").shows(t, "You ended the session.") // again: nothing left to stop
}

func TestAgentDownload(t *testing.T) {
	h := newHouse(t)
	p, id := joined(t, h)
	ticket := string(h.desk.sessions[id].ticket)

	if head := p.do(http.MethodHead, "/session/agent?system=linux-amd64", ""); head.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %d", head.StatusCode)
	}
	if got := p.get("/session/agent?system=linux-amd64/../../x"); got.StatusCode != http.StatusNotFound {
		t.Errorf("another system: %d", got.StatusCode)
	}
	if len(h.desk.fetched) != 0 {
		t.Fatalf("counted as fetched: %v", h.desk.fetched)
	}
	agent := p.get("/session/agent?system=linux-amd64")
	if got, want := agent.Header.Get("Content-Disposition"), `attachment; filename="consento-`+ticket+`"`; got != want {
		t.Errorf("Content-Disposition %s, want %s", got, want)
	}
	sum := sha256.Sum256(h.agents["consento-agent-linux-amd64"].Data)
	until(t, "the fetch is told", func() bool { h.desk.mu.Lock(); defer h.desk.mu.Unlock(); return len(h.desk.fetched) == 1 })
	if want := "linux-amd64 " + hex.EncodeToString(sum[:]); h.desk.fetched[0] != want {
		t.Errorf("fetched %q, want %q", h.desk.fetched[0], want)
	}

	// A newly prepared agent is hashed again.
	h.agents["consento-agent-linux-amd64"] = &fstest.MapFile{Data: []byte("another agent"), ModTime: time.Unix(1_700_000_100, 0)}
	sum = sha256.Sum256([]byte("another agent"))
	l := p.live("/session")
	l.comes(hex.EncodeToString(sum[:]))

	// Once the agent is there, nothing is handed out any more.
	h.desk.set(id, step(protocol.StateWaiting, protocol.StepAgentStarted))
	p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if got := p.do(http.MethodGet, "/session/agent?system=linux-amd64", ""); got.StatusCode != http.StatusSeeOther {
		t.Errorf("a second agent: %d", got.StatusCode)
	}
}

// A download that is broken off is not counted.
func TestBrokenDownloadDoesNotCount(t *testing.T) {
	over := make(chan struct{})
	h := newHouse(t, func(_ *web.Config, h *house) {
		h.front = func(pages http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/session/agent" {
					defer close(over)
				}
				pages.ServeHTTP(w, r)
			})
		}
	})
	h.agents["consento-agent-linux-amd64"] = &fstest.MapFile{Data: make([]byte, 32<<20), ModTime: time.Unix(1_700_000_000, 0)}
	p, id := joined(t, h)
	response := p.do(http.MethodGet, "/session/agent?system=linux-amd64", "")
	if _, err := io.CopyN(io.Discard, response.Body, 1<<20); err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	h.server.CloseClientConnections()
	select {
	case <-over:
	case <-time.After(patience):
		t.Fatal("it is served on")
	}
	s, err := h.desk.Snapshot(t.Context(), id)
	if err != nil || len(s.Steps) != 2 || len(h.desk.fetched) != 0 {
		t.Errorf("steps %v, fetched %v, %v", s.Steps, h.desk.fetched, err)
	}
}

var commandOnPage = regexp.MustCompile(`<code>(.*sha256sum.*)</code></pre>`)

// The line that the page offers is run by a real shell: it starts the program
// that the page was made for, and no other.
func TestTerminalLine(t *testing.T) {
	h := newHouse(t)
	p, id := joined(t, h)
	page := p.live("/session")
	page.comes(`data-state="Joined" class="joined"`)
	agent := p.get("/session/agent?system=linux-amd64")
	page.comes("fetched")
	found := commandOnPage.FindStringSubmatch(page.comes("sha256sum -c"))
	if found == nil {
		t.Fatal("no line")
	}
	line := html.UnescapeString(found[1])
	for name, body := range map[string]string{"right": agent.text, "other": agent.text + "#"} {
		home := t.TempDir()
		folder := filepath.Join(home, "Downloads")
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(folder, "consento-"+string(h.desk.sessions[id].ticket))
		if err := os.WriteFile(file, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		mark := filepath.Join(home, "started")
		shell := exec.CommandContext(t.Context(), "sh", "-c", line)
		shell.Env = []string{"HOME=" + home, "MARK=" + mark, "PATH=/usr/bin:/bin", "XDG_CONFIG_HOME=" + home}
		if _, err := os.Stat("/usr/bin/xdg-user-dir"); err == nil {
			if err := os.WriteFile(filepath.Join(home, "user-dirs.dirs"), []byte(`XDG_DOWNLOAD_DIR="$HOME/Downloads"`), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		out, err := shell.CombinedOutput()
		_, statErr := os.Stat(mark)
		if started := statErr == nil; started != (name == "right") {
			t.Errorf("%s: started %v: %v\n%s\n%s", name, started, err, line, out)
		}
	}
}

// The compressed program is handed out to whoever takes it, and is the same.
func TestCompressedProgram(t *testing.T) {
	h := newHouse(t)
	plain := h.agents["consento-agent-linux-amd64"]
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(plain.Data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, accept, encoding string
		changed                time.Time
	}{
		{"taken", "gzip, deflate, br", "gzip", plain.ModTime},
		{"refused", "gzip;q=0", "", plain.ModTime},
		{"not asked for", "br", "", plain.ModTime},
		{"too old", "gzip", "", plain.ModTime.Add(-time.Hour)},
	} {
		h.agents["consento-agent-linux-amd64.gz"] = &fstest.MapFile{Data: packed.Bytes(), ModTime: c.changed, Mode: 0o600}
		p, _ := joined(t, h, "Accept-Encoding", c.accept)
		r := p.get("/session/agent?system=linux-amd64")
		body := []byte(r.text)
		if got := r.Header.Get("Content-Encoding"); got != c.encoding {
			t.Errorf("%s: Content-Encoding %q", c.name, got)
		} else if got == "gzip" {
			unpacked, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(unpacked); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(body, plain.Data) {
			t.Errorf("%s: another program", c.name)
		}
	}
}

func TestSystems(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140":        "no help program for Windows yet",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari":      "no help program for macOS yet",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) Mobile":             "A phone or tablet cannot share its screen here",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)":      "A phone or tablet cannot share its screen here",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Chrome/140":         "no help program for ChromeOS yet",
		"Mozilla/5.0 (X11; Linux aarch64; rv:140.0) Firefox/140.0":    "Linux on ARM processors yet",
		"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Firefox/1": `download="consento-`,
		"unheard of": "We do not know which system this computer runs",
	} {
		h := newHouse(t)
		p, id := joined(t, h, "User-Agent", agent)
		l := p.live("/session")
		l.comes(want)
		if !strings.Contains(want, "download") && !strings.Contains(want, "phone or tablet") {
			l.comes(`href="/session?system=linux-amd64"`)
			p.live("/session?system=linux-amd64").comes(`download="consento-`)
		}
		h.desk.set(id, ended(protocol.StateClosed, protocol.EndTechnician, nil))
	}
	h := newHouse(t)
	delete(h.agents, "consento-agent-linux-amd64")
	p, _ := joined(t, h)
	p.live("/session").comes("has not prepared its help program yet")
}

func TestLiveLinesAreBounded(t *testing.T) {
	h := newHouse(t)
	p, id := joined(t, h)
	h.desk.set(id, step(protocol.StateActive, protocol.StepViewAllowed))
	page := p.live("/session")
	page.comes(`data-state="Active" class="active"`)
	for i := range 300 {
		h.desk.set(id, func(s *protocol.Session) { s.Viewers = []string{fmt.Sprint("viewer ", i)} })
	}
	h.desk.set(id, ended(protocol.StateClosed, protocol.EndTechnician, nil))
	if n := strings.Count(page.rest(), "<li"); n > 210 {
		t.Errorf("%d lines", n)
	}
}
