package trust

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"consento/protocol"
)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// authority signs certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t testing.TB, name string) authority {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(t)
	return authority{key, must(x509.ParseCertificate(der))(t)}
}

func (a authority) pin() []byte { sum := sha256.Sum256(a.cert.RawSubjectPublicKeyInfo); return sum[:] }

// leaf makes a server's certificate; in front of it in the chain stands what chain holds.
func (a authority) leaf(t testing.TB, change func(*x509.Certificate), chain ...[]byte) tls.Certificate {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if change != nil {
		change(template)
	}
	der := must(x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key))(t)
	if chain == nil {
		chain = [][]byte{a.cert.Raw}
	}
	return tls.Certificate{Certificate: append([][]byte{der}, chain...), PrivateKey: key}
}

// broker serves a manifest under a certificate; both can be changed.
type broker struct {
	*httptest.Server
	certificate atomic.Pointer[tls.Certificate]
	manifest    http.HandlerFunc
	secrets     atomic.Int32 // requests that came after the manifest
}

func serve(t testing.TB, certificate tls.Certificate, manifest []byte) *broker {
	t.Helper()
	b := &broker{manifest: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(manifest) }}
	b.certificate.Store(&certificate)
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == protocol.ManifestPath {
			b.manifest(w, r)
			return
		}
		b.secrets.Add(1)
		if r.URL.Path == "/elsewhere" {
			http.Redirect(w, r, "https://127.0.0.1:1/", http.StatusFound)
		}
	}))
	b.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{*b.certificate.Load()}}, nil
	}}
	b.Config.ErrorLog = log.New(io.Discard, "", 0)
	b.StartTLS()
	t.Cleanup(b.Close)
	return b
}

// prepared makes an office as an agent reads it from its section.
func prepared(t testing.TB, root ed25519.PublicKey, brokers ...string) Office {
	t.Helper()
	empty := section
	filled := must(protocol.PrepareAgent(empty[:], protocol.OfficeSection{V: 1, Office: "Comune", Brokers: brokers, Root: root}))(t)
	return must(read(filled))(t)
}

func TestSectionOfThisProgramIsEmpty(t *testing.T) {
	marker := protocol.OfficeSectionMarker()
	if string(section[:len(marker)]) != string(marker[:]) {
		t.Error("the section's first bytes are not the marker")
	}
	if o, err := Read(); err != nil || o.Prepared || o.Name != "" {
		t.Errorf("%+v, %v", o, err)
	}
	broken := section
	broken[0]++
	if _, err := read(broken[:]); !errors.Is(err, protocol.ErrMalformed) {
		t.Errorf("damaged: %v", err)
	}
}

func TestChoose(t *testing.T) {
	root, _, err := ed25519.GenerateKey(nil)
	must(0, err)(t)
	office := prepared(t, root, "https://aiuto.example", "https://second.example:8443/")
	for asked, want := range map[string]string{"": "https://aiuto.example", "https://aiuto.example": "https://aiuto.example",
		"https://aiuto.example/": "https://aiuto.example", "https://second.example:8443": "https://second.example:8443"} {
		if u, err := office.Choose(asked); err != nil || u.String() != want {
			t.Errorf("%q: %v, %v", asked, u, err)
		}
	}
	foreign := []string{"https://evil.example", "https://aiuto.example.evil.example", "https://aiuto.example:444", "http://aiuto.example", "https://second.example",
		"https://x@aiuto.example", "https://aiuto.example/path", "aiuto.example", "https://localhost", "https://127.0.0.1", "x", "https://aiuto.example?x"}
	for _, asked := range foreign {
		if u, err := office.Choose(asked); !errors.Is(err, ErrForeign) {
			t.Errorf("prepared, %q: %v, %v", asked, u, err)
		}
	}
	var unprepared Office
	for _, asked := range []string{"", "https://localhost:1", "https://127.0.0.1", "https://127.9.9.9:8443", "https://[::1]:8443"} {
		if u, err := unprepared.Choose(asked); err != nil || u == nil {
			t.Errorf("unprepared, %q: %v", asked, err)
		}
	}
	for _, asked := range []string{"https://aiuto.example", "https://192.0.2.1", "https://0.0.0.0", "https://localhost.evil.example", "https://[::ffff:192.0.2.1]", "http://localhost", "https://10.0.0.1"} {
		if u, err := unprepared.Choose(asked); !errors.Is(err, ErrForeign) {
			t.Errorf("unprepared, %q: %v, %v", asked, u, err)
		}
	}
}

// TestClient: a prepared agent, and everything that can be wrong with a broker.
func TestClient(t *testing.T) {
	public, root, err := ed25519.GenerateKey(nil)
	must(0, err)(t)
	_, stranger, err := ed25519.GenerateKey(nil)
	must(0, err)(t)
	own, foreign := newAuthority(t, "office"), newAuthority(t, "evil")
	now := time.Now()
	sign := func(key ed25519.PrivateKey, expires time.Time, pins ...[]byte) []byte {
		return must(protocol.SignManifest(key, protocol.Manifest{Issued: now, Expires: expires, TLS: pins}))(t)
	}
	good := sign(root, now.Add(time.Hour), own.pin())
	selfSigned := foreign.leaf(t, nil, foreign.cert.Raw)
	for name, c := range map[string]struct {
		certificate tls.Certificate
		manifest    []byte
		early, late error // of Client, and of the first request
	}{
		"all is well":                 {own.leaf(t, nil), good, nil, nil},
		"two pins":                    {own.leaf(t, nil), sign(root, now.Add(time.Hour), foreign.pin(), own.pin()), nil, nil},
		"forged and expired":          {own.leaf(t, nil), sign(stranger, now.Add(-time.Minute), own.pin()), ErrUntrusted, nil},
		"forged manifest":             {own.leaf(t, nil), sign(stranger, now.Add(time.Hour), own.pin()), ErrUntrusted, nil},
		"expired manifest":            {own.leaf(t, nil), sign(root, now.Add(-time.Minute), own.pin()), ErrClock, nil},
		"no manifest":                 {own.leaf(t, nil), []byte("<html>"), ErrUntrusted, nil},
		"endless manifest":            {own.leaf(t, nil), make([]byte, 1<<20), ErrUntrusted, nil},
		"another authority":           {selfSigned, good, nil, ErrUntrusted},
		"no pins":                     {own.leaf(t, nil), sign(root, now.Add(time.Hour)), nil, ErrUntrusted},
		"the office's CA as ornament": {foreign.leaf(t, nil, foreign.cert.Raw, own.cert.Raw), good, nil, ErrUntrusted},
		"another host":                {own.leaf(t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.example"} }), good, nil, ErrUntrusted},
		"expired certificate":         {own.leaf(t, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) }), good, nil, ErrClock},
		"not yet valid":               {own.leaf(t, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Minute) }), good, nil, ErrClock},
		"expired for another host": {own.leaf(t, func(c *x509.Certificate) {
			c.NotAfter, c.IPAddresses, c.DNSNames = now.Add(-time.Minute), nil, []string{"other.example"}
		}), good, nil, ErrUntrusted},
		"a client's certificate":      {own.leaf(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), good, nil, ErrUntrusted},
		"chain without the authority": {own.leaf(t, nil, []byte{}[:0:0]), good, nil, ErrUntrusted},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "chain without the authority" {
				c.certificate.Certificate = c.certificate.Certificate[:1]
			}
			b := serve(t, c.certificate, c.manifest)
			office := prepared(t, public, b.URL)
			u := must(office.Choose(""))(t)
			client, err := office.Client(t.Context(), u)
			if !errors.Is(err, c.early) || (err == nil) != (c.early == nil) || errors.Is(err, ErrClock) != (c.early == ErrClock) {
				t.Fatalf("client: %v, want %v", err, c.early)
			}
			if err != nil {
				return
			}
			defer client.CloseIdleConnections()
			response, err := client.Get(b.URL + "/secret")
			if !errors.Is(err, c.late) || (err == nil) != (c.late == nil) || errors.Is(err, ErrClock) != (c.late == ErrClock) {
				t.Fatalf("request: %v, want %v", err, c.late)
			}
			if err == nil {
				must(0, response.Body.Close())(t)
			}
			if came := b.secrets.Load() > 0; came != (c.late == nil) {
				t.Errorf("the request reached the broker: %t", came)
			}
		})
	}
}

func TestRedirectsAreRefused(t *testing.T) {
	public, root, err := ed25519.GenerateKey(nil)
	must(0, err)(t)
	own := newAuthority(t, "office")
	manifest := must(protocol.SignManifest(root, protocol.Manifest{Expires: time.Now().Add(time.Hour), TLS: [][]byte{own.pin()}}))(t)
	other := serve(t, own.leaf(t, nil), manifest)
	b := serve(t, own.leaf(t, nil), manifest)
	office := prepared(t, public, b.URL)
	client := must(office.Client(t.Context(), must(office.Choose(""))(t)))(t)
	defer client.CloseIdleConnections()
	if _, err := client.Get(b.URL + "/elsewhere"); !errors.Is(err, ErrForeign) {
		t.Errorf("redirect: %v", err)
	}
	// Not even for a manifest that would be good.
	b.manifest = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+protocol.ManifestPath, http.StatusFound)
	}
	if _, err := office.Client(t.Context(), must(office.Choose(""))(t)); !errors.Is(err, ErrUnreachable) || !errors.Is(err, ErrForeign) {
		t.Errorf("redirected manifest: %v", err)
	}
	b.manifest = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }
	if _, err := office.Client(t.Context(), must(office.Choose(""))(t)); !errors.Is(err, ErrUntrusted) {
		t.Errorf("404: %v", err)
	}
}

// TestEachConnectionIsChecked: the one after the manifest may lead elsewhere.
func TestEachConnectionIsChecked(t *testing.T) {
	public, root, err := ed25519.GenerateKey(nil)
	must(0, err)(t)
	own, evil := newAuthority(t, "office"), newAuthority(t, "evil")
	b := serve(t, own.leaf(t, nil), must(protocol.SignManifest(root, protocol.Manifest{Expires: time.Now().Add(time.Hour), TLS: [][]byte{own.pin()}}))(t))
	office := prepared(t, public, b.URL)
	client := must(office.Client(t.Context(), must(office.Choose(""))(t)))(t)
	defer client.CloseIdleConnections()
	swapped := evil.leaf(t, nil)
	b.certificate.Store(&swapped)
	if _, err := client.Get(b.URL); !errors.Is(err, ErrUntrusted) || b.secrets.Load() != 0 {
		t.Errorf("%v", err)
	}
}

func TestUnreachable(t *testing.T) {
	public, _, err := ed25519.GenerateKey(nil)
	must(0, err)(t)
	closed := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	must(0, closed.Close())(t)
	office := prepared(t, public, "https://"+closed.Addr().String())
	if _, err := office.Client(t.Context(), must(office.Choose(""))(t)); !errors.Is(err, ErrUnreachable) {
		t.Errorf("%v", err)
	}
	// One that answers nothing is given up with the context.
	silent := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	office = prepared(t, public, "https://"+silent.Addr().String())
	if _, err := office.Client(ctx, must(office.Choose(""))(t)); !errors.Is(err, ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

// TestUnpreparedReachesThisComputerOnly: what a name resolves to is looked at
// when the socket connects, whatever the address bar says.
func TestUnpreparedReachesThisComputerOnly(t *testing.T) {
	own := newAuthority(t, "own")
	b := serve(t, own.leaf(t, nil), nil)
	t.Setenv("HTTPS_PROXY", "http://192.0.2.1:3128") // a proxy would be a way out
	t.Setenv("ALL_PROXY", "http://192.0.2.1:3128")
	var office Office
	client := must(office.Client(t.Context(), must(office.Choose(b.URL))(t)))(t)
	defer client.CloseIdleConnections()
	response := must(client.Get(b.URL + "/secret"))(t)
	must(0, response.Body.Close())(t)

	// A name that resolves to an address of this machine that is not loopback,
	// where somebody listens.
	interfaces := must(net.InterfaceAddrs())(t)
	tried := 0
	for _, a := range interfaces {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.IsLoopback() || n.IP.To4() == nil {
			continue
		}
		listener, err := net.Listen("tcp", net.JoinHostPort(n.IP.String(), "0"))
		if err != nil {
			continue
		}
		reached := make(chan struct{}, 1)
		go func() {
			if c, err := listener.Accept(); err == nil {
				reached <- struct{}{}
				_ = c.Close()
			}
		}()
		tried++
		if _, err := client.Get("https://" + listener.Addr().String()); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", listener.Addr(), err)
		}
		must(0, listener.Close())(t)
		select {
		case <-reached:
			t.Error("a packet left for", n.IP)
		default:
		}
	}
	if tried == 0 {
		t.Log("this machine has no address but loopback")
	}
	for _, address := range []string{"https://192.0.2.1", "https://[2001:db8::1]", "https://0.0.0.0:1"} {
		if _, err := client.Get(address); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", address, err)
		}
	}
	transport := client.Transport.(*http.Transport)
	dial := transport.DialContext
	if _, err := dial(t.Context(), "tcp", "192.0.2.1:443"); !errors.Is(err, ErrForeign) {
		t.Errorf("dial: %v", err)
	}
	if transport.Proxy != nil {
		if u, err := transport.Proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: "x"}}); u != nil || err != nil {
			t.Error("a proxy is used")
		}
	}
}
