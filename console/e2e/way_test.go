package console_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consento/build/stage"
	"consento/protocol"
	"consento/recordings"
	"consento/recordings/translog"
)

// way is the evidence of one session, on its way.
type way struct {
	*office

	auditor *stage.Browser
	id      string // of the session
	file    string // its first segment, as the broker has it
	keys    string // folder of public keys, as the broker has it
	away    string // folder of another machine: what was exported, and the public keys
	link    string // to what is shared with the technician
}

// TestWholeWay goes the whole way of the evidence with one real session, in real
// browsers: the auditors' set-up with emergency sheets and signed policy, the session
// under it, watched, exported, verified without the broker, shared with a technician,
// held, and erased by two roles. What is left proves all of it.
func TestWholeWay(t *testing.T) {
	o := newOffice(t)
	o.must(o.broker.AddReader(o.ctx, "dino@prova.example", "Dino Verdi", "auditor"))
	w := &way{office: o, auditor: o.browser(o.technician, "it-IT"), keys: filepath.Join(o.broker.Data, "keys"), away: t.TempDir()}
	o.signsIn(w.auditor, "dino@prova.example", "/audit/")
	o.must(w.auditor.Until("what is left to set up", `document.querySelector('.steps a[href="/audit/escrow"]')`))
	o.must(w.auditor.Click(`.steps a[href="/audit/keys"]`))
	o.makesKey(w.auditor)
	sheets := o.makesSheets(w.auditor)
	root := o.signsPolicy(w.auditor)
	w.session(root)
	w.recovers(sheets)
	w.isStolen(sheets[1])
	w.searches()
	w.watches()
	w.exports()
	w.shares()
	w.erases()
	w.isOver()
}

// session is one under the auditors' policy: the agent asks for consent only because
// it is theirs.
func (w *way) session(root string) {
	w.t.Helper()
	w.must(w.console.Front())
	before := w.files()
	key := w.issue()
	w.must(w.console.Type("#why", "quadragesima\r"))
	w.must(w.console.Until("the reason is given", `document.querySelector("#why-hint").textContent.includes("sees this reason")`))
	agent := w.agentBy(key)
	w.show()
	terminal := w.moves("sexagesima")
	w.more(15)
	w.must(w.console.Key("w"))
	w.must(w.console.Until("ready to write", `document.activeElement === document.querySelector(".notes textarea")`))
	w.must(w.console.Key("septuagesima"))
	w.must(w.console.Until("saved", `document.querySelector(".note-state").dataset.state === "saved"`))
	w.must(w.console.Click(`[data-testid="end-session"]`))
	terminal.Kill()
	w.over(agent, 0, before)
	w.must(w.console.State("Closed"))
	w.file = w.newestFile()
	w.id = strings.TrimSuffix(filepath.Base(w.file), "-0.rec")
	signed, err := recordings.ReadPolicy(filepath.Join(w.keys, recordings.PolicyFile(1)))
	w.must(err)
	open, err := recordings.ReadOpen(w.file)
	w.must(err)
	if open.Policy != signed.Hash() || fmt.Sprintf("%x", []byte(signed.Root)) != root || len(signed.Escrow) != 3 {
		w.t.Errorf("the recording names policy %x, in force is %x by %x", open.Policy, signed.Hash(), signed.Root)
	}
}

// recovers: when all keys are lost, two sheets open it, and one does not.
func (w *way) recovers(sheets []recordings.Identity) {
	w.t.Helper()
	session, err := recordings.OpenSession(w.file, sheets[1], sheets[2])
	w.must(err)
	w.must(session.Close())
	if _, err := recordings.OpenSession(w.file, sheets[1]); err == nil {
		w.t.Error("one sheet opens the recording")
	}
}

// isStolen: whoever takes the disks, the database and the broker's keys reads no word of
// it, and finds no key to it.
func (w *way) isStolen(sheet recordings.Identity) {
	w.t.Helper()
	w.must(w.broker.Stop())
	w.leavesNothing(w.file, sheet, "quadragesima", "sexagesima", "septuagesima")
	w.must(w.broker.Start(w.ctx))
}

// searches: the auditor finds it by a word of the note, which only the key opens, and that
// it was read for this is on the log.
func (w *way) searches() {
	w.t.Helper()
	w.must(w.auditor.Open(w.broker.URL + "/audit/search"))
	w.must(w.auditor.Type("#reason", "Reclamo 17/2026"))
	w.must(w.auditor.Click("form.card .primary"))
	w.must(w.auditor.Until("locked", `document.querySelector("#unlock:not([hidden])")`))
	w.stands(translog.KindSearch, 0)
	w.must(w.auditor.Type("#unlock input[type=password]", keyPassphrase))
	w.must(w.auditor.Click("#unlock button"))
	w.must(w.auditor.Until("words", `document.querySelector("#searcher:not([hidden])")?.dataset.took`))
	w.stands(translog.KindSearch, 1)
	w.must(w.auditor.Type("#words", "SEPTUAGESIMA quadra"))
	w.must(w.auditor.Until("found", `document.querySelector('#hits [data-hit="`+w.id+`"] mark')`))
	w.picture("4-search", w.technician)
}

// watches: no byte before the viewing is on the log with its reason.
func (w *way) watches() {
	w.t.Helper()
	w.must(w.auditor.Front())
	w.must(w.auditor.Open(w.broker.URL + "/audit/"))
	w.must(w.auditor.Until("the session", `document.querySelector('a[href="/audit/sessions/`+w.id+`"]')`))
	w.look("4-list", w.auditor)
	w.must(w.auditor.Click(`a[href="/audit/sessions/` + w.id + `"]`))
	w.must(w.auditor.Until("the session's page", `location.pathname === "/audit/sessions/`+w.id+`" && document.readyState === "complete"`))
	w.shows(w.auditor, "/audit/sessions/"+w.id, `document.querySelector('[data-testid="evidence-verdict"]').dataset.state === "intact"`)
	w.look("5-session", w.auditor)
	for _, what := range []string{"segments", "bags"} {
		w.answers(w.auditor, "/audit/sessions/"+w.id+"/"+what+"/0", 403)
	}
	w.stands(translog.KindAccess, 0)
	w.must(w.auditor.Type("#reason", "Reclamo 17/2026"))
	w.must(w.auditor.Click(`button[name="how"][value="page"]`))
	w.must(w.auditor.Until("locked", `document.querySelector("#unlock:not([hidden])")`))
	w.stands(translog.KindAccess, 1) // and nothing was loaded yet
	if n, err := stage.Eval[int](w.auditor, `performance.getEntriesByType("resource").filter((r) => r.name.includes("/audit/sessions/")).length`); err != nil || n != 0 {
		w.t.Errorf("%d requests for the recording before it is unlocked, %v", n, err)
	}
	w.must(w.auditor.Type("#unlock input[type=password]", keyPassphrase))
	w.must(w.auditor.Click("#unlock button"))
	w.must(w.auditor.Until("a picture of the customer's screen", `document.querySelector("#video").videoWidth === 1280 && document.querySelector("#video").readyState >= 2`))
	w.look("6-player", w.auditor)
}

// exports takes everything out of the page: picture, report, print, and the recording
// itself, which another machine verifies.
func (w *way) exports() {
	w.t.Helper()
	downloads := filepath.Join(w.technician.Home, "Downloads")
	w.must(w.auditor.Type("#why", "Per il tribunale"))
	for n, name := range []string{"mp4", "json", "xml"} {
		what := map[string]string{"mp4": "video"}[name]
		if what == "" {
			what = name
		}
		w.must(w.auditor.Click(`#export button[value="` + what + `"]`))
		w.comes(filepath.Join(downloads, w.id+"."+name))
		w.stands(translog.KindAccess, 2+uint64(n))
	}
	// The browser's own print dialog is no page: what it is asked for stands there.
	_, err := stage.Eval[bool](w.auditor, `(window.print = () => { document.body.dataset.printed = "yes"; }, true)`)
	w.must(err)
	w.must(w.auditor.Click(`#export button[value="print"]`))
	w.must(w.auditor.Until("printed", `document.body.dataset.printed === "yes"`))
	w.stands(translog.KindAccess, 5)
	w.play([]string{filepath.Join(downloads, w.id+".mp4")})
	consent := w.reports(downloads)

	w.must(w.auditor.Open(w.broker.URL + "/audit/sessions/" + w.id))
	w.must(w.auditor.Type("#reason", "Copia per il tribunale"))
	w.must(w.auditor.Click(`button[name="how"][value="download"]`))
	w.must(w.auditor.Until("files", `location.pathname.endsWith("/files") && document.readyState === "complete"`))
	w.look("7-files", w.auditor)
	w.stands(translog.KindAccess, 6)
	for path, name := range map[string]string{"segments/0": w.id + "-0.rec", "bags/0": w.id + "-0.key", "proof": w.id + ".proof"} {
		w.must(w.auditor.Click(`a[href="/audit/sessions/` + w.id + `/` + path + `"]`))
		data := w.comes(filepath.Join(downloads, name))
		w.must(os.WriteFile(filepath.Join(w.away, name), data, 0o600))
	}
	w.must(os.CopyFS(filepath.Join(w.away, "keys"), os.DirFS(w.keys)))
	w.verifies(consent)
}

// reports reads the exported reports, and returns the record of the consent.
func (w *way) reports(folder string) (record uint64) {
	w.t.Helper()
	var report struct {
		Verdict struct{ State string }
		Entries []struct {
			Record uint64
			Code   string
		}
	}
	text := w.comes(filepath.Join(folder, w.id+".json"))
	w.must(json.Unmarshal(text, &report))
	for _, e := range report.Entries {
		if e.Code == string(protocol.EventConsentGiven) {
			record = e.Record
		}
	}
	if report.Verdict.State != "intact" || record == 0 {
		w.t.Errorf("the report: %s", text)
	}
	document := string(w.comes(filepath.Join(folder, w.id+".xml")))
	if n := strings.Count(document, "<entry>"); n != len(report.Entries) || !strings.Contains(document, "<code>"+string(protocol.EventConsentGiven)+"</code>") {
		w.t.Errorf("%d entries in XML, %d in JSON:\n%s", n, len(report.Entries), document)
	}
	return record
}

// verifies looks at what was exported, without broker and network: the recording, and
// one record alone with the proof that it stands in it.
func (w *way) verifies(record uint64) {
	w.t.Helper()
	rec, keys := filepath.Join(w.away, w.id+"-0.rec"), filepath.Join(w.away, "keys")
	ok := func(args ...string) {
		w.t.Helper()
		code, out, err := w.broker.Verify(w.ctx, args...)
		w.must(err)
		if code != whole {
			w.t.Errorf("consento-verify %s: exit code %d\n%s", args[0], code, out)
		}
	}
	ok("session", rec, "--policy", keys)
	excerpt := filepath.Join(w.t.TempDir(), "excerpt")
	ok("excerpt", "make", rec, "--record", fmt.Sprint(record), "--out", excerpt)
	ok("excerpt", "check", excerpt, "--proof", filepath.Join(w.away, w.id+".proof"), "--policy", keys)
}

// shares gives picture and events to the technician by a link, who opens it.
func (w *way) shares() {
	w.t.Helper()
	w.must(w.auditor.Open(w.broker.URL + "/audit/sessions/" + w.id))
	w.must(w.auditor.Type("#reason", "Da condividere"))
	w.must(w.auditor.Click(`button[name="how"][value="page"]`))
	w.must(w.auditor.Until("locked", `document.querySelector("#unlock:not([hidden])")`))
	w.must(w.auditor.Type("#unlock input[type=password]", keyPassphrase))
	w.must(w.auditor.Click("#unlock button"))
	w.must(w.auditor.Until("unlocked", `document.querySelector("#theatre:not([hidden])").dataset.seek`))
	_, err := stage.Eval[bool](w.auditor, fmt.Sprintf(`(() => {
		const whom = document.querySelector("#share-whom");
		whom.value = [...whom.options].find((o) => o.value.startsWith("account:") && o.textContent.includes(%q)).value;
		document.querySelector("#share-track-1").checked = true;
		document.querySelector("#share-to").value = "60"; // as long as it may have taken
		return true;
	})()`, stage.TechnicianName))
	w.must(err)
	w.must(w.auditor.Type("#share-why", "Formazione"))
	w.must(w.auditor.Click("#share button"))
	w.must(w.auditor.Until("shared", `document.querySelector("#share-given:not([hidden])")`))
	w.look("8-shared", w.auditor)
	w.link, err = w.auditor.Text("#share-link")
	w.must(err)
	w.stands(translog.KindShare, 3) // the log's own keys and the customer's copy are the first
	viewed := w.leaves(translog.KindAccess)

	// The console leads there, and the link does the rest.
	w.must(w.console.Front())
	list, err := w.console.Tab(func() error { return w.console.Click(`.account a[href="/shared"]`) })
	w.must(err)
	w.must(list.Until("what is shared", `document.querySelector("[data-share] a")`))
	list.Close()
	w.must(w.console.Open(w.link))
	w.must(w.console.Until("the link is taken", `document.querySelector("#open-shared:not([hidden])") && document.querySelector("#shared-link").value`))
	w.stands(translog.KindAccess, viewed)
	w.must(w.console.Click("#open-shared button"))
	w.must(w.console.Until("the picture at the technician", `document.querySelector("#theatre:not([hidden])").dataset.seek && document.querySelector("#video").videoWidth === 1280`))
	w.must(w.console.Until("the consent", `document.querySelector('#events [data-code="consent.given"]')`))
	w.look("9-shared-technician", w.console)
	w.stands(translog.KindAccess, viewed+1)
}

// erases: a hold wins, then the auditor asks and the data-protection officer approves.
func (w *way) erases() {
	w.t.Helper()
	w.must(w.broker.AddReader(w.ctx, "paola@prova.example", "Paola Blu", "dpo"))
	w.must(w.auditor.Front())
	hold := func(step string) {
		w.must(w.auditor.Open(w.broker.URL + "/audit/retention/" + w.id))
		w.must(w.auditor.Type("#why", "Tribunale, 12/2026"))
		w.must(w.auditor.Click(`button[name="step"][value="` + step + `"]`))
	}
	hold("put")
	w.must(w.auditor.Until("held", `document.querySelector('button[name="step"][value="release"]') !== null && document.querySelector('button[value="review_ask"]') === null`))
	w.look("10-held", w.auditor)
	w.stands(translog.KindHold, 1)
	// Whoever asks all the same is refused.
	status, err := stage.Eval[int](w.auditor, `fetch("/audit/retention", { method: "POST", body: new URLSearchParams({ pick: "`+w.id+`", step: "ask", why: "Chiesto dalla persona" }) }).then((r) => r.status)`)
	w.must(err)
	if status != 409 {
		w.t.Errorf("an erasure of what is held is answered %d", status)
	}
	w.stands(translog.KindErase, 0)
	hold("release")
	w.must(w.auditor.Until("released", `document.querySelector('button[name="step"][value="put"]') !== null`))
	w.must(w.auditor.Click(`button[value="review_ask"]`))
	w.must(w.auditor.Until("asked once more", `document.querySelector('button[name="step"][value="ask"]') !== null`))
	w.must(w.auditor.Click(`input[name="log"][value="erase"]`)) // the log as well
	w.must(w.auditor.Type("#why", "Chiesto dalla persona"))
	w.must(w.auditor.Click(`button[name="step"][value="ask"]`))
	w.must(w.auditor.Until("asked", `location.pathname.startsWith("/audit/retention") && document.querySelector('button[name="step"][value="ask"]') === null`))
	if len(w.bags()) == 0 {
		w.t.Error("one signature destroyed the key bag")
	}

	officer := w.browser(w.technician, "it-IT")
	w.signsIn(officer, "paola@prova.example", "/audit/retention")
	w.must(officer.Until("waits", `document.querySelector('input[name="pick"]') !== null`))
	w.must(officer.Click(`input[name="pick"]`))
	w.must(officer.Click(`button[value="review_decide"]`))
	w.must(officer.Until("what is lost", `document.querySelector("#sure") !== null`))
	w.must(officer.Type("#why", "Il tempo è passato"))
	w.must(officer.Click("#sure"))
	w.look("11-decides", officer)
	w.must(officer.Click(`button[name="step"][value="approve"]`))
	w.must(officer.Until("decided", `location.pathname === "/audit/retention" && document.querySelector("#sure") === null && document.querySelector('input[name="pick"]') === null`))
	w.must(stage.Until(w.ctx, "the key bags are gone, here and at the witness", func() bool { return len(w.bags()) == 0 }))
	officer.Close()
}

// isOver: nobody reads it any more, and what happened verifies, here and elsewhere.
func (w *way) isOver() {
	w.t.Helper()
	w.shows(w.auditor, "/audit/sessions/"+w.id, `document.querySelector("#reason") === null && document.querySelector('[data-testid="evidence-verdict"]').dataset.state !== "tampered"`)
	w.look("12-erased", w.auditor)
	w.answers(w.auditor, "/audit/sessions/"+w.id+"/bags/0", 410) // by the grant of before
	address, _, _ := strings.Cut(w.link, "#")
	w.must(w.console.Open(address))
	w.must(w.console.Until("the share is over", `document.querySelector('[data-testid="shared-wrong"]')`))
	w.answers(w.console, strings.TrimPrefix(address, w.broker.URL)+"/shares/0", 410)

	code, out, err := w.broker.Verify(w.ctx, "session", w.file, "--policy", w.keys)
	w.must(err)
	if code != whole && code != unverifiable {
		w.t.Errorf("the integrity of what was erased: exit code %d\n%s", code, out)
	}
	code, out, err = w.broker.Verify(w.ctx, "session", filepath.Join(w.away, w.id+"-0.rec"), "--policy", filepath.Join(w.away, "keys"))
	w.must(err)
	if code != whole {
		w.t.Errorf("what was exported before: exit code %d\n%s", code, out)
	}
	w.stands(translog.KindShred, 1)
	w.comesToWhole("store", func() (int, string, error) {
		return w.broker.Verify(w.ctx, "store", filepath.Join(w.broker.Data, "log"), filepath.Dir(w.file), "--policy", w.keys)
	})
	w.comesToWhole("log", func() (int, string, error) {
		return w.broker.Verify(w.ctx, "log", filepath.Join(w.broker.Data, "log"), "--old", filepath.Join(w.away, w.id+".proof"), "--policy", w.keys)
	})
}

// look keeps a picture of a page that is painted, if somebody wants one.
func (w *way) look(name string, b *stage.Browser) {
	w.t.Helper()
	if os.Getenv("SESSION_SHOTS") == "" {
		return
	}
	w.must(painted(b))
	w.picture(name, w.technician)
}

// bags lists what is left anywhere in the broker's data that opens something of the
// session: key bags, shares, the customer's copy, the keys of its log.
func (w *way) bags() (left []string) {
	_ = filepath.WalkDir(w.broker.Data, func(path string, _ fs.DirEntry, err error) error {
		if name := filepath.Base(path); err == nil && strings.HasPrefix(name, w.id) && !verifies(name) {
			left = append(left, path)
		}
		return nil // what went away while we looked is gone
	})
	return left
}

// leaves counts the leaves of one kind on the log.
func (w *way) leaves(kind translog.Kind) uint64 {
	w.t.Helper()
	report, err := translog.Audit(w.ctx, os.DirFS(filepath.Join(w.broker.Data, "log")), translog.Keys{})
	w.must(err)
	return report.Leaves[kind]
}

// stands checks how many leaves of one kind there are now: what they are about has
// happened, or has not.
func (w *way) stands(kind translog.Kind, want uint64) {
	w.t.Helper()
	if n := w.leaves(kind); n != want {
		w.t.Errorf("%d leaves %s on the log, not %d", n, kind, want)
	}
}

// answers checks with which status a page's own request is answered.
func (w *way) answers(b *stage.Browser, path string, want int) {
	w.t.Helper()
	status, err := stage.Eval[int](b, `fetch("`+path+`").then((r) => r.status)`)
	w.must(err)
	if status != want {
		w.t.Errorf("%s is answered %d, not %d", path, status, want)
	}
}

// comes waits until a download lies whole in its folder, and returns it. While it
// comes Chromium gives it another name.
func (w *way) comes(file string) (data []byte) {
	w.t.Helper()
	ctx, cancel := stage.Briefly(w.ctx)
	defer cancel()
	w.must(stage.Until(ctx, filepath.Base(file)+" is saved", func() bool {
		var err error
		data, err = os.ReadFile(file)
		left, globbed := filepath.Glob(filepath.Join(filepath.Dir(file), "*.crdownload"))
		return err == nil && globbed == nil && len(left) == 0 && len(data) > 0
	}))
	return data
}

// comesToWhole waits for a verdict: the witness's signature comes a moment after
// what it signs.
func (o *office) comesToWhole(what string, verify func() (int, string, error)) {
	o.t.Helper()
	var code int
	var out string
	ctx, cancel := stage.Briefly(o.ctx)
	defer cancel()
	err := stage.Until(ctx, what, func() bool {
		var err error
		code, out, err = verify()
		o.must(err)
		return code == whole
	})
	if err != nil {
		o.t.Errorf("consento-verify %s: exit code %d\n%s", what, code, out)
	}
}

// shows opens a page of the broker again and again until it shows this: what the page
// tells of comes a moment after what came before.
func (o *office) shows(b *stage.Browser, path, expression string) {
	o.t.Helper()
	ctx, cancel := stage.Briefly(o.ctx)
	defer cancel()
	if err := stage.Until(ctx, path+" shows "+expression, func() bool {
		o.must(b.Open(o.broker.URL + path))
		shown, err := stage.Eval[bool](b, `(() => { try { return !!(`+expression+`); } catch { return false; } })()`)
		return err == nil && shown
	}); err != nil {
		o.must(fmt.Errorf("%w; the page says: %s", err, b.Says()))
	}
}
