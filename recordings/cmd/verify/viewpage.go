package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"consento/console"
	"consento/protocol/lang"
	"consento/recordings"
	"consento/recordings/verdict"
)

// viewPolicy is the content security policy of the page (W3C CSP level 3).
const viewPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob:; connect-src 'self'; media-src blob:; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// maxApart is how much of chosen tracks is served at once, bytes.
const maxApart = 64 << 20

//go:embed view.html
var viewSource string

var viewPage = template.Must(template.New("view").Parse(viewSource))

// playerBuilt reports whether the bundle was made before this was compiled.
func playerBuilt() bool {
	_, err := fs.Stat(console.Files(), "view.js")
	return err == nil
}

// viewData is what the page's script is given.
type viewData struct {
	ID       string            `json:"id"`
	Segments []int             `json:"segments"`
	From     string            `json:"from"` // bags or shares
	Identity string            `json:"identity"`
	Texts    map[string]string `json:"texts"`
}

// serve shows the recording on a loopback address until the context ends.
func (s *showing) serve(ctx context.Context, out io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return failure{exitUsage, err}
	}
	catalog, err := lang.Load()
	if err != nil {
		return err
	}
	secret := rand.Text()
	host := listener.Addr().String()
	server := &http.Server{Handler: s.guard(host, secret, s.pages(catalog)), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	if _, err := fmt.Fprintf(out, "\nwatch it at        http://%s/%s/\n                   for whoever has this address, on this computer, until you press Ctrl-C\n", host, secret); err != nil {
		return errors.Join(err, server.Close())
	}
	select {
	case err = <-ended:
		return failure{exitUsage, err}
	case <-ctx.Done():
	}
	if err := server.Close(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "ended              the page shows nothing more")
	return err
}

// guard lets in who has the secret, under the address that was written. Another
// site's page that reached this port, by a name that leads here too, has neither.
func (s *showing) guard(host, secret string, next http.Handler) http.Handler {
	prefix := "/" + secret + "/"
	next = http.StripPrefix(prefix[:len(prefix)-1], next)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h := rw.Header()
		h.Set("Content-Security-Policy", viewPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cache-Control", "no-store")
		given := r.URL.Path[:min(len(r.URL.Path), len(prefix))]
		site := r.Header.Get("Sec-Fetch-Site")
		if r.Host != host || subtle.ConstantTimeCompare([]byte(given), []byte(prefix)) != 1 || site != "" && site != "none" && site != "same-origin" {
			http.Error(rw, "This address shows nothing. Use the one that consento-verify wrote, whole.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(rw, r)
	})
}

func (s *showing) pages(catalog *lang.Catalog) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, r *http.Request) {
		s.page(rw, catalog.Match(r.Header.Get("Accept-Language")))
	})
	mux.HandleFunc("GET /{file}", func(rw http.ResponseWriter, r *http.Request) {
		switch name := r.PathValue("file"); {
		case name == "view.js", name == "terminal.js", name == "base.css", name == "view.css", name == "terminal.css", name == "icon.svg", path.Ext(name) == ".woff2":
			http.ServeFileFS(rw, r, console.Files(), name)
		default:
			http.NotFound(rw, r)
		}
	})
	mux.HandleFunc("GET /index/{n}", s.of(func(rw http.ResponseWriter, _ *http.Request, p *part) { send(rw, p.index) }))
	mux.HandleFunc("GET /"+s.from()+"/{n}", s.of(func(rw http.ResponseWriter, _ *http.Request, p *part) { send(rw, p.keys) }))
	mux.HandleFunc("GET /records/{n}", s.of(giveRecords))
	mux.HandleFunc("GET /segments/{n}", s.of(func(rw http.ResponseWriter, r *http.Request, p *part) {
		rw.Header().Set("Content-Type", "application/octet-stream")
		// What lies behind the last good record is not given out.
		http.ServeContent(rw, r, "", time.Time{}, io.NewSectionReader(p.file, 0, p.end))
	}))
	return mux
}

// from is what the page's way to the keys begins with.
func (s *showing) from() string {
	if s.share != nil {
		return "shares"
	}
	return "bags"
}

// of finds the segment that the address names.
func (s *showing) of(give func(http.ResponseWriter, *http.Request, *part)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		for _, p := range s.parts {
			if strconv.Itoa(p.number) == r.PathValue("n") {
				give(rw, r, p)
				return
			}
		}
		http.NotFound(rw, r)
	}
}

func send(rw http.ResponseWriter, b []byte) {
	rw.Header().Set("Content-Type", "application/octet-stream")
	_, _ = rw.Write(b) // who asked has gone: nobody is left to be told
}

// giveRecords serves the records of the tracks that the query names, but the
// picture's, which are asked for by range.
func giveRecords(rw http.ResponseWriter, r *http.Request, p *part) {
	var wanted [256]bool
	for name := range strings.SplitSeq(r.URL.Query().Get("tracks"), ",") {
		n, err := strconv.ParseUint(name, 10, 8)
		if err != nil || n == uint64(recordings.TrackVideo) {
			http.Error(rw, "tracks are numbers, and not the picture's", http.StatusBadRequest)
			return
		}
		wanted[n] = true
	}
	var all bytes.Buffer
	for _, at := range p.places {
		if at.kind != uint8(recordings.KindData) || !wanted[at.track] || int64(all.Len())+at.length > maxApart {
			continue
		}
		if _, err := io.Copy(&all, io.NewSectionReader(p.file, at.at, at.length)); err != nil {
			http.Error(rw, "the recording cannot be read any more", http.StatusInternalServerError)
			return
		}
	}
	send(rw, all.Bytes())
}

// page is the page itself: the verdict in words stands in it, without a script.
func (s *showing) page(rw http.ResponseWriter, t lang.Texts) {
	data := viewData{ID: s.session, Segments: []int{}, From: s.from(), Identity: s.secret, Texts: map[string]string{}}
	for _, prefix := range []string{"audit.e.", "audit.js.", "audit.lane.", "audit.permission.", "audit.end.", "log.e.", "log.by.", "log.source.", "log.state.", "log.section.", "log.block.", "log.file.", "log.clip.", "log.clip_of.", "log.still.", "audit.drawn.", "count.", "console.system."} {
		maps.Copy(data.Texts, t.All(prefix))
	}
	data.Texts["audit.js.network"] = t.T("view.ended")
	for _, p := range s.parts {
		data.Segments = append(data.Segments, p.number)
	}
	state := map[verdict.State]string{verdict.Intact: "intact", verdict.Unverifiable: "unverifiable", verdict.Incomplete: "incomplete", verdict.Tampered: "tampered"}[s.result.State]
	var page bytes.Buffer
	err := viewPage.Execute(&page, map[string]any{"T": t.T, "Tag": t.Tag, "State": state, "Verdict": t.T("audit.verdict." + state), "Reasons": reasonsIn(t, s.result.Reasons),
		"Clock": s.clock(t), "Tampered": s.result.State == verdict.Tampered, "ID": s.session, "Data": data, "Share": sharedIn(t, s.share)})
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = rw.Write(page.Bytes())
}

// clock is what an outside one says of the session, in a language.
func (s *showing) clock(t lang.Texts) string {
	if s.before.IsZero() {
		return ""
	}
	return t.T("audit.clock.before", "time", s.before.UTC().Add(time.Minute-1).Format("2006-01-02 15:04 UTC"))
}

// sharedIn says what a share opens, and until when; nil without one.
func sharedIn(t lang.Texts, s *recordings.Share) []string {
	if s == nil {
		return nil
	}
	var names []string
	for _, track := range s.Tracks {
		name := track.String()
		if key := "audit.track." + strconv.Itoa(int(track)); t.Has(key) {
			name = t.T(key)
		}
		names = append(names, name)
	}
	minutes := func(d time.Duration) string {
		return fmt.Sprintf("%d:%02d:00", int(d.Hours()), int(d.Minutes())%60)
	}
	return []string{strings.Join(names, ", ") + " " + t.T("audit.range", "from", minutes(s.From), "to", minutes(s.To)),
		t.T("audit.shares.until", "time", s.Until.Format("2006-01-02 15:04 UTC"))}
}

// reasonsIn says the findings in a language; one without words there in English.
func reasonsIn(t lang.Texts, reasons []verdict.Reason) []string {
	var said []string
	for _, r := range reasons {
		key, pairs := "audit.reason."+r.Code, []string{"code", r.Code, "segment", strconv.Itoa(r.Segment)}
		for _, name := range slices.Sorted(maps.Keys(r.Values)) {
			pairs = append(pairs, name, "\u2068"+r.Values[name]+"\u2069")
		}
		if !t.Has(key) {
			said = append(said, r.Text)
			continue
		}
		said = append(said, t.T(key, pairs...))
	}
	return said
}
