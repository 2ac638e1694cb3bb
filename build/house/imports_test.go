package house

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rule forbids packages (and all that they import) to need others.
type rule struct {
	from    []string // patterns, see match
	except  []string // of from
	never   []string
	allowed []string // of never
	tests   bool     // their tests may not import them either
	because string
}

var rules = []rule{
	{from: []string{"consento/broker/..."}, never: []string{"consento/agent/..."}, tests: true,
		because: "broker and agent meet on the wire, in protocol, and nowhere else: each must bear the other of another version"},
	{from: []string{"consento/agent/..."}, never: []string{"consento/broker/...", "consento/console/..."}, tests: true,
		because: "broker and agent meet on the wire, in protocol, and nowhere else: each must bear the other of another version"},
	{from: []string{"consento/protocol/..."}, never: []string{"consento/..."}, allowed: []string{"consento/protocol/..."}, tests: true,
		because: "protocol is ground floor: what everybody speaks depends on nobody"},
	{from: []string{"consento/recordings/..."}, except: []string{"consento/recordings/cmd/verify"}, never: []string{"consento/..."}, allowed: []string{"consento/recordings/..."}, tests: true,
		because: "recordings is ground floor: who checks the evidence must not run the code of whom he checks"},
	{from: []string{"consento/recordings/cmd/verify"}, never: []string{"consento/..."}, allowed: []string{"consento/recordings/...", "consento/console", "consento/protocol/lang"},
		because: "who checks the evidence must not run the code of whom he checks; to view it, the tool has the player and its words built in, and nothing else (ADR 27)"},
	{from: []string{"consento/recordings/..."}, except: []string{"consento/recordings/translog/tlogwitness", "consento/recordings/stamp", "consento/recordings/stamp/stamptest", "consento/recordings/mirror", "consento/recordings/store/s3store", "consento/recordings/cmd/witness", "consento/recordings/cmd/verify"}, never: []string{"net/http", "crypto/tls", "github.com/pion/...", "modernc.org/...", "github.com/uptrace/..."},
		because: "a recording is checked without network and without database"},
	{from: []string{"consento/recordings/cmd/verify"}, never: []string{"github.com/pion/...", "modernc.org/...", "github.com/uptrace/..."},
		because: "the tool serves its own page on a loopback address (ADR 27); it forwards nothing and keeps nothing"},
	{from: []string{"consento/broker/...", "consento/agent/...", "consento/recordings/..."}, except: []string{"consento/recordings/store/s3store", "consento/recordings/cmd/witness"},
		never: []string{"github.com/aws/...", "consento/recordings/store/s3store"}, because: "a bucket is the witness's: its library is 7 MB that broker, agent and verifier do without"},
	{from: []string{"consento/console/..."}, never: []string{"consento/..."}, allowed: []string{"consento/console/..."},
		because: "console only holds the bundle for embedding; its own tests alone may know more"},
	{from: []string{"consento/agent/..."}, never: []string{"modernc.org/...", "github.com/uptrace/...", "github.com/pressly/...", "database/sql",
		"github.com/prometheus/...", "html/template", "consento/recordings/cmd/..."},
		because: "the agent is fetched by a person who waits: no database, no figures, no page templates in it"},
	{from: []string{"consento/broker/...", "consento/agent/...", "consento/recordings/...", "consento/console/..."}, never: []string{"net/http/pprof"},
		because: "it serves the memory of the process, with keys in it, to whoever asks"},
	{from: []string{"consento/broker/...", "consento/agent/...", "consento/recordings/...", "consento/protocol/...", "consento/console/..."},
		never: []string{"consento/build/..."}, because: "what ships does not need what builds and tests it"},
	{from: []string{"consento/broker/...", "consento/agent", "consento/agent/internal/run/...", "consento/recordings/...", "consento/protocol/..."}, except: []string{"consento/recordings/store/storetest", "consento/recordings/disktest", "consento/recordings/fipstest", "consento/recordings/stamp/stamptest", "consento/broker/internal/mail/mailtest", "consento/broker/internal/ops/opstest"},
		never: []string{"testing", "consento/agent/internal/xtest"}, because: "what ships holds no test code; keys are pressed by input alone, behind control's gate (ADR 36)"},
	{from: []string{"consento/agent"}, never: []string{"github.com/go-vgo/...", "github.com/otiai10/..."},
		because: "on Linux keys are pressed by input alone (ADR 36); other systems have no agent yet"},

	// Inside the broker: the owner of a thing knows nothing of who asks for it.
	{from: []string{"consento/broker/internal/sfu"}, never: []string{"consento/..."}, allowed: []string{"consento/protocol", "consento/protocol/congestion"},
		because: "sfu knows WebRTC and nothing of sessions, rights or evidence"},
	{from: []string{"consento/broker/internal/feed"}, never: []string{"consento/..."},
		because: "it passes on what changed, and does not know what that is"},
	{from: []string{"consento/broker/internal/session"}, never: []string{"consento/broker/..."}, allowed: []string{"consento/broker/internal/feed", "consento/broker/internal/sfu"},
		because: "a session does not know who asks: pages, sockets and accounts come and go around it"},
	{from: []string{"consento/broker/internal/session", "consento/broker/internal/sfu"}, never: []string{"net/http/httptest", "html/template"},
		because: "the life of a session shows no pages"},
	{from: []string{"consento/broker/internal/ops"}, never: []string{"consento/..."}, allowed: []string{"consento/protocol/...", "consento/recordings"},
		because: "ops stands under all other parts of the broker"},
	{from: []string{"consento/broker/internal/access"}, never: []string{"consento/broker/..."}, allowed: []string{"consento/broker/internal/ops"},
		because: "who may do what is decided without looking at sessions or pages"},
	{from: []string{"consento/broker/internal/evidence"}, never: []string{"consento/broker/..."}, allowed: []string{"consento/broker/internal/access", "consento/broker/internal/ops"},
		because: "what goes on the log does not depend on pages and live sessions"},
	{from: []string{"consento/broker/internal/central"}, never: []string{"consento/broker/..."}, allowed: []string{"consento/broker/internal/access", "consento/broker/internal/ops"},
		because: "it says who somebody is, and not what that is worth"},
	{from: []string{"consento/broker", "consento/broker/internal/web", "consento/broker/internal/central"}, never: []string{"consento/broker/internal/central/centraltest", "github.com/zitadel/..."},
		because: "what ships holds no provider"},
	{from: []string{"consento/broker/internal/web/..."}, never: []string{"consento/broker/internal/sockets"},
		because: "pages and sockets stand side by side"},
	{from: []string{"consento/broker/internal/web/page"}, never: []string{"consento/broker/..."}, allowed: []string{"consento/broker/internal/access", "consento/broker/internal/evidence", "consento/broker/internal/ops"},
		because: "the ground of the pages knows no area that stands on it (ADR 60)"},
	{from: []string{"consento/broker/internal/web/admin"}, never: []string{"consento/broker/internal/web", "consento/broker/internal/web/audit", "consento/broker/internal/web/player", "consento/broker/internal/web/servicedesk"},
		because: "an area of pages stands on the ground and knows no other; web puts them together (ADR 60)"},
	{from: []string{"consento/broker/internal/web/audit"}, never: []string{"consento/broker/internal/web", "consento/broker/internal/web/admin", "consento/broker/internal/web/legal", "consento/broker/internal/web/servicedesk"},
		because: "an area of pages stands on the ground and knows no other; web puts them together (ADR 60)"},
	{from: []string{"consento/broker/internal/web/servicedesk"}, never: []string{"consento/broker/internal/web", "consento/broker/internal/web/admin", "consento/broker/internal/web/audit", "consento/broker/internal/web/legal", "consento/broker/internal/web/player"},
		because: "an area of pages stands on the ground and knows no other; web puts them together (ADR 60)"},
	{from: []string{"consento/broker/internal/sockets"}, never: []string{"consento/broker/internal/web/..."},
		because: "pages and sockets stand side by side"},

	// Inside the agent: one thing each, put together by run.
	{from: []string{"consento/agent/internal/..."}, except: []string{"consento/agent/internal/run/..."}, never: []string{"consento/agent/internal/run/..."},
		because: "run puts the parts together; no part knows it"},
	{from: []string{"consento/agent/internal/capture", "consento/agent/internal/encode", "consento/agent/internal/remove", "consento/agent/internal/ui"},
		never: []string{"consento/..."}, because: "it does its one thing on the customer's machine and knows no session"},
	{from: []string{"consento/agent/internal/capture", "consento/agent/internal/encode", "consento/agent/internal/stream", "consento/agent/internal/ui"},
		never: []string{"net/http", "crypto/tls", "github.com/coder/..."}, because: "only trust and link decide whom the agent talks to"},
	{from: []string{"consento/agent/internal/annotate"}, never: []string{"consento/..."}, allowed: []string{"consento/protocol", "consento/agent/internal/capture"},
		because: "it draws what it is told, and knows neither consent nor session"},
	{from: []string{"consento/agent/internal/control"}, never: []string{"consento/..."}, allowed: []string{"consento/protocol"},
		because: "the gate knows acts and what stands against them, and neither display nor session"},
	{from: []string{"consento/agent/internal/input"}, never: []string{"consento/..."}, because: "it presses what it is told, and does not know by whom"},
	{from: []string{"consento/agent/internal/..."}, except: []string{"consento/agent/internal/run", "consento/agent/internal/input"}, never: []string{"consento/agent/internal/input"},
		because: "keys are pressed behind the gate alone, which run puts before them"},
	{from: []string{"consento/agent/internal/files"}, never: []string{"consento/..."}, allowed: []string{"consento/protocol"},
		because: "it reads and writes what one consent allows, and knows neither display nor session"},
	{from: []string{"consento/agent/internal/restart"}, never: []string{"consento/..."},
		because: "it writes what comes back, and knows neither session nor consent"},
	{from: []string{"consento/agent/internal/shell"}, never: []string{"consento/..."}, allowed: []string{"consento/protocol"},
		because: "it runs what one consent allows, and knows neither display nor session"},
	{from: []string{"consento/agent/internal/device"}, never: []string{"consento/..."}, allowed: []string{"consento/protocol"},
		because: "it reaches what one consent allows, and knows neither display nor session"},
	{from: []string{"consento/agent/internal/sysinfo"}, never: []string{"consento/...", "net/http", "crypto/tls", "github.com/coder/..."}, allowed: []string{"consento/protocol"},
		because: "it reads what it is told, and knows neither consent nor session nor whom it is for"},
	{from: []string{"consento/agent/internal/trust"}, never: []string{"consento/..."}, allowed: []string{"consento/protocol", "consento/recordings/translog"},
		because: "whom the agent trusts must be readable in one place"},
}

// violations returns what breaks a rule, as lines for people.
func (g graph) violations(r rule) []string {
	forbidden := func(path string) bool { return matchAny(r.never, path) && !matchAny(r.allowed, path) }
	var found []string
	for _, from := range g.ours() {
		if !matchAny(r.from, from) || matchAny(r.except, from) {
			continue
		}
		if way := g.chain(from, forbidden); way != nil {
			found = append(found, fmt.Sprintf("%s: %s", strings.Join(way, " -> "), r.because))
		}
		if !r.tests {
			continue
		}
		for _, imported := range slices.Concat(g[from].TestImports, g[from].XTestImports) {
			if forbidden(imported) {
				found = append(found, fmt.Sprintf("tests of %s -> %s: %s", from, imported, r.because))
			}
		}
	}
	return found
}

func TestForbiddenImports(t *testing.T) {
	g := loadGraph(t)
	for _, r := range rules {
		for _, from := range r.from {
			if !slices.ContainsFunc(g.ours(), func(p string) bool { return match(from, p) }) {
				t.Errorf("a rule is about %s, which is not there: %s", from, r.because)
			}
		}
		for _, v := range g.violations(r) {
			t.Error(v)
		}
	}
}

// TestRulesBite breaks every rule in a made-up house: a rule that catches
// nothing would protect nothing.
func TestRulesBite(t *testing.T) {
	concrete := func(pattern string) string {
		if below, ok := strings.CutSuffix(pattern, "/..."); ok {
			return below + "/something"
		}
		return pattern
	}
	for _, r := range rules {
		for _, from := range r.from {
			for _, never := range r.never {
				from, never := concrete(from), concrete(never)
				g := graph{
					from:                  {ImportPath: from, Imports: []string{"example.org/between"}},
					"example.org/between": {ImportPath: "example.org/between", DepOnly: true, Imports: []string{never}},
					never:                 {ImportPath: never, DepOnly: true},
				}
				if len(g.violations(r)) != 1 {
					t.Errorf("%s needs %s by a detour, and no rule says so (%s)", from, never, r.because)
				}
				if !r.tests {
					continue
				}
				g = graph{from: {ImportPath: from, XTestImports: []string{never}}}
				if len(g.violations(r)) != 1 {
					t.Errorf("tests of %s need %s, and no rule says so (%s)", from, never, r.because)
				}
			}
		}
	}
}

// TestStage: the office on one machine is for builds and tests.
func TestStage(t *testing.T) {
	for path, p := range loadGraph(t) {
		if slices.Contains(p.Imports, "consento/build/stage") && !match("consento/build/...", path) {
			t.Errorf("%s imports consento/build/stage: the stage starts programs and presses keys; outside build only tests may", path)
		}
	}
}
