package house

import (
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// confined says where alone something may be imported, tests aside.
type confined struct {
	what    string   // import path, or with "/..." everything below
	where   []string // folders, or single files; none: nowhere
	because string
}

var confinements = []confined{
	{"github.com/kbinani/screenshot", []string{"agent/internal/capture/portable.go"}, "a library with globals stays in one file behind our own type"},
	{"github.com/ebitengine/purego", []string{"agent/internal/ui/gtk_library.go"}, "what is loaded at run time is one table in one file"},
	{"C", []string{"agent/internal/encode"}, "C stands in one place: it is where memory can be corrupted"},
	{"unsafe", []string{"agent/internal/encode", "agent/internal/restart/system_windows.go"}, "as for C; and what DPAPI of Windows allocates is copied and given back in one place"},
	{"github.com/pion/...", []string{"broker/internal/sfu", "agent/internal/run", "agent/internal/stream", "protocol/congestion"}, "WebRTC is known to who sends and who forwards"},
	{"github.com/jezek/xgb/xtest", []string{"agent/internal/input", "build"}, "keys are pressed in one place, behind one gate"},
	{"github.com/shirou/gopsutil/...", []string{"agent/internal/sysinfo"}, "the customer's computer is read in one place, for one consent"},
	{"github.com/coder/websocket", []string{"broker/internal/sockets", "agent/internal/link", "build/stage/firefox.go"}, "each side reads sockets in one place, with its limits"},
	{"github.com/uptrace/bun/...", []string{"broker"}, "the database is the broker's"},
	{"modernc.org/...", []string{"broker/internal/ops"}, "one place opens the database"},
	{"github.com/pressly/goose/...", []string{"broker/internal/ops"}, "one place runs the migrations"},
	{"github.com/alexedwards/...", []string{"broker/internal/access"}, "sign-in sessions are made and checked in one place"},
	{"github.com/coreos/...", []string{"broker/internal/central"}, "what a provider says is checked in one place"},
	{"golang.org/x/oauth2", []string{"broker/internal/central"}, "as for coreos"},
	{"github.com/go-ldap/...", []string{"broker/internal/central"}, "as for coreos: what a directory says"},
	{"github.com/go-asn1-ber/...", []string{"broker/internal/central"}, "the limit of go-ldap's reader is set in one place"},
	{"github.com/zitadel/...", []string{"broker/internal/central/centraltest"}, "a provider is run by tests alone"},
	{"github.com/prometheus/...", []string{"broker/internal/ops", "broker/metrics.go", "broker/serve.go"}, "figures are for operators"},
	{"github.com/pelletier/...", []string{"broker/internal/ops", "recordings/cmd/witness/bucket.go"}, "one place of a program reads its configuration"},
	{"github.com/aws/...", []string{"recordings/store/s3store"}, "one package speaks with buckets"},
	{"github.com/notaryproject/...", []string{"recordings/stamp"}, "one package reads timestamps"},
	{"github.com/bluenviron/...", []string{"recordings"}, "the container of the video is part of the format"},
	{"github.com/chromedp/...", []string{"build/stage"}, "browsers are driven by tests"},
	{"github.com/evanw/...", []string{"build/bundle"}, "what bundles does not ship"},
	{"rsc.io/qr", []string{"recordings/cmd/verify/sheet.go", "broker/internal/web/admin/factors.go"}, "one page is printed with such a code, one shows it to an authenticator app"},
	{"github.com/alecthomas/kong", []string{"broker", "agent/main.go", "recordings/cmd"}, "command lines belong to programs"},
	{"os/exec", []string{"agent/internal/shell", "agent/internal/sysinfo/programs.go", "agent/internal/ui/links.go", "agent/internal/xtest", "broker/internal/mail/mailtest", "recordings/fipstest", "recordings/stamp/stamptest", "build"}, "what ships starts no other program, but the browser for a link that the customer clicked, and a shell and the system's own lists, with fixed arguments, that the customer allowed (ADR 38, 39)"},
	{"math/rand/...", []string{"agent/internal/stream/packer.go", "build"}, "what guards something is drawn by crypto/rand; packer only chooses where RTP begins to count (RFC 3550, 5.1)"},
	{"crypto/md5", nil, "not for anything"},
	{"crypto/sha1", []string{"broker/internal/access/totp.go"}, "not for anything but HMAC as authenticator apps compute it (RFC 6238)"},
	{"crypto/des", nil, "not for anything"},
	{"crypto/rc4", nil, "not for anything"},
	{"log", nil, "slog is the one log"},
	{"io/ioutil", nil, "replaced by io and os"},
	{"expvar", nil, "figures go through the one guarded page"},
	{"net/http/pprof", nil, "it serves the memory of the process, with keys in it, to whoever asks"},
	{"testing", []string{"agent/internal/xtest", "broker/internal/mail/mailtest", "broker/internal/ops/opstest", "recordings/disktest", "recordings/fipstest", "recordings/stamp/stamptest", "recordings/store/storetest"}, "only what serves tests knows tests"},
	{"plugin", nil, "what runs is what was signed"},
}

// allows reports whether a file, named from root, may import.
func (c confined) allows(file string) bool {
	for _, w := range c.where {
		if file == w || strings.HasPrefix(file, w+"/") {
			return true
		}
	}
	return false
}

func (c confined) covers(imported string) bool { return match(c.what, imported) }

func TestConfinedImports(t *testing.T) {
	used := map[string]int{}
	for _, file := range committed(t) {
		if path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") || strings.Contains(file, "/testdata/") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range confinements {
				if !c.covers(imported) {
					continue
				}
				used[c.what]++
				if !c.allows(file) {
					t.Errorf("%s imports %s, which belongs to %s alone: %s", file, imported, orNobody(c.where), c.because)
				}
			}
		}
	}
	// A place that nobody uses any more would let somebody in unseen.
	for _, c := range confinements {
		if len(c.where) > 0 && used[c.what] == 0 {
			t.Errorf("nothing imports %s any more: take the line out", c.what)
		}
	}
}

func orNobody(where []string) string {
	if len(where) == 0 {
		return "nobody"
	}
	return strings.Join(where, ", ")
}
