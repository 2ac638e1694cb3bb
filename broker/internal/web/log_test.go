package web_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/session"
	"consento/protocol"
	"consento/protocol/lang"
)

// everyEvent is a log with each event that there is, with data as the broker writes it.
func everyEvent() []session.LogEntry {
	data := map[protocol.EventCode]string{
		protocol.EventIssued:           `{"technician":{"name":"אבג \u202eevil","team":"<b>T</b>","office":"O"},"reason":"{name} <i>"}`,
		protocol.EventReason:           `{"text":"מדפסת"}`,
		protocol.EventRedeemed:         `{"by":"agent"}`,
		protocol.EventAgentFetched:     `{"system":"linux-amd64","sha256":"abcd"}`,
		protocol.EventAgentJoined:      `{"software":"consento-agent 1","system":"Debian"}`,
		protocol.EventAgentReturned:    `{"away_ms":61001}`,
		protocol.EventTermsShown:       `{"version":"7"}`,
		protocol.EventTermsAccepted:    `{"version":"7"}`,
		protocol.EventTermsDeclined:    `{"version":"7"}`,
		protocol.EventConsentAsked:     `{"permission":"view_screen"}`,
		protocol.EventConsentGiven:     `{"permission":"control"}`,
		protocol.EventConsentRefused:   `{"permission":"fetch_files"}`,
		protocol.EventConsentWithdrawn: `{"permission":"new_one"}`,
		protocol.EventControlUsed:      `{"clicks":3,"wheel":0,"keys":2,"characters":41}`,
		protocol.EventControlState:     `{"block":"customer"}`,
		protocol.EventClipAsked:        `{"clip":1,"to":"technician"}`,
		protocol.EventClipEnded:        `{"clip":1,"to":"customer","type":"text","size":12,"sha256":"abcd","result":"secret"}`,
		protocol.EventSSHStarted:       `{"run":1,"device":{"host":"fd00::1","port":22,"user":"\u202eadmin <b>T</b>"}}`,
		protocol.EventSSHKey:           `{"algorithm":"ssh-ed25519","key":"SHA256:x","known":"changed","before":"SHA256:y"}`,
		protocol.EventSSHTrusted:       `{"key":"SHA256:x","words":"replaced <i>"}`,
		protocol.EventSSHRefused:       `{"method":"password","cause":"wrong","tries":2}`,
		protocol.EventSSHOpened:        `{"algorithms":"diffie-hellman-group14-sha1","old":true}`,
		protocol.EventSSHEnded:         `{"code":-1,"cause":"locked"}`,
		protocol.EventFileFolder:       `{"permission":"send_files","folder":"Downloads"}`,
		protocol.EventFileListed:       `{"path":"Photos/\u202ea"}`,
		protocol.EventFileAsked:        `{"to":"customer","path":"a.txt","size":12}`,
		protocol.EventFileEnded:        `{"to":"technician","path":"a.txt","size":12,"sha256":"abcd","result":"done"}`,
		protocol.EventStillAsked:       `{"still":1,"caption":"Error \u202e"}`,
		protocol.EventStillTaken:       `{"still":1,"sha256":"abcd","size":12,"width":640,"height":480}`,
		protocol.EventStillFailed:      `{"still":2,"problem":"size"}`,
		protocol.EventStillOnTicket:    `{"still":1,"ticket":"T-7 \u202e"}`,
		protocol.EventDrawnUsed:        `{"lines":2,"boxes":1,"points":3}`,
		protocol.EventScreenCovered:    `{"programs":2,"fields":1}`,
		protocol.EventScreenShown:      `{"source":"application","name":"LibreOffice","width":800,"height":600}`,
		protocol.EventViewerJoined:     `{"name":"Carla","team":"Two"}`,
		protocol.EventViewerLeft:       `{"name":"Carla","team":"Two"}`,
		protocol.EventGuestLeft:        `{"name":"Max","team":"<b>T</b>","way":"vendor","cause":"lead","lead":"Vera \u202eNeri"}`,
		protocol.EventTransportChanged: `{"who":"agent","connected":true}`,
		protocol.EventStateChanged:     `{"from":"Issued","to":"Joined"}`,
		protocol.EventEnded:            `{"reason":"reported","by":"agent"}`,
		protocol.EventRemoved:          `{"complete":false,"left":["a file"]}`,
		protocol.EventNoteWritten:      `{"by":"Anna"}`,
		protocol.EventRated:            `{"stars":4,"words":"two\nlines"}`,
	}
	var all []session.LogEntry
	at := time.Date(2026, 3, 28, 23, 30, 0, 0, time.UTC)
	for i, code := range protocol.EventCodes() {
		if code == protocol.EventCursorMoved || code == protocol.EventCursorShape || code == protocol.EventControlInput || code == protocol.EventDrawn || code == protocol.EventStillContent || code == protocol.EventSystemPart || code == protocol.EventSystemChanges || code == protocol.EventFileBegun || code == protocol.EventFileWhole || code == protocol.EventClipContent || code == protocol.EventClipWhole {
			continue // on another track
		}
		all = append(all, session.LogEntry{At: at.Add(time.Duration(i) * time.Minute), Code: code, Data: json.RawMessage(data[code])})
	}
	return append(all, session.LogEntry{At: at.Add(time.Hour), Code: "some.new.code"},
		session.LogEntry{At: at.Add(time.Hour), Code: protocol.EventEnded, Data: json.RawMessage(`["hostile"]`)})
}

// over puts a customer on the last page of a session with a log.
func (h *house) over(t testing.TB, header ...string) (*person, string) {
	t.Helper()
	p := h.visitor(t, header...)
	id := h.desk.issue(goodKey, anna)
	p.post("/key", "key", "ACDEFGH")
	h.desk.set(id, step(protocol.StateActive, protocol.StepNameConfirmed, protocol.StepAgentStarted))
	h.desk.set(id, func(s *protocol.Session) { s.Reason = "Printer" })
	yes := true
	h.desk.set(id, ended(protocol.StateClosed, protocol.EndTechnician, &yes))
	h.desk.log(id, logOf(everyEvent()))
	return p, id
}

func (d *desk) log(id string, log session.Log) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.logs[id] = log
}

// cell is one entry on the page.
var cell = regexp.MustCompile(`<tr data-code="([^"]*)"><th scope="row"><time datetime="([^"]*)">([^<]*)</time></th><td>([^<]*)</td></tr>`)

// TestEveryEventHasWords: in all languages, each code that stands on the track of
// events is told in words of its own; an unknown one by its code.
func TestEveryEventHasWords(t *testing.T) {
	h := newHouse(t)
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	english := map[string]string{}
	for _, tag := range append([]string{"en"}, texts.Tags()...) {
		p, _ := h.over(t, "Accept-Language", tag)
		page := p.get("/session/log?zone=Europe/Rome")
		page.hides(t, "⟨", "\u202e", "<b>T</b>", "<i>")
		cells := cell.FindAllStringSubmatch(page.text, -1)
		if len(cells) != len(everyEvent()) {
			t.Fatalf("%s: %d entries of %d:\n%s", tag, len(cells), len(everyEvent()), page.text)
		}
		seen := map[string]string{}
		for _, c := range cells {
			code, text := c[1], strings.NewReplacer("{name} &lt;i&gt;", "").Replace(c[4])
			if text == "" || strings.ContainsAny(text, "{}") || strings.Contains(text, code) != (code == "some.new.code") {
				t.Errorf("%s %s: %q", tag, code, text)
			}
			if code == string(protocol.EventGuestLeft) && !strings.Contains(text, "Vera") {
				t.Errorf("%s: it does not say who sent them away: %q", tag, text)
			}
			if before, there := seen[text]; there && before != code {
				t.Errorf("%s: %s and %s are told the same: %q", tag, code, before, text)
			}
			seen[text] = code
			if tag != "en" && english[code] == text {
				t.Errorf("%s %s: not translated: %q", tag, code, text)
			}
			if tag == "en" && english[code] == "" {
				english[code] = text
			}
		}
	}
	for code, part := range map[string]string{"agent.returned": "62 seconds", "screen.shown": "\u2068LibreOffice\u2069 (800 × 600)", "consent.withdrawn": "new_one",
		"agent.removed": "a file", "session.rated": "4 of 5. You wrote: \u2068two lines\u2069", "session.ended": "You reported the session", "key.redeemed": "in the help program",
		"session.issued": "Reason given", "viewer.joined": "\u2068Carla\u2069 (\u2068Two\u2069)"} {
		if !strings.Contains(english[code], part) {
			t.Errorf("%s: %q lacks %q", code, english[code], part)
		}
	}
}

// TestLogPage: times in the asked zone, across midnight and a change of the
// clocks; what is missing is said.
func TestLogPage(t *testing.T) {
	h := newHouse(t)
	p, id := h.over(t)
	page := p.get("/session/log?zone=Europe/Rome")
	page.shows(t, "<h1>Log of your session</h1>", "Europe/Rome (UTC+0", "<caption>2026-03-29</caption>", `datetime="2026-03-28T23:30:00Z">00:30:00</time>`,
		id, "Anna Bianchi", "Printer", "The technician ended the session.", "want of room: 3.", "What happened before 2026-03-29 00:00:00",
		"until 2026-03-29 04:00:00", `href="/session/log.html?zone=Europe%2FRome"`, `href="/session/log.json"`)
	page.hides(t, `data-zone="office"`)
	p.get("/session/log").shows(t, `data-zone="office"`)
	for _, zone := range []string{"Local", "../../etc/passwd", "/etc/localtime", "Nowhere/Town", strings.Repeat("a", 100), "\\x"} {
		if page := p.get("/session/log?zone=" + strings.ReplaceAll(zone, "\\", "%5c")); page.StatusCode != http.StatusOK || !strings.Contains(page.text, `data-zone="office"`) {
			t.Errorf("zone %q: %d", zone, page.StatusCode)
		}
	}
	p.get("/session").shows(t, `href="/session/log"`)
	h.visitor(t).get("/session/log").shows(t, "There is no help session in this browser")
	other, _ := h.over(t)
	other.get("/session/log").hides(t, id)

	h.desk.mu.Lock()
	delete(h.desk.logs, id)
	h.desk.mu.Unlock()
	for _, path := range []string{"/session/log", "/session/log.html", "/session/log.json"} {
		page := p.get(path)
		page.shows(t, "The log is not here any more", id, "not over a restart of the server")
		if page.StatusCode != http.StatusGone {
			t.Errorf("%s: %d", path, page.StatusCode)
		}
	}
}

// TestSavedLog: the page in one file needs nothing else, the data is as published.
func TestSavedLog(t *testing.T) {
	h := newHouse(t)
	p, id := h.over(t)
	file := p.get("/session/log.html?zone=Asia/Tokyo")
	if got := file.Header.Get("Content-Disposition"); !strings.HasPrefix(got, `attachment; filename="consento-`) || !strings.HasSuffix(got, `.html"`) {
		t.Errorf("%s", got)
	}
	file.shows(t, "<!DOCTYPE html>", "border-collapse", "Asia/Tokyo (UTC+09:00)", id, "LibreOffice", "08:30:00")
	file.hides(t, "<script", "src=", "href=", "@import", "url(", "⟨")
	data := p.get("/session/log.json")
	var saved struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
		Office  string `json:"office"`
		Session struct {
			ID         string
			Technician protocol.Person
			Reason     string
			EndReason  protocol.EndReason `json:"end_reason"`
		}
		Begins  time.Time `json:"begins"`
		LeftOut int       `json:"left_out"`
		Entries []session.LogEntry
	}
	if err := json.Unmarshal([]byte(data.text), &saved); err != nil {
		t.Fatalf("%v: %s", err, data.text)
	}
	if saved.Format != "consento customer log" || saved.Version != 1 || saved.Office != office.Name || saved.Session.ID != id || saved.Session.Technician != anna ||
		saved.Session.Reason != "Printer" || saved.Session.EndReason != protocol.EndTechnician || saved.Begins.IsZero() || saved.LeftOut != 3 || len(saved.Entries) != len(everyEvent()) {
		t.Errorf("%+v", saved)
	}
	if got := data.Header.Get("Content-Type"); got != "application/json" {
		t.Error(got)
	}
}

// TestWayToTheLog: the address that the help program shows makes the browser the
// customer's, once, and throws nobody out of a session that goes on.
func TestWayToTheLog(t *testing.T) {
	h := newHouse(t)
	_, id := h.over(t)
	elsewhere := h.visitor(t)
	elsewhere.get("/log/"+id+".ticket").shows(t, "<h1>Log of your session</h1>", id)
	elsewhere.get("/log/"+id+".ticket").shows(t, "<h1>Log of your session</h1>") // it is in already
	elsewhere.get("/session").shows(t, "The help session is over")
	for _, path := range []string{"/log/" + id + ".ticket", "/log/x", "/log/" + strings.Repeat("x", 300), "/log/%20"} {
		page := h.visitor(t).get(path)
		if page.StatusCode != http.StatusNotFound || strings.Contains(page.text, "Anna") {
			t.Errorf("%s: %d", path, page.StatusCode)
		}
	}
	_, second := h.over(t)
	busy := h.visitor(t)
	h.desk.issue(goodKey, anna)
	busy.post("/key", "key", "ACDEFGH").shows(t, "Is this the person helping you?")
	busy.get("/log/"+second+".ticket").shows(t, "Is this the person helping you?")
	h.visitor(t).get("/log/"+second+".ticket").shows(t, "<h1>Log of your session</h1>") // it was not used up
}

// TestEveryReasonIsShown: on the last page, in words, in every language.
func TestEveryReasonIsShown(t *testing.T) {
	h := newHouse(t)
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range texts.Tags() {
		for _, reason := range protocol.EndReasons() {
			p := h.visitor(t, "Accept-Language", tag)
			id := h.desk.issue(goodKey, anna)
			p.post("/key", "key", "ACDEFGH")
			h.desk.set(id, ended(protocol.StateClosed, reason, nil))
			page := p.get("/session")
			page.shows(t, `<p class="reason">`+strings.NewReplacer("'", "&#39;").Replace(texts.Match(tag).T("end."+string(reason)))+`</p>`)
			page.hides(t, "⟨")
		}
	}
}

func TestRating(t *testing.T) {
	h := newHouse(t)
	p, id := h.over(t)
	p.get("/session").shows(t, `<legend>How was the help?</legend>`, `type="radio" name="stars" value="1" required>`, `maxlength="500"`, ">Send</button>")
	p.post("/session/rating", "stars", "4", "words", "fast\r\n<b>kind</b>").shows(t, "Thank you. Your answer is on the record", `value="4" required checked`, "fast\n&lt;b&gt;kind", ">Send the change</button>")
	if s := h.desk.sessions[id].value.Stars; s != 4 {
		t.Errorf("stars %d", s)
	}
	p.get("/session").hides(t, "Thank you")
	for name, form := range map[string][]string{"none": {"words", "hello"}, "zero": {"stars", "0", "words", "hello"}, "six": {"stars", "6", "words", "hello"}, "no number": {"stars", "x", "words", "hello"}} {
		page := p.post("/session/rating", form...)
		page.shows(t, "<title>Error: ", "Choose a number from 1 to 5.", ">hello</textarea>")
		if strings.Contains(page.text, " checked") {
			t.Errorf("%s: something is chosen", name)
		}
	}
	for _, words := range []string{strings.Repeat("é", 501), "\u202eevil", "bell\x07"} {
		p.post("/session/rating", "stars", "5", "words", words).shows(t, "The text is too long", `value="5" required checked`, "></textarea>")
	}
	p.post("/session/rating", "stars", "5", "words", strings.Repeat("é", 500)).shows(t, "Thank you")
	for range 3 {
		p.post("/session/rating", "stars", "1")
	}
	p.get("/session?rating=closed").shows(t, "It has been changed too often")

	// Not before the end, not where nobody helped, not by a stranger.
	early := h.visitor(t)
	live := h.desk.issue(goodKey, anna)
	early.post("/key", "key", "ACDEFGH")
	early.post("/session/rating", "stars", "1").hides(t, "Thank you")
	early.post("/session/name", "answer", "no").hides(t, "<legend>")
	if h.desk.ratings[live] != 0 {
		t.Error("rated before the end")
	}
	h.visitor(t).post("/session/rating", "stars", "1").shows(t, "There is no help session in this browser")
}

// TestFirstVisit: who was in no session yet is warned and has to say that they
// asked for help; the way is no longer for it, and shorter never.
func TestFirstVisit(t *testing.T) {
	h := newHouse(t)
	p := h.visitor(t)
	const warning = "Did somebody call you and ask you to come here?"
	p.get("/").shows(t, warning, "call the office on its own number")
	h.desk.issue(goodKey, anna)
	page := p.post("/key", "key", "ACDEFGH")
	page.shows(t, warning, "I asked for help, and this is the name I was told", "I did not ask for help: stop and report", "We never ask for passwords or money.")
	page.hides(t, ">Yes, this is the name I was told<", `class="button primary"`) // no answer is the easier one
	id := h.desk.issue("ACDEFG2", anna)
	called := h.visitor(t)
	called.post("/key", "key", "ACDEFG2")
	called.post("/session/name", "answer", "called").shows(t, "You reported the session", "Hang up. Do not call back", office.Phone, "Change it")
	if len(h.desk.reported) != 1 || h.desk.reported[0] != id {
		t.Errorf("reported %v", h.desk.reported)
	}
	called.get("/").shows(t, warning) // that was no session

	p.do(http.MethodPost, "/session/name", "answer=yes").Body.Close() // its page goes on
	p.get("/").hides(t, warning)
	h.desk.issue("ACDEFG3", anna)
	page = p.post("/key", "key", "ACDEFG3")
	page.hides(t, warning, "I asked for help")
	page.shows(t, ">Yes, this is the name I was told<", "If you did not ask for help, stop here.", ">Report<")
}

// TestReportEverywhere: from the name to the last page there is a way to report,
// and after it the page says what to do next.
func TestReportEverywhere(t *testing.T) {
	h := newHouse(t)
	for state, change := range map[string]func(*protocol.Session){
		"joined":  step(protocol.StateJoined, protocol.StepNameConfirmed),
		"waiting": step(protocol.StateWaiting, protocol.StepNameConfirmed, protocol.StepAgentStarted),
		"active":  step(protocol.StateActive, protocol.StepNameConfirmed, protocol.StepAgentStarted),
		"over":    ended(protocol.StateClosed, protocol.EndTechnician, nil),
	} {
		p := h.visitor(t)
		id := h.desk.issue(goodKey, anna)
		p.post("/key", "key", "ACDEFGH")
		h.desk.set(id, change)
		if state != "over" { // the page goes on: the rest comes with the end
			p.live("/session").comes(`action="/session/report"`)
		} else if page := p.get("/session"); !strings.Contains(page.text, `action="/session/report"`) {
			t.Errorf("%s: no way to report", state)
		}
		page := p.post("/session/report")
		page.shows(t, "Your report is on the record", "Hang up. Do not call back", "Call your bank and the police")
		page.hides(t, `action="/session/report"`, "<legend>")
	}
}

// TestReasonIsShown: beside the name, isolated and escaped.
func TestReasonIsShown(t *testing.T) {
	h := newHouse(t)
	for reason, want := range map[string]string{"מדפסת \u202eevil": "<bdi>מדפסת evil</bdi>", "<script>": "<bdi>&lt;script&gt;</bdi>"} {
		p := h.visitor(t)
		id := h.desk.issue(goodKey, anna)
		h.desk.set(id, func(s *protocol.Session) { s.Reason = reason })
		p.post("/key", "key", "ACDEFGH").shows(t, "Reason given:", want)
	}
	p := h.visitor(t)
	h.desk.issue(goodKey, anna)
	p.post("/key", "key", "ACDEFGH").hides(t, "Reason given:")
}

func logOf(entries []session.LogEntry) session.Log {
	return session.Log{Entries: entries, LeftOut: 3, Since: time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC), Until: time.Date(2026, 3, 29, 2, 0, 0, 0, time.UTC)}
}
