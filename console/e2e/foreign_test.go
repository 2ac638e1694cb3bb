package console_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"image"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"consento/build/stage"
	"consento/protocol"
)

// TestForeignBrokers puts servers at the office's address that know all that is
// public about it, and more: the agent tells none of them its key.
func TestForeignBrokers(t *testing.T) {
	o := &office{t: t, ctx: t.Context(), dir: folder(t)}
	bin, err := stage.Bin()
	o.must(err)
	o.broker, err = stage.NewBroker(o.ctx, bin, o.dir)
	o.must(err)
	address, err := url.Parse(o.broker.URL)
	o.must(err)
	own, err := tls.LoadX509KeyPair(filepath.Join(o.broker.Data, "tls", "server.pem"), filepath.Join(o.broker.Data, "tls", "server.pem"))
	o.must(err)
	manifest := fetch(o, o.broker.URL+protocol.ManifestPath, own)
	prepared, err := os.ReadFile(filepath.Join(o.broker.Data, "agents", "consento-agent-linux-amd64"))
	o.must(err)
	o.must(o.broker.Stop())
	impostor, err := o.broker.Impostor(o.ctx, filepath.Join(o.dir, "impostor"))
	o.must(err)
	foreign, err := tls.LoadX509KeyPair(filepath.Join(impostor.Data, "tls", "server.pem"), filepath.Join(impostor.Data, "tls", "server.pem"))
	o.must(err)
	forged := fetch(o, impostor.URL+protocol.ManifestPath, foreign)
	o.must(impostor.Stop())
	// Another certificate of the office's own name, by nobody's authority.
	alone, err := tls.X509KeyPair(selfSigned(t, address.Hostname()))
	o.must(err)
	o.customer = o.screen(image.Pt(1280, 800), "customer")

	for name, c := range map[string]struct {
		certificate tls.Certificate
		manifest    []byte
		redirect    string // the path that is sent elsewhere
	}{
		"another authority, the office's manifest":     {foreign, manifest, ""},
		"another certificate, the office's manifest":   {alone, manifest, ""},
		"the office's certificate, a foreign manifest": {own, forged, ""},
		"the office's certificate, no manifest":        {own, []byte("{}"), ""},
		"a redirected manifest":                        {own, manifest, protocol.ManifestPath},
		"a redirected connection":                      {own, manifest, "/ws/agent"},
	} {
		o.act(name, func(o *office) {
			var reached atomic.Bool // the place that it is sent to, or the socket itself
			server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case c.redirect != "" && r.URL.Path == c.redirect:
					http.Redirect(w, r, o.broker.URL+"/elsewhere", http.StatusTemporaryRedirect)
				case r.URL.Path == protocol.ManifestPath:
					_, _ = w.Write(c.manifest)
				default:
					reached.Store(true)
				}
			}), TLSConfig: &tls.Config{Certificates: []tls.Certificate{c.certificate}}, ErrorLog: log.New(io.Discard, "", 0)}
			listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", address.Port()))
			o.must(err)
			served := make(chan error, 1)
			go func() { served <- server.ServeTLS(listener, "", "") }()
			file := filepath.Join(o.customer.Home, "Downloads", "consento-agent")
			o.must(os.WriteFile(file, prepared, 0o700))
			agent, err := o.customer.StartProgram(file, "--key 2345679")
			o.must(err)
			o.must(o.customer.Confirm(o.ctx, "Consento – not started"))
			code, err := agent.Exit(o.ctx)
			o.must(err)
			if code != 7 || !agent.Gone() || reached.Load() {
				o.t.Errorf("exit code %d, gone %v, reached %v\n%s", code, agent.Gone(), reached.Load(), agent.Log())
			}
			o.must(server.Close())
			<-served
		})
	}
}

// fetch gets a page of a broker whose certificate is known.
func fetch(o *office, address string, certificate tls.Certificate) []byte {
	o.t.Helper()
	pool := x509.NewCertPool()
	for _, der := range certificate.Certificate {
		c, err := x509.ParseCertificate(der)
		o.must(err)
		pool.AddCert(c)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	response, err := client.Get(address)
	o.must(err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	o.must(err)
	return data
}

// selfSigned makes a certificate for a host that nobody but its owner vouches for.
func selfSigned(t *testing.T, host string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}
