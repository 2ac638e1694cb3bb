package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"consento/build/stage"
	"consento/protocol"
)

// office is one stage: a broker, the customer's screen and the technician's.
// SESSION_SHOTS names a folder for screenshots.
type office struct {
	t          *testing.T
	ctx        context.Context
	dir        string
	broker     *stage.Broker
	customer   *stage.Screen
	technician *stage.Screen
	page       *stage.Browser // the customer's
	console    *stage.Browser
}

func newOffice(t *testing.T, flags ...string) *office {
	t.Helper()
	return newOfficeOn(t, func(string) {}, flags...)
}

// newEmptyOffice is a broker as a stranger has it, with nobody at it yet.
func newEmptyOffice(t *testing.T) *office { return newStage(t, stage.NewEmptyBroker) }

// newStage starts a broker by make, in a folder of its own, and stops it at the end.
func newStage(t *testing.T, make func(ctx context.Context, bin, dir string) (*stage.Broker, error)) *office {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	t.Cleanup(cancel)
	t.Setenv("CONSENTO_SESSION_RETURN", "10s") // nobody waits ten minutes for a killed agent here
	bin, err := stage.Bin()
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, ctx: ctx, dir: folder(t)}
	if o.broker, err = make(ctx, bin, o.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.broker.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log("broker:\n" + o.broker.Log())
		}
	})
	return o
}

// newOfficeOn is newOffice; prepare is called with its folder before anything
// lies in it.
func newOfficeOn(t *testing.T, prepare func(dir string), flags ...string) *office {
	t.Helper()
	o := newStage(t, func(ctx context.Context, bin, dir string) (*stage.Broker, error) {
		prepare(dir)
		return stage.NewBroker(ctx, bin, dir)
	})
	o.customer = o.screen(image.Pt(1280, 800), "customer")
	o.technician = o.screen(image.Pt(1440, 900), "technician")
	o.page = o.browser(o.customer, "it-IT", flags...)
	o.console = o.browser(o.technician, "en-US")
	o.must(o.console.SignIn(o.broker))
	return o
}

// folder is a fresh one for a stage. A browser's processes may still write for a
// moment when the browser has ended.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "stage-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := stage.Briefly(context.WithoutCancel(t.Context()))
		defer cancel()
		var err error
		if stage.Until(ctx, "nothing left", func() bool { err = os.RemoveAll(dir); return err == nil }) != nil {
			t.Error(err)
		}
	})
	return dir
}

func (o *office) screen(size image.Point, name string) *stage.Screen {
	o.t.Helper()
	s, err := stage.NewScreen(o.ctx, size, filepath.Join(o.dir, name))
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			o.t.Error(err)
		}
	})
	return s
}

func (o *office) browser(s *stage.Screen, language string, flags ...string) *stage.Browser {
	o.t.Helper()
	b, err := s.Browser(o.ctx, o.broker, language, flags...)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(b.Close)
	return b
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.picture("failed-customer", o.customer)
		o.picture("failed-technician", o.technician)
		o.t.Fatal(err)
	}
}

// act runs one scene as a test of its own on the same stage.
func (o *office) act(name string, scene func(o *office)) {
	ok := o.t.Run(name, func(t *testing.T) {
		here := *o
		here.t = t
		ctx, cancel := context.WithTimeout(o.ctx, 4*time.Minute)
		defer cancel()
		here.ctx = ctx
		scene(&here)
	})
	if !ok {
		o.t.FailNow() // what the scene left on the stage spoils the next ones
	}
}

// picture keeps a screenshot, if somebody wants one.
func (o *office) picture(name string, s *stage.Screen) {
	folder := os.Getenv("SESSION_SHOTS")
	if folder == "" || s == nil {
		return
	}
	ctx, cancel := stage.Briefly(context.WithoutCancel(o.ctx))
	defer cancel()
	if err := s.Save(ctx, filepath.Join(folder, strings.ReplaceAll(o.t.Name(), "/", "-")+"-"+name+".png")); err != nil {
		o.t.Error(err)
	}
}

// issue has the technician make a session and returns its key.
func (o *office) issue() string {
	o.t.Helper()
	key, err := o.console.NewSession()
	o.must(err)
	if parsed, err := protocol.ParseSessionKey(key); err != nil || string(parsed) != key {
		o.t.Fatalf("the console shows %q as the key", key)
	}
	return key
}

// agent goes the customer's way from the key to the running agent.
func (o *office) agent() *stage.Agent {
	o.t.Helper()
	return o.agentBy(o.issue())
}

func (o *office) agentBy(key string) *stage.Agent {
	o.t.Helper()
	o.must(o.page.EnterKey(o.broker, key))
	o.must(o.page.ConfirmName(true))
	command, err := o.page.FetchAgent(o.ctx, o.customer)
	o.must(err)
	o.must(o.console.State("Joined"))
	agent, err := o.customer.StartAgent(o.ctx, command)
	o.must(err)
	o.t.Cleanup(func() {
		if o.t.Failed() {
			o.t.Log("agent:\n" + agent.Log())
		}
	})
	o.must(o.console.State("Waiting"))
	return agent
}

// share goes on to the shared screen.
func (o *office) share() *stage.Agent {
	o.t.Helper()
	agent := o.agent()
	o.show()
	return agent
}

// show goes on from the running agent to the shared screen.
func (o *office) show() {
	o.t.Helper()
	o.must(o.customer.Accept(o.ctx, "Consento – condizioni"))
	o.must(o.customer.Accept(o.ctx, "Consento – mostrare"))
	o.must(o.console.State("Active"))
	o.must(o.console.Until("picture", `document.querySelector('[data-testid="remote-screen"]').videoWidth === 1280`))
}

// over closes the agent's last window and checks that nothing is left of it.
func (o *office) over(agent *stage.Agent, code int, left []string) {
	o.t.Helper()
	_, err := o.customer.Window(o.ctx, "Consento – rimosso")
	o.must(err)
	o.picture("removed", o.customer)
	o.must(o.customer.Confirm(o.ctx, "Consento – rimosso"))
	got, err := agent.Exit(o.ctx)
	o.must(err)
	if got != code {
		o.t.Errorf("the agent's exit code is %d instead of %d", got, code)
	}
	o.clean(left)
}

// acts is how often the customer has clicked, typed or answered so far.
func (o *office) acts() int { return o.page.Acts() + o.customer.Acts() }

// files lists what lies in the customer's home, but for the browser's own.
func (o *office) files() []string {
	o.t.Helper()
	var files []string
	err := filepath.WalkDir(o.customer.Home, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return nil // it went away while we looked: it is not left
		}
		if d.IsDir() && slices.ContainsFunc([]string{".browser-", ".firefox-", ".mozilla"}, func(own string) bool { return strings.HasPrefix(d.Name(), own) }) || strings.HasPrefix(d.Name(), ".org.chromium") {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		files = append(files, strings.TrimPrefix(path, o.customer.Home))
		return nil
	})
	o.must(err)
	return files
}

// clean checks that the customer's home holds what it held before the agent came.
func (o *office) clean(before []string) {
	o.t.Helper()
	var left []string
	for _, file := range o.files() {
		if !slices.Contains(before, file) {
			left = append(left, file)
		}
	}
	if len(left) > 0 {
		o.t.Errorf("left on the customer's disk: %q", left)
	}
}

// evidence is what an auditor finds of the newest session.
type evidence struct {
	folder string
	codes  []string
	events []logged
	reason string // of session.ended
	video  string // file, "" if there is none
	videos []string
	length float64 // of video, in seconds
}

// logged is one event of the log.
type logged struct {
	Code string         `json:"code"`
	At   int64          `json:"at_ms"`
	Data map[string]any `json:"data"`
}

// shown lists what was shared, one after the other: source, name if it has one,
// and size.
func (e evidence) shown() (list []string) {
	for _, event := range e.events {
		if event.Code == string(protocol.EventScreenShown) {
			what := fmt.Sprint(event.Data["source"])
			if name, ok := event.Data["name"]; ok {
				what += fmt.Sprintf(" %s", name)
			}
			list = append(list, fmt.Sprintf("%s %vx%v", what, event.Data["width"], event.Data["height"]))
		}
	}
	return list
}

// newest opens the newest recording as an auditor does. The verifier's verdict
// on it has to be this exit code, and every video in it has to play.
func (o *office) newest(verdict int) evidence {
	o.t.Helper()
	file := o.newestFile()
	keys := filepath.Join(o.broker.Data, "keys")
	var code int
	var out string
	// The witness's signature comes a moment after the end.
	patient, cancel := stage.Briefly(o.ctx)
	defer cancel()
	_ = stage.Until(patient, "verdict", func() bool { // the last one tells
		var err error
		code, out, err = o.broker.Verify(o.ctx, "session", file, "--policy", keys)
		o.must(err)
		return code == verdict
	})
	if code != verdict {
		o.t.Fatalf("consento-verify session: exit code %d instead of %d\n%s", code, verdict, out)
	}
	e := evidence{folder: o.t.TempDir()}
	code, out, err := o.broker.Verify(o.ctx, "open", file, "--identity", o.broker.Identity, "--out", e.folder, "--policy", keys)
	o.must(err)
	if code != verdict {
		o.t.Fatalf("consento-verify open: exit code %d instead of %d\n%s", code, verdict, out)
	}
	data, err := os.ReadFile(filepath.Join(e.folder, "events.json"))
	o.must(err)
	o.must(json.Unmarshal(data, &e.events))
	for _, entry := range e.events {
		e.codes = append(e.codes, entry.Code)
		if entry.Code == string(protocol.EventEnded) {
			e.reason = fmt.Sprint(entry.Data["reason"])
		}
	}
	e.videos, err = filepath.Glob(filepath.Join(e.folder, "video*.mp4"))
	o.must(err)
	for i, length := range o.play(e.videos) {
		if filepath.Base(e.videos[i]) == "video.mp4" {
			e.video, e.length = e.videos[i], length
		}
	}
	return e
}

// play checks videos by ffprobe and ffmpeg, which decodes every frame, and in a
// Chromium that is open, and returns their lengths in seconds.
func (o *office) play(videos []string) []float64 {
	o.t.Helper()
	if len(videos) == 0 {
		return nil
	}
	probed := make([]float64, len(videos))
	for i, video := range videos {
		var err error
		probed[i], err = stage.Probe(o.ctx, video)
		o.must(err)
	}
	browser := o.page
	if browser == nil || browser.Closed() {
		browser = o.console
	}
	played, err := browser.Play(videos...)
	o.must(err)
	for i, video := range videos {
		if d := played[i] - probed[i]; d > 0.5 || d < -0.5 {
			o.t.Errorf("%s: Chromium says %.2f s, ffprobe %.2f s", filepath.Base(video), played[i], probed[i])
		}
	}
	return played
}

// seen checks that there is a video of what was shown.
func (e evidence) seen(t *testing.T) {
	t.Helper()
	if e.video == "" {
		t.Error("there is no video")
	}
}

// newestFile is the first segment of the newest recording.
func (o *office) newestFile() string {
	o.t.Helper()
	files, err := o.broker.Recordings()
	o.must(err)
	newest, at := "", time.Time{}
	for _, file := range files {
		info, err := os.Stat(file)
		o.must(err)
		if info.ModTime().After(at) {
			newest, at = file, info.ModTime()
		}
	}
	if newest == "" {
		o.t.Fatal("there is no recording")
	}
	dir, name := filepath.Split(newest)
	session, _, _ := strings.Cut(name, "-")
	return dir + session + "-0.rec"
}

// expect checks the reason and the order of events.
func (e evidence) expect(t *testing.T, reason protocol.EndReason, codes ...protocol.EventCode) {
	t.Helper()
	if e.reason != string(reason) {
		t.Errorf("the evidence gives the reason %q instead of %q", e.reason, reason)
	}
	rest := e.codes
	for _, code := range codes {
		i := slices.Index(rest, string(code))
		if i < 0 {
			t.Fatalf("no %s after the events before it in %q", code, e.codes)
		}
		rest = rest[i+1:]
	}
}

// Verdicts of the verifier: with the keys of log and witness, and without the witness's.
const (
	whole        = 0
	unverifiable = 3
)

func TestSession(t *testing.T) {
	o := newOffice(t)
	o.act("wrong key", func(o *office) {
		o.must(o.page.EnterKey(o.broker, "2345678"))
		o.must(o.page.Until("one clear sentence", `document.querySelector("#key-error").textContent.includes("sbagliata o troppo vecchia")`))
		o.picture("key", o.customer)
	})
	o.act("another name", func(o *office) {
		key := o.issue()
		o.must(o.page.EnterKey(o.broker, key))
		o.must(o.page.ConfirmName(false))
		o.must(o.console.State("Closed"))
		o.newest(whole).expect(o.t, protocol.EndNameNotConfirmed,
			protocol.EventIssued, protocol.EventRedeemed, protocol.EventNameRefused, protocol.EventEnded, protocol.EventClosed)
		// The key is used up, and the sentence is the same as for a wrong one.
		o.must(o.page.EnterKey(o.broker, key))
		o.must(o.page.Until("used key refused", `document.querySelector("#key-error").textContent.includes("sbagliata o troppo vecchia")`))
	})
	o.act("terms refused", func(o *office) {
		before := o.files()
		agent := o.agent()
		o.picture("terms", o.customer)
		o.must(o.customer.Refuse(o.ctx, "Consento – condizioni"))
		o.over(agent, 3, before)
		o.must(o.console.State("Closed"))
		e := o.newest(whole)
		e.expect(o.t, protocol.EndTermsDeclined, protocol.EventAgentJoined, protocol.EventTermsShown, protocol.EventTermsDeclined,
			protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)
		if e.video != "" {
			o.t.Error("there is a video of a screen that was never shown")
		}
	})
	o.act("view refused", func(o *office) {
		before := o.files()
		agent := o.agent()
		o.must(o.customer.Accept(o.ctx, "Consento – condizioni"))
		_, err := o.customer.Window(o.ctx, "Consento – mostrare")
		o.must(err)
		o.picture("consent", o.customer)
		o.must(o.customer.Refuse(o.ctx, "Consento – mostrare"))
		o.over(agent, 3, before)
		o.must(o.console.State("Closed"))
		e := o.newest(whole)
		e.expect(o.t, protocol.EndConsentRefused, protocol.EventTermsAccepted, protocol.EventConsentAsked, protocol.EventConsentRefused, protocol.EventEnded)
		if e.video != "" {
			o.t.Error("there is a video of a screen that was never shown")
		}
	})
	o.act("ten seconds, ended by the technician", tenSeconds)
	o.act("ended by the customer's red X", func(o *office) {
		before := o.files()
		agent := o.share()
		o.bar("end")
		o.must(o.console.Until("ended by the customer", `/Closed|Ending/.test(document.querySelector('[data-testid="session-state"]').dataset.state)`))
		o.over(agent, 0, before)
		o.must(o.console.State("Closed"))
		o.picture("ended", o.technician)
		e := o.newest(whole)
		e.expect(o.t, protocol.EndCustomer, protocol.EventConsentGiven, protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)
	})
	o.act("console killed and opened again", func(o *office) {
		before := o.files()
		agent := o.share()
		o.must(o.console.Kill())
		again := o.browser(o.technician, "it-IT")
		o.must(again.SignIn(o.broker))
		o.must(again.Click(`.session-list button.row[data-state="Active"]`))
		o.must(again.Until("late picture", `document.querySelector('[data-testid="remote-screen"]').videoWidth === 1280`))
		o.must(o.same("the picture of who came late", func() (image.Image, error) { return again.Frame(`[data-testid="remote-screen"]`) }))
		o.picture("late", o.technician)
		o.must(again.Click(`[data-testid="end-session"]`))
		o.over(agent, 0, before)
		o.must(again.State("Closed"))
		again.Close()
		e := o.newest(whole)
		e.expect(o.t, protocol.EndTechnician, protocol.EventViewerJoined, protocol.EventConsentGiven, protocol.EventViewerLeft, protocol.EventViewerJoined,
			protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)
		e.seen(o.t)
	})
	o.console = o.browser(o.technician, "en-US")
	o.must(o.console.SignIn(o.broker))
	o.act("two agents race for one session", racingAgents)
	o.act("page and program race for one session", pageAgainstProgram)
	o.act("agent killed at the terms", func(o *office) {
		before := o.files()
		agent := o.agent()
		_, err := o.customer.Window(o.ctx, "Consento – condizioni")
		o.must(err)
		agent.Kill()
		o.must(o.console.State("Closed"))
		o.clean(before)
		o.newest(whole).expect(o.t, protocol.EndAgentLost, protocol.EventTermsShown, protocol.EventEnded, protocol.EventRemovalUnknown)
	})
	o.act("agent killed at the question", func(o *office) {
		before := o.files()
		agent := o.agent()
		o.must(o.customer.Accept(o.ctx, "Consento – condizioni"))
		_, err := o.customer.Window(o.ctx, "Consento – mostrare")
		o.must(err)
		agent.Kill()
		o.must(o.console.State("Closed"))
		o.words("body", "vanished")
		o.must(o.page.Until("the customer is told", `document.querySelector(".reason").textContent.length > 0`))
		o.must(o.customer.NoWindow(o.ctx, "Consento – "))
		o.clean(before)
		o.newest(whole).expect(o.t, protocol.EndAgentLost, protocol.EventConsentAsked, protocol.EventAgentAway, protocol.EventEnded, protocol.EventRemovalUnknown, protocol.EventClosed)
	})
	o.act("ended by the customer on the portal, and killed in its last window", func(o *office) {
		before := o.files()
		agent := o.agent()
		o.must(o.customer.Accept(o.ctx, "Consento – condizioni"))
		_, err := o.customer.Window(o.ctx, "Consento – mostrare")
		o.must(err)
		o.must(o.page.Click(`form[action="/session/stop"] button`))
		_, err = o.customer.Window(o.ctx, "Consento – rimosso")
		o.must(err)
		o.must(o.console.State("Closed")) // told while the window is read
		agent.Kill()
		o.must(o.customer.NoWindow(o.ctx, "Consento – "))
		o.clean(before)
		o.newest(whole).expect(o.t, protocol.EndCustomer, protocol.EventConsentAsked, protocol.EventEnded, protocol.EventRemoved)
	})
	o.act("agent killed", func(o *office) {
		before := o.files()
		agent := o.share()
		agent.Kill()
		o.must(o.console.State("Closed"))
		o.must(o.customer.NoWindow(o.ctx, "Consento – "))
		o.clean(before)
		o.newest(whole).expect(o.t, protocol.EndAgentLost, protocol.EventConsentGiven, protocol.EventEnded,
			protocol.EventRemovalUnknown, protocol.EventClosed)
	})
	o.act("broker killed at the terms, at the question, and while it ends", brokerKilledAtEachStep)
	o.act("broker killed", brokerKilled)
	o.act("broker stopped for good", brokerStopped)
	o.act("computer asleep", agentSleeps)
}

// tenSeconds shows ten seconds of a busy screen, and compares what the
// technician sees, and what is recorded, with what is on the customer's screen.
func tenSeconds(o *office) {
	before, acts := o.files(), o.acts()
	agent := o.share()
	if n := o.acts() - acts; n > 6 { // key, continue, yes, get, accept, show
		o.t.Errorf("the customer did %d things to show the screen", n)
	}
	// Ten seconds at least, and until enough of it was seen.
	enough := filepath.Join(o.t.TempDir(), "enough")
	terminal, err := o.customer.Start("xterm", "-geometry", "120x40+40+60", "-e", "bash", "-c",
		`for ((i = 0; i < 200 || !seen; i++)); do echo "$i  The quick brown fox jumps over the lazy dog 0123456789"; sleep 0.05; [[ -e $0 ]] && seen=1; done; printf '\033]0;all is printed\007'; read -r _`, enough)
	o.must(err)
	defer terminal.Kill()
	o.more(60)
	o.must(os.WriteFile(enough, nil, 0o600))
	_, err = o.customer.Window(o.ctx, "all is printed")
	o.must(err)
	o.must(o.same("the technician's picture", func() (image.Image, error) { return o.console.Frame(`[data-testid="remote-screen"]`) }))
	o.picture("shared", o.customer)
	o.picture("shared", o.technician)
	var masked error
	patient, cancel := stage.Briefly(o.ctx)
	defer cancel()
	if stage.Until(patient, "the bar is masked", func() bool { masked = o.barIsMasked(); return masked == nil }) != nil {
		o.must(masked)
	}
	at := image.Pt(700, 500)
	o.pointer(at)
	screen, err := o.customer.Picture(o.ctx)
	o.must(err)
	o.must(o.console.Click(`[data-testid="end-session"]`))
	o.over(agent, 0, before)
	o.must(o.console.State("Closed"))
	e := o.newest(whole)
	e.expect(o.t, protocol.EndTechnician, protocol.EventIssued, protocol.EventRedeemed, protocol.EventNameConfirmed, protocol.EventAgentFetched,
		protocol.EventAgentJoined, protocol.EventTermsAccepted, protocol.EventConsentAsked, protocol.EventConsentGiven, protocol.EventStateChanged,
		protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)
	if e.length < 10 {
		o.t.Errorf("the video lasts %.1f s", e.length)
	}
	if !e.pointed(at) {
		o.t.Errorf("the pointer was never at %v on the evidence", at)
	}
	picture, err := stage.LastFrame(o.ctx, e.video)
	o.must(err)
	if psnr := stage.PSNR(screen, picture, stage.Below(shared)); psnr < 35 {
		o.t.Errorf("the last picture of the recording differs from the screen: %.1f dB", psnr)
	}
}

// pointer moves the customer's pointer and waits until the console draws it there.
func (o *office) pointer(at image.Point) {
	o.t.Helper()
	o.must(o.customer.Move(o.ctx, at))
	o.must(o.console.Until(fmt.Sprint("the pointer is at ", at), fmt.Sprintf(`(() => {
		const cursor = document.querySelector('.stage[data-shown="true"] canvas.cursor');
		const video = document.querySelector('[data-testid="remote-screen"]').getBoundingClientRect();
		const box = cursor.getBoundingClientRect();
		const x = (box.left - video.left) * 1280 / video.width, y = (box.top - video.top) * 1280 / video.width;
		return !cursor.hidden && x <= %[1]d + 1 && x > %[1]d - 24 && y <= %[2]d + 1 && y > %[2]d - 24; // its tip lies within it
	})()`, at.X, at.Y)))
}

// pointed reports whether the evidence has the pointer at a place, and its shape.
func (e evidence) pointed(at image.Point) bool {
	was := false
	for _, event := range e.events {
		if event.Code == string(protocol.EventCursorShape) { // a new shape is told with its place
			was = was || event.Data["x"] == float64(at.X) && event.Data["y"] == float64(at.Y)
		}
		if points, ok := event.Data["points"].([]any); ok && event.Code == string(protocol.EventCursorMoved) {
			for _, p := range points { // time, x, y
				place, ok := p.([]any)
				was = was || ok && len(place) == 3 && place[1] == float64(at.X) && place[2] == float64(at.Y)
			}
		}
	}
	return was && slices.Contains(e.codes, string(protocol.EventCursorShape))
}

// barIsMasked checks that the agent's own bar is not in the picture: its place
// has one colour.
func (o *office) barIsMasked() error {
	bar, err := o.customer.Window(o.ctx, "Consento – barra")
	if err != nil {
		return err
	}
	bounds, err := o.customer.Bounds(o.ctx, bar)
	if err != nil {
		return err
	}
	seen, err := o.console.Frame(`[data-testid="remote-screen"]`)
	if err != nil {
		return err
	}
	frame := stage.Pixels(seen)
	inner := bounds.Inset(4) // the codec blurs the border
	first := frame.RGBAAt(inner.Min.X, inner.Min.Y)
	for y := inner.Min.Y; y < inner.Max.Y; y++ {
		for x := inner.Min.X; x < inner.Max.X; x++ {
			at := frame.RGBAAt(x, y)
			for _, d := range []int{int(at.R) - int(first.R), int(at.G) - int(first.G), int(at.B) - int(first.B)} {
				if d > 12 || d < -12 {
					return fmt.Errorf("something of the bar is in the picture at %d,%d: %v instead of %v", x, y, at, first)
				}
			}
		}
	}
	return nil
}

// shared is the height of the bar, which tells the time: it is left out when
// pictures of two moments are compared.
const shared = 70

// same waits until a picture equals the customer's screen.
func (o *office) same(what string, picture func() (image.Image, error)) error {
	best := 0.0
	ctx, cancel := stage.Briefly(o.ctx)
	defer cancel()
	err := stage.Until(ctx, what, func() bool {
		screen, err := o.customer.Picture(ctx)
		if err != nil {
			return false
		}
		seen, err := picture()
		if err != nil {
			return false
		}
		best = max(best, stage.PSNR(screen, seen, stage.Below(shared)))
		return best > 36 // a browser that shares on a busy machine gets no sharper
	})
	if err != nil {
		return fmt.Errorf("%w: at best %.1f dB", err, best)
	}
	return nil
}

// frames counts what the console has shown of the present session.
func frames(b *stage.Browser) (int, error) {
	return stage.Eval[int](b, `document.querySelector('[data-testid="remote-screen"]').getVideoPlaybackQuality().totalVideoFrames`)
}

// racingAgents starts the program and a copy of it at the same moment: one has
// the session, the other says that it was used, and the evidence tells of it.
func racingAgents(o *office) {
	before := o.files()
	o.must(o.page.EnterKey(o.broker, o.issue()))
	o.must(o.page.ConfirmName(true))
	command, err := o.page.FetchAgent(o.ctx, o.customer)
	o.must(err)
	copied, err := o.customer.CopyAgent()
	o.must(err)
	var agents [2]*stage.Agent
	agents[0], err = o.customer.StartAgent(o.ctx, command)
	o.must(err)
	agents[1], err = o.customer.StartCopy(o.ctx, copied)
	o.must(err)
	o.must(o.console.State("Waiting"))
	_, err = o.customer.Window(o.ctx, "Consento – condizioni")
	o.must(err)
	_, err = o.customer.Window(o.ctx, "Consento – not started")
	o.must(err)
	o.must(o.customer.Activate(o.ctx, "Consento – not started"))
	o.picture("second", o.customer)
	o.must(o.customer.Confirm(o.ctx, "Consento – not started"))
	loser, code, err := stage.FirstExit(o.ctx, agents[:]...)
	o.must(err)
	if code != 5 || !agents[loser].Gone() {
		o.t.Errorf("the agent that came too late: exit code %d, gone %v", code, agents[loser].Gone())
	}
	o.must(o.customer.Activate(o.ctx, "Consento – condizioni"))
	o.must(o.customer.Refuse(o.ctx, "Consento – condizioni"))
	o.over(agents[1-loser], 3, before)
	o.must(o.console.State("Closed"))
	o.newest(whole).expect(o.t, protocol.EndTermsDeclined, protocol.EventAgentJoined, protocol.EventKeyRefused, protocol.EventEnded)
}

// pageAgainstProgram has the customer's page and the program come with one ticket
// at the same moment.
func pageAgainstProgram(o *office) {
	before := o.files()
	o.must(o.page.EnterKey(o.broker, o.issue()))
	o.must(o.page.ConfirmName(true))
	command, err := o.page.FetchAgent(o.ctx, o.customer)
	o.must(err)
	o.must(o.page.Until("terms", `!document.querySelector('div[data-step="terms"]').hidden`))
	agent, err := o.customer.StartAgent(o.ctx, command)
	o.must(err)
	// By script: the button may be hidden already when the program is quick.
	_, err = stage.Eval[bool](o.page, `(document.querySelector('[data-do="accept"]').click(), true)`)
	o.must(err)
	o.must(o.console.State("Waiting"))
	// Whoever was second says so, and can do no harm to the other.
	won := ""
	o.must(stage.Until(o.ctx, "page or program has the session", func() bool {
		for _, sign := range []struct{ who, expression string }{
			{"page", `!document.querySelector('div[data-step="ask"]').hidden`},
			{"program", `!document.querySelector('[data-problem="used"]').hidden`},
		} {
			if ok, err := stage.Eval[bool](o.page, sign.expression); err == nil && ok {
				won = sign.who
			}
		}
		return won != ""
	}))
	o.t.Logf("the %s came first", won)
	o.picture("second", o.customer)
	switch won {
	case "page":
		o.must(o.customer.Activate(o.ctx, "Consento – not started"))
		o.must(o.customer.Confirm(o.ctx, "Consento – not started"))
		if code, err := agent.Exit(o.ctx); err != nil || code != 5 || !agent.Gone() {
			o.t.Errorf("exit code %d, %v, gone %v", code, err, agent.Gone())
		}
		o.must(o.page.Click(`[data-do="refuse"]`))
		o.must(o.console.State("Closed"))
		o.clean(before)
		o.newest(whole).expect(o.t, protocol.EndConsentRefused, protocol.EventAgentJoined, protocol.EventTermsAccepted, protocol.EventEnded)
	case "program":
		o.must(o.customer.Activate(o.ctx, "Consento – condizioni"))
		o.must(o.customer.Refuse(o.ctx, "Consento – condizioni"))
		o.over(agent, 3, before)
		o.must(o.console.State("Closed"))
		o.newest(whole).expect(o.t, protocol.EndTermsDeclined, protocol.EventAgentJoined, protocol.EventKeyRefused, protocol.EventEnded)
	}
}
