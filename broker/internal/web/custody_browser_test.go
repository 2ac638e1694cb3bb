package web_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/recordings"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

const rootPassphrase = "nine slow rivers near Padova"

// signIn signs somebody in and comes to a page.
func (b *chromium) signIn(email, path, selector string) {
	b.t.Helper()
	b.open("/signin?next="+path, "#email")
	b.signInWith(email, goodPassword)
	b.until(fmt.Sprintf(`location.pathname === %q && document.querySelector(%q)`, path, selector))
}

// text is what an element says.
func (b *chromium) text(selector string) string {
	b.t.Helper()
	return evaluate[string](b, fmt.Sprintf(`document.querySelector(%q).textContent`, selector))
}

// downloads lets the browser save files.
func (b *chromium) downloads() string {
	b.t.Helper()
	folder := b.t.TempDir()
	command(b, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: folder})
	return folder
}

// makeKey makes a key in the browser, and returns its public half.
func (b *chromium) makeKey() recordings.Recipient {
	b.t.Helper()
	b.open("/audit/keys", "#make:not([hidden])")
	b.do(chromedp.SetValue("#key-name", "Laptop"), chromedp.SetValue("#passphrase", passphrase), chromedp.SetValue("#passphrase-again", passphrase))
	b.click("#make button")
	b.until(`document.querySelector("[data-key]")`)
	b.ready()
	key, err := recordings.ParseRecipient(b.text("code.public"))
	if err != nil {
		b.t.Fatal(err)
	}
	return key
}

var (
	number    = regexp.MustCompile(`\d+`)
	printable = regexp.MustCompile(`^\d  ([A-Z2-7]{1,4} ?)+ +[A-Z2-7]{2}$`)
)

// makeSheets makes the three printed keys, and returns what stands on the sheets.
// looks is asked at each new state of the page.
func (b *chromium) makeSheets(looks func(string)) (sheets []string) {
	b.t.Helper()
	b.open("/audit/escrow", "#begin:not([hidden])")
	looks("30-escrow")
	b.click("#begin button")
	for n := range 3 {
		b.until(fmt.Sprintf(`document.querySelector("#have:not([hidden])") && document.querySelector("#sheet-title").textContent.includes("%d") && document.querySelector("#sheet-lines").textContent.split("\n").length === 4`, n+1))
		sheet := b.text("#sheet-lines")
		sheets = append(sheets, sheet)
		identity, err := recordings.ParseSheet(sheet)
		if err != nil {
			b.t.Fatalf("%v\n%s", err, sheet)
		}
		if got := b.text("#sheet-id"); got != identity.Recipient().ID() {
			b.t.Errorf("the sheet is of %s, the key of %s", got, identity.Recipient().ID())
		}
		for line := range strings.SplitSeq(sheet, "\n") {
			if !printable.MatchString(line) {
				b.t.Errorf("the line %q", line)
			}
		}
		if n == 0 {
			looks("31-sheet")
			b.printed(sheet)
		}
		b.click("#have .primary")
		b.until(`document.querySelector("#back:not([hidden])") && document.activeElement.id === "typed"`)
		if evaluate[bool](b, `document.querySelector("#sheet-lines").checkVisibility()`) {
			b.t.Error("the sheet can be read while it is asked back")
		}
		asked, err := strconv.Atoi(number.FindString(b.text("#back-label")))
		if err != nil {
			b.t.Fatal(err)
		}
		line := strings.Split(sheet, "\n")[asked-1]
		if n == 0 {
			wrong := []byte(strings.ToLower(line[1:])) // without its number; the 2nd group's 3rd character wrong
			at := len("  ABCD AB")
			wrong[at] = map[bool]byte{true: 'b', false: 'a'}[wrong[at] == 'a']
			b.do(chromedp.SetValue("#typed", string(wrong)))
			b.click("#back .primary")
			b.until(`document.querySelector("#error-typed:not([hidden])")`)
			if got := number.FindAllString(b.text("#error-typed"), -1); len(got) != 2 || got[0] != strconv.Itoa(asked) || got[1] != "2" {
				b.t.Errorf("line %d, group 2 is wrong; the page says %q", asked, b.text("#error-typed"))
			}
			looks("32-sheet-wrong")
		}
		b.do(chromedp.SetValue("#typed", line))
		b.click("#back .primary")
	}
	b.until(`location.search === "?said=prepared" && document.querySelector(".notice.good")`)
	return sheets
}

// printed looks at the sheet as it is printed: the key, and nothing of the page.
func (b *chromium) printed(sheet string) {
	b.t.Helper()
	pdf := command(b, page.PrintToPDF, page.PrintToPDFParams{})
	if len(pdf.Data) < 1000 {
		b.t.Errorf("%d bytes are printed", len(pdf.Data))
	}
	b.media("print")
	if !evaluate[bool](b, `document.querySelector("#sheet-lines").checkVisibility() && !document.querySelector("#have").checkVisibility() && !document.querySelector("h1").checkVisibility() && !document.querySelector(".site-header").checkVisibility()`) {
		b.t.Error("what is printed is not the sheet alone")
	}
	b.shot("31-sheet-printed-" + b.tag)
	b.media("")
}

// makeRoot makes the auditors' key, keeps it locked, and returns the copy that was saved.
func (b *chromium) makeRoot(looks func(string)) ed25519.PrivateKey {
	b.t.Helper()
	folder := b.downloads()
	b.open("/audit/policy", "#root")
	b.until(`document.querySelector("#draft:not([hidden])")`)
	b.do(chromedp.SetValue("#root-passphrase", rootPassphrase), chromedp.SetValue("#root-again", rootPassphrase))
	b.click("#root .actions button")
	b.until(`document.querySelector("#rooted:not([hidden])")`)
	looks("33-root")
	b.click("#root-save")
	var data []byte
	file := filepath.Join(folder, "auditors-root.pem")
	until(b.t, "the copy is saved", func() bool {
		var err error
		data, err = os.ReadFile(file)
		return err == nil && bytes.HasSuffix(data, []byte("-----END PRIVATE KEY-----\n"))
	})
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" {
		b.t.Fatalf("the copy is %q", data)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		b.t.Fatal(err)
	}
	root := key.(ed25519.PrivateKey)
	if got := b.text("#root-public"); got != hex.EncodeToString(root.Public().(ed25519.PublicKey)) {
		b.t.Errorf("the page shows the key %s", got)
	}
	b.click("#root-keep")
	b.until(`location.search === "?said=root_kept" && document.querySelector("#draft:not([hidden])")`)
	return root
}

// tick sets a box of the draft.
func (b *chromium) tick(selector string, on bool) {
	b.t.Helper()
	evaluate[bool](b, fmt.Sprintf(`(box => { if (box.checked !== %t) box.click(); return true; })(document.querySelector(%q))`, on, selector))
}

// showChanges goes from the draft to what it changes.
func (b *chromium) showChanges() []string {
	b.t.Helper()
	b.click("#draft > .actions .primary")
	b.until(`document.querySelector("#review:not([hidden])")`)
	return evaluate[[]string](b, `[...document.querySelectorAll("#changes li")].map(li => li.textContent.replace(/[\u2068\u2069]/g, ""))`)
}

// sign signs what was shown, with a key that is kept here.
func (b *chromium) sign() {
	b.t.Helper()
	b.do(chromedp.SetValue("#root-sign-passphrase", rootPassphrase))
	b.click("#sign .primary")
	b.until(`location.search === "?said=taken" && document.querySelector(".notice.good")`)
}

// same checks that the policy in force is what package recordings makes and signs of
// the same facts, byte by byte.
func (s *safe) same(root ed25519.PrivateKey) recordings.SignedPolicy {
	s.t.Helper()
	signed, ok := s.Policy()
	if !ok {
		s.t.Fatal("no policy is in force")
	}
	again, err := signed.Policy.Sign(root, nil)
	s.check(err)
	if !bytes.Equal(again.Bytes(), signed.Bytes()) {
		s.t.Errorf("the browser's file is\n%s\nours\n%s", signed.Bytes(), again.Bytes())
	}
	return signed
}

// TestCustodyInChromium goes the auditors' whole way: key, printed keys, the key that
// signs, policy, sessions, another auditor, re-wrapping with a stop and a damaged bag,
// the loss of all keys, two typed sheets. consento-verify agrees, and no secret was sent.
func TestCustodyInChromium(t *testing.T) {
	s := newSafe(t)
	_, dino := auditing(t, s.h, "dino@esempio.example")
	_, eva := auditing(t, s.h, "eva@esempio.example")
	b := newChromium(t, s.h, "en")
	b.signIn(dino.Email, "/audit/", ".steps")
	mine := b.makeKey()
	sheets := b.makeSheets(func(string) {})
	escrow := make([]recordings.Identity, 3)
	for i, sheet := range sheets {
		escrow[i], _ = recordings.ParseSheet(sheet)
		for line := range strings.SplitSeq(sheet, "\n") {
			s.neverSent("a line of a sheet", strings.Join(strings.Fields(line[3:])[:3], ""))
			s.neverSent("a line of a sheet", strings.Join(strings.Fields(line[3:])[:3], " "))
		}
	}
	set, err := s.h.access.EscrowKeys(t.Context(), dino)
	if err != nil || len(set.Keys) != 3 || set.Keys[1].String() != escrow[1].Recipient().String() {
		t.Fatalf("%+v, %v", set, err)
	}
	root := b.makeRoot(func(string) {})
	der, err := x509.MarshalPKCS8PrivateKey(root)
	s.check(err)
	s.neverSent("the auditors' key", string(der))
	s.neverSent("its seed", string(root.Seed()))

	// The first policy: this auditor's key and the sheets are offered by themselves.
	first := strings.Join(b.showChanges(), "\n")
	for _, part := range []string{"New rule for every team.", "every team: " + dino.Name + ": Laptop (" + mine.ID() + ") may read.", "New emergency key on paper: " + escrow[2].Recipient().ID()} {
		if !strings.Contains(first, part) {
			t.Errorf("the first policy changes %q, without %q", first, part)
		}
	}
	b.do(chromedp.SetValue("#root-sign-passphrase", "not the passphrase at all"))
	b.click("#sign .primary")
	b.until(`document.querySelector("#sign [data-said]:not([hidden])")?.textContent.includes("passphrase is wrong")`)
	b.sign()
	signed := s.same(root)
	if len(signed.Escrow) != 3 || !signed.Customer || len(signed.Teams) != 1 || signed.Teams[0].Recipients[0].ID() != mine.ID() {
		t.Errorf("%+v", signed.Policy)
	}

	var paths []string
	for range 4 {
		paths = append(paths, s.record("Service desk"))
	}
	s.check(os.WriteFile(recordings.DefaultBag(paths[3]), []byte("{}"), 0o600))

	// Another auditor reads too, and nothing else changes.
	hers := s.kept(eva, "Tower")
	b.open("/audit/policy", "#draft:not([hidden])")
	if got := b.text("#draft"); !strings.Contains(got, "Tower") {
		t.Fatalf("Eva's key is not offered: %s", got)
	}
	b.click("#draft > .actions .primary")
	b.until(`document.querySelector("#draft [data-said]:not([hidden])")?.textContent === "Nothing would change."`)
	b.tick("#rule-1-"+hers.Recipient().ID(), true)
	if got := b.showChanges(); len(got) != 1 || got[0] != "every team: "+eva.Name+": Tower ("+hers.Recipient().ID()+") may read." {
		t.Errorf("the second policy changes %q", got)
	}
	b.sign()
	if signed = s.same(root); signed.Number != 2 {
		t.Errorf("policy %d", signed.Number)
	}

	// Re-wrapping stops after the second, when somebody says so, and goes on.
	if err := s.opens(paths[0], hers); err == nil {
		t.Fatal("Eva reads already: this test would prove nothing")
	}
	second, goOn := make(chan struct{}), make(chan struct{})
	var taken atomic.Int32
	s.inTheWay(func(r *http.Request) {
		if r.Method != http.MethodPost || !number.MatchString(filepath.Base(r.URL.Path)) || !strings.HasPrefix(r.URL.Path, "/audit/rewrap/") {
			return
		}
		if taken.Add(1) == 2 {
			close(second)
			<-goOn
		}
	})
	b.open("/audit/rewrap", "#unlock:not([hidden])")
	if got := b.text("#found"); got != "Not wrapped as the policy in force says: 4 key bags" {
		t.Errorf("found: %q", got)
	}
	b.unlock(passphrase)
	b.until(`document.querySelector("#work:not([hidden])") && document.querySelector("#compared").hidden`) // this browser signed with it
	b.click("#go")
	select {
	case <-second:
	case <-time.After(patience):
		t.Fatal("no second bag is brought")
	}
	b.click("#stop")
	close(goOn)
	b.until(`document.querySelector("#go:not([hidden])") && document.querySelector("#said").textContent.startsWith("2 of 4")`)
	if n, damaged, err := s.OutdatedBags(t.Context(), dino); err != nil || n != 2 || damaged != 1 {
		t.Errorf("%d left, %d damaged, %v", n, damaged, err)
	}
	b.click("#go")
	b.until(`document.querySelector("#said").textContent.includes("That is all") && document.querySelector("#left-damaged:not([hidden])")`)
	if got := b.text("#left-damaged ul"); !strings.Contains(got, filepath.Base(paths[3])[:32]) || strings.Contains(got, filepath.Base(paths[0])[:32]) {
		t.Errorf("damaged: %s", got)
	}
	for _, path := range paths[:3] {
		if err := s.opens(path, hers); err != nil {
			t.Errorf("Eva: %v", err)
		}
		s.agrees(path)
	}

	log := s.erasedLog("Service desk")
	if err := s.opensLog(log, hers); err != nil {
		t.Errorf("Eva, the log: %v", err)
	}

	// All auditors' keys are lost: a new one, a policy that names it alone, two sheets.
	fresh := s.kept(dino, "New laptop")
	b.open("/audit/policy", "#draft:not([hidden])")
	for id, on := range map[string]bool{mine.ID(): false, hers.Recipient().ID(): false, fresh.Recipient().ID(): true} {
		b.tick("#rule-1-"+id, on)
	}
	if got := b.showChanges(); len(got) != 3 {
		t.Errorf("the third policy changes %q", got)
	}
	b.sign()
	s.same(root)
	b.restore(sheets)
	for _, path := range paths[:3] {
		if err := s.opens(path, fresh); err != nil {
			t.Errorf("the new key: %v", err)
		}
		if err := s.opens(path, hers); err == nil {
			t.Error("who is no longer named still reads")
		}
		if err := s.opens(path, escrow[0], escrow[2]); err != nil {
			t.Errorf("two sheets, after a browser wrapped for them: %v", err)
		}
		if err := s.opens(path, escrow[1]); err == nil {
			t.Error("one sheet opens")
		}
		s.agrees(path)
	}
	for who, c := range map[string]struct {
		ids  []recordings.Identity
		want bool
	}{"the new key": {[]recordings.Identity{fresh}, true}, "two sheets": {[]recordings.Identity{escrow[2], escrow[1]}, true}, "who is no longer named": {[]recordings.Identity{hers}, false}} {
		if err := s.opensLog(log, c.ids...); (err == nil) != c.want {
			t.Errorf("the log, by %s: %v", who, err)
		}
	}
	s.agrees(log)
	for _, secret := range []string{passphrase, rootPassphrase} {
		s.neverSent("a passphrase", secret)
		s.neverSent("a passphrase", strings.ReplaceAll(secret, " ", "+"))
	}
	if code, out := s.verify("policy", "show", s.policies); code != 0 || !strings.Contains(out, "3 policies, each following from the one before") || !strings.Contains(out, fresh.Recipient().ID()) {
		t.Errorf("consento-verify policy show: %d\n%s", code, out)
	}
}

// fill writes into a field of several lines.
func (b *chromium) fill(selector, text string) {
	b.t.Helper()
	evaluate[bool](b, fmt.Sprintf(`(document.querySelector(%q).value = %q, true)`, selector, text))
}

// restore re-wraps with two typed sheets; a wrong character is told with its place.
func (b *chromium) restore(sheets []string) {
	b.t.Helper()
	says := func(words string) {
		b.t.Helper()
		b.click("#sheets button")
		b.until(fmt.Sprintf(`document.querySelector("#problem:not([hidden])")?.textContent.includes(%q)`, words))
	}
	b.open("/audit/rewrap", "#unlock:not([hidden])")
	b.click("#by-sheets summary")
	lines := strings.Split(sheets[0], "\n")
	at := len("3  ABCD A")
	lines[2] = lines[2][:at] + map[bool]string{true: "B", false: "A"}[lines[2][at] == 'A'] + lines[2][at+1:]
	b.fill("#sheet-1", strings.Join(lines, "\n"))
	b.fill("#sheet-2", sheets[2])
	says("Sheet 1, line 3")
	b.fill("#sheet-1", strings.Join(strings.Split(sheets[0], "\n")[:3], "\n"))
	says("Sheet 1: lines are missing")
	b.fill("#sheet-1", strings.ToLower(sheets[0]))
	b.fill("#sheet-2", "")
	says("Sheet 2: type its lines")
	b.fill("#sheet-2", sheets[0])
	says("Sheet 2: this is the same sheet again")
	b.fill("#sheet-2", sheets[2])
	b.click("#sheets button")
	b.until(`document.querySelector("#work:not([hidden])")`)
	if left := evaluate[string](b, `document.querySelector("#sheet-1").value + document.querySelector("#sheet-2").value`); left != "" {
		b.t.Error("what was typed still stands there")
	}
	b.click("#go")
	b.until(`document.querySelector("#said").textContent.startsWith("4 of 5") && document.querySelector("#said").textContent.includes("That is all")`)
}

// TestCustodyPagesInChromium looks at the pages in every language.
func TestCustodyPagesInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			s := newSafe(t)
			_, dino := auditing(t, s.h, "dino@esempio.example")
			b := newChromium(t, s.h, language)
			b.signIn(dino.Email, "/audit/", ".steps")
			b.glance("30-steps")
			b.makeKey()
			b.makeSheets(b.glance)
			b.glance("32-escrow-printed")
			b.makeRoot(b.glance)
			b.look("34-policy-draft")
			b.showChanges()
			b.look("35-policy-review")
			b.sign()
			s.record("Service desk")
			s.kept(dino, "Tower")
			b.open("/audit/policy", "#draft:not([hidden])")
			b.tick(`[data-rule] [data-keys] label:nth-of-type(2) input`, true)
			b.showChanges()
			b.sign()
			b.look("36-policy")
			b.open("/audit/rewrap", "#unlock:not([hidden])")
			evaluate[bool](b, `document.querySelector("#by-sheets").open = true`)
			b.look("37-rewrap")
			b.unlock(passphrase)
			b.until(`document.querySelector("#work:not([hidden])")`)
			b.click("#go")
			b.until(`document.querySelector("#go:not([hidden])") && document.querySelector("#progress").value === 1`)
			b.look("38-rewrapped")
			b.open("/audit/rewrap", "#found")
			b.glance("38-rewrap-none")
			administrator := signedIn(t, s.h, access.Administrator, "Carla Neri", "carla@esempio.example")
			administrator.get("/audit/policy")
		})
	}
}

// TestRootChangesInChromium: a new auditors' key counts when the one before signs too;
// dual control, rules for teams; and a browser that knows the key sees that another
// took its place, or that a policy is not as it was signed.
func TestRootChangesInChromium(t *testing.T) {
	s := newSafe(t)
	_, dino := auditing(t, s.h, "dino@esempio.example")
	b := newChromium(t, s.h, "en")
	b.signIn(dino.Email, "/audit/", ".steps")
	one, two := s.kept(dino, "One"), s.kept(dino, "Two")
	first := b.makeRoot(func(string) {})
	b.showChanges()
	if !evaluate[bool](b, `document.querySelector("#review-warn").checkVisibility()`) {
		t.Error("nobody warns that there are no emergency keys")
	}
	b.sign()
	s.same(first)

	// Two together; a rule of its own for one team; what makes no sense is told.
	refused := func(words string) {
		t.Helper()
		b.click("#draft > .actions .primary")
		b.until(fmt.Sprintf(`document.querySelector("#draft [data-said]:not([hidden])")?.textContent.includes(%q)`, words))
	}
	b.open("/audit/policy", "#draft:not([hidden])")
	b.tick("#rule-1-"+two.Recipient().ID(), false)
	b.tick("#rule-1-dual", true)
	refused("choose 2 to 12 keys")
	b.tick("#rule-1-"+two.Recipient().ID(), true)
	b.click("#rule-add")
	b.until(`document.activeElement?.id === "rule-2-name"`)
	b.tick("#rule-2-"+one.Recipient().ID(), true)
	refused("for the same team")
	b.do(chromedp.SetValue("#rule-2-name", "A<b"))
	refused("at most 100 characters")
	b.do(chromedp.SetValue("#rule-2-name", "Città & Co"))
	refused("at most 100 characters")
	b.do(chromedp.SetValue("#rule-2-name", "Città 𝄞"), chromedp.SetValue("#rule-2-territory", "Südtirol"))
	words := strings.Join(b.showChanges(), "\n")
	for _, part := range []string{"every team: only two keys together open.", "New rule for Città 𝄞, Südtirol.", "Città 𝄞, Südtirol: " + dino.Name + ": One (" + one.Recipient().ID() + ") may read."} {
		if !strings.Contains(words, part) {
			t.Errorf("%q lacks %q", words, part)
		}
	}
	b.sign()
	signed := s.same(first)
	if len(signed.Teams) != 2 || !signed.Teams[0].Dual || signed.Teams[1].Name != "Città 𝄞" || signed.Teams[1].Territory != "Südtirol" {
		t.Errorf("%+v", signed.Teams)
	}

	// Another key, from a file, signs nothing alone.
	_, second, err := ed25519.GenerateKey(nil)
	s.check(err)
	der, err := x509.MarshalPKCS8PrivateKey(second)
	s.check(err)
	file := filepath.Join(t.TempDir(), "root")
	s.check(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	b.open("/audit/policy", "#draft:not([hidden])")
	b.tick("#customer", false)
	b.showChanges()
	evaluate[bool](b, `(s => { s.value = ""; return s.dispatchEvent(new Event("change")); })(document.querySelector("#root-sign-key"))`)
	b.click("#sign .primary")
	b.until(`document.querySelector("#sign [data-said]:not([hidden])")?.textContent.includes("Choose the file")`)
	b.do(chromedp.SetUploadFiles("#root-sign-file", []string{file}))
	b.click("#sign .primary")
	b.until(`document.querySelector("#root-before-passphrase") && document.querySelector("#sign [data-said]:not([hidden])")?.textContent.includes("the one before has to sign too")`)
	public := hex.EncodeToString(second.Public().(ed25519.PublicKey))
	if !strings.Contains(b.text("#changes"), "The auditors’ key changes to "+public) {
		t.Errorf("the changes are %s", b.text("#changes"))
	}
	b.do(chromedp.SetValue("#root-before-passphrase", rootPassphrase))
	b.click("#sign .primary")
	b.until(`location.search === "?said=taken" && document.querySelector(".notice.good")`)
	signed, _ = s.Policy()
	again, err := signed.Policy.Sign(second, first)
	s.check(err)
	if signed.Number != 3 || signed.Customer || !bytes.Equal(again.Bytes(), signed.Bytes()) {
		t.Errorf("policy %d:\n%s\nours\n%s", signed.Number, signed.Bytes(), again.Bytes())
	}
	if code, out := s.verify("policy", "show", s.policies); code != 0 || !strings.Contains(out, public) {
		t.Errorf("consento-verify policy show: %d\n%s", code, out)
	}

	// The root key of policy 4 changes elsewhere: this browser knows the one of 3.
	b.until(`document.querySelector("#draft:not([hidden])")`)
	if evaluate[bool](b, `document.querySelector("#root-other").checkVisibility()`) {
		t.Error("the key that this browser signed with is called another's")
	}
	_, third, err := ed25519.GenerateKey(nil)
	s.check(err)
	next := signed.Policy
	next.Number, next.Prev, next.Root = 4, signed.Hash(), third.Public().(ed25519.PublicKey)
	fourth, err := next.Sign(third, second)
	s.check(err)
	_, err = s.AddPolicy(t.Context(), dino, fourth.Bytes())
	s.check(err)
	b.open("/audit/policy", "#root-other:not([hidden])")
	s.record("Service desk")
	fourth, _ = s.Policy()
	next = fourth.Policy
	next.Number, next.Prev, next.Customer = 5, fourth.Hash(), true
	next.Teams = next.Teams[:1]
	next.Teams[0].Recipients = append(next.Teams[0].Recipients, newIdentity(t).Recipient())
	fifth, err := next.Sign(third, nil)
	s.check(err)
	_, err = s.AddPolicy(t.Context(), dino, fifth.Bytes())
	s.check(err)

	// Nothing is wrapped for a policy whose root key nobody compared.
	b.open("/audit/rewrap", "#root-other:not([hidden])")
	for n, id := range []recordings.Identity{one, two} {
		secret, err := id.Secret()
		s.check(err)
		name := filepath.Join(t.TempDir(), "identity")
		s.check(os.WriteFile(name, []byte(secret), 0o600))
		evaluate[bool](b, `document.querySelector("#unlock details").open = true`)
		b.do(chromedp.SetUploadFiles("#identity", []string{name}))
		b.until(fmt.Sprintf(`document.querySelector("#work:not([hidden])")?.dataset.keys === "%d"`, n+1))
		if id.Recipient().ID() == one.Recipient().ID() {
			b.click("#go")
			b.until(`document.querySelector("#problem:not([hidden])")?.textContent.includes("Compare the auditors’ key first")`)
			b.click("#compared-root")
			b.click("#go")
			b.until(`document.querySelector("#left-closed:not([hidden])") && document.querySelector("#go:not([hidden])")`) // one key of two
		}
	}
	b.click("#go")
	b.until(`document.querySelector("#said").textContent === "1 of 1 wrapped anew. That is all."`)
}
