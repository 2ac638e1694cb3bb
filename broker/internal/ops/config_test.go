package ops

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestExampleConfigParses(t *testing.T) {
	c, err := LoadConfig("../../../build/consento.toml")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if c.Office.Name == "" || c.PublicURL == "" {
		t.Fatalf("the example sets no office or address: %+v", c)
	}
	// What is commented out in the example is said to be the default.
	text, err := os.ReadFile("../../../build/consento.toml")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if rest, ok := strings.CutPrefix(line, "#= "); ok {
			lines[i] = rest
		}
	}
	all := c
	if err := all.parse([]byte(strings.Join(lines, "\n"))); err != nil {
		t.Fatalf("with the defaults written out: %v", err)
	}
	all.Office, all.PublicURL = Office{}, ""
	d := DefaultConfig()
	if all.Listen != d.Listen || all.Data != d.Data || all.Log != d.Log || all.Session != d.Session || all.Evidence != d.Evidence || all.Mail != d.Mail || all.TLS != d.TLS || len(all.Media.Addresses) != 0 {
		t.Fatalf("the example says %+v, the defaults are %+v", all, d)
	}
	for _, key := range []string{"listen", "public_url", "data", "certificate", "key", "name", "phone", "controller", "privacy_contact", "level", "format", "max_duration", "addresses", "min_free", "max_lag", "purge_after", "timestamp_url", "timestamp_hash", "host", "security", "password_file", "from"} {
		if !strings.Contains(strings.Join(lines, "\n"), "\n"+key+" = ") {
			t.Errorf("the example does not show %s", key)
		}
	}
}

func TestConfigFileErrorsNameThePlace(t *testing.T) {
	for text, want := range map[string]string{
		"listen = \"127.0.0.1:1\"\nlisten_on = \"x\"\n":    `line 2: unknown key "listen_on"`,
		"[tls]\ncertificate = \"a\"\ncertifcate = \"b\"\n": `line 3: unknown key "tls.certifcate"`,
		"[offices]\nname = \"x\"\n":                        `line 1: unknown key "offices"`,
		"listen = 8443\n":                                  "line 1",
		"\n\n[session]\nmax_duration = \"long\"\n":         "line 4",
		"[evidence]\nmin_free = \"1GB\"\n":                 "line 2",
		"[log\n":                                           "line 1",
		"listen = \"a:1\"\nlisten = \"b:2\"\n":             "line 2",
		"[media]\naddresses = \"192.0.2.1\"\n":             "line 2",
	} {
		path := filepath.Join(t.TempDir(), "c.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadConfig(path)
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q:\n %v\nwant %s", text, err, want)
		}
	}
	if _, err := LoadConfig(filepath.Join(t.TempDir(), "none.toml")); !errors.Is(err, ErrConfig) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	big := filepath.Join(t.TempDir(), "big.toml")
	if err := os.WriteFile(big, []byte(strings.Repeat("# big\n", 200_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(big); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "larger") {
		t.Errorf("large file: %v", err)
	}
}

func TestEnvironmentWinsOverFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(path, []byte("data = \"from-file\"\nlisten = \"127.0.0.1:1\"\n[media]\naddresses = [\"192.0.2.9\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONSENTO_DATA", "from-environment")
	t.Setenv("CONSENTO_SESSION_MAX_DURATION", "90m")
	t.Setenv("CONSENTO_MEDIA_ADDRESSES", "192.0.2.1, 2001:db8::1")
	t.Setenv("CONSENTO_EVIDENCE_MIN_FREE", "2GiB")
	t.Setenv("CONSENTO_OFFICE_NAME", "Comune di Prova")
	c, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != "from-environment" || c.Listen != "127.0.0.1:1" || time.Duration(c.Session.MaxDuration) != 90*time.Minute ||
		strings.Join(c.Media.Addresses, " ") != "192.0.2.1 2001:db8::1" || c.Evidence.MinFree != 2<<30 || c.Office.Name != "Comune di Prova" {
		t.Fatalf("%+v", c)
	}
	t.Setenv("CONSENTO_SESSION_MAX_DURATION", "an hour")
	if _, err := LoadConfig(path); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "CONSENTO_SESSION_MAX_DURATION") {
		t.Fatalf("bad variable: %v", err)
	}
}

var goodWitness = WitnessConfig{Name: "town-hall", URL: "https://w.example:8444", Pin: strings.Repeat("0a", 32), TokenFile: "token"}

func witnessWith(change func(*WitnessConfig)) func(*Config) {
	return func(c *Config) {
		w := goodWitness
		change(&w)
		c.Witness = []WitnessConfig{w}
	}
}

func mailWith(change func(*MailConfig)) func(*Config) {
	return func(c *Config) {
		c.Mail = MailConfig{Host: "mail.office.example", Security: MailStartTLS, From: "help@office.example"}
		change(&c.Mail)
	}
}

func TestValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatalf("the defaults: %v", err)
	}
	for name, c := range map[string]struct {
		change func(*Config)
		want   string // "" accepted
	}{
		"free port":              {func(c *Config) { c.Listen = "127.0.0.1:0" }, ""},
		"IPv6 loopback":          {func(c *Config) { c.Listen = "[::1]:8443" }, ""},
		"no port":                {func(c *Config) { c.Listen = "127.0.0.1" }, "listen"},
		"port too large":         {func(c *Config) { c.Listen = "127.0.0.1:65536" }, "listen"},
		"port by name":           {func(c *Config) { c.Listen = "127.0.0.1:https" }, "listen"},
		"open without address":   {func(c *Config) { c.Listen = "0.0.0.0:443" }, "public_url"},
		"all without address":    {func(c *Config) { c.Listen = ":443" }, "public_url"},
		"open with address":      {func(c *Config) { c.Listen, c.PublicURL = ":443", "https://help.office.example" }, ""},
		"address with port":      {func(c *Config) { c.PublicURL = "https://help.office.example:8443/" }, ""},
		"address by number":      {func(c *Config) { c.PublicURL = "https://[2001:db8::1]:8443" }, ""},
		"address without TLS":    {func(c *Config) { c.PublicURL = "http://help.office.example" }, "public_url"},
		"address with path":      {func(c *Config) { c.PublicURL = "https://help.office.example/help" }, "public_url"},
		"address with query":     {func(c *Config) { c.PublicURL = "https://help.office.example?" }, "public_url"},
		"address with fragment":  {func(c *Config) { c.PublicURL = "https://help.office.example#" }, "public_url"},
		"address with user":      {func(c *Config) { c.PublicURL = "https://a:b@help.office.example" }, "public_url"},
		"address in capitals":    {func(c *Config) { c.PublicURL = "https://Help.Office.example" }, "public_url"},
		"address without host":   {func(c *Config) { c.PublicURL = "https://:8443" }, "public_url"},
		"address with port 0":    {func(c *Config) { c.PublicURL = "https://help.office.example:0" }, "public_url"},
		"address with no port":   {func(c *Config) { c.PublicURL = "https://help.office.example:" }, "public_url"},
		"two dots":               {func(c *Config) { c.PublicURL = "https://help..example" }, "public_url"},
		"no folder":              {func(c *Config) { c.Data = "" }, "data"},
		"half a certificate":     {func(c *Config) { c.TLS.Certificate = "a.pem" }, "tls"},
		"office without a phone": {func(c *Config) { c.Office.Name = "Comune di Prova" }, "office"},
		"phone of letters":       {func(c *Config) { c.Office = Office{Name: "Comune", Phone: "0800-HELP"} }, "office"},
		"unknown level":          {func(c *Config) { c.Log.Level = "verbose" }, "log.level"},
		"unknown format":         {func(c *Config) { c.Log.Format = "xml" }, "log.format"},
		"session for ever":       {func(c *Config) { c.Session.MaxDuration = 0 }, "session.max_duration"},
		"session of days":        {func(c *Config) { c.Session.MaxDuration = Duration(48 * time.Hour) }, "session.max_duration"},
		"a restart of no time":   {func(c *Config) { c.Session.Restart = 0 }, "session.restart"},
		"a restart of hours":     {func(c *Config) { c.Session.Restart = Duration(2 * time.Hour) }, "session.restart"},
		"media by name":          {func(c *Config) { c.Media.Addresses = []string{"help.office.example"} }, "media.addresses"},
		"media everywhere":       {func(c *Config) { c.Media.Addresses = []string{"0.0.0.0"} }, "media.addresses"},
		"witness lag of seconds": {func(c *Config) { c.Evidence.MaxLag = Duration(time.Second) }, "evidence.max_lag"},
		"witness lag for ever":   {func(c *Config) { c.Evidence.MaxLag = 0 }, ""},
		"witness":                {func(c *Config) { c.Witness = []WitnessConfig{goodWitness} }, ""},
		"mail":                   {mailWith(func(*MailConfig) {}), ""},
		"mail without a host":    {mailWith(func(m *MailConfig) { m.Host = "" }), "mail"},
		"mail in clear":          {mailWith(func(m *MailConfig) { m.Security = MailPlain }), "mail"},
		"mail to this machine":   {mailWith(func(m *MailConfig) { m.Security, m.Host = MailPlain, "localhost" }), ""},
		"mail by another way":    {mailWith(func(m *MailConfig) { m.Security = "ssl" }), "mail"},
		"mail from nobody":       {mailWith(func(m *MailConfig) { m.From = "Help <help@office.example>" }), "mail"},
		"mail without password":  {mailWith(func(m *MailConfig) { m.User = "x" }), "mail"},
		"mail to port 70000":     {mailWith(func(m *MailConfig) { m.Port = 70000 }), "mail"},
		"witness twice":          {func(c *Config) { c.Witness = []WitnessConfig{goodWitness, goodWitness} }, "witness"},
		"witness without TLS":    {witnessWith(func(w *WitnessConfig) { w.URL = "http://w.example" }), "witness"},
		"witness with a path":    {witnessWith(func(w *WitnessConfig) { w.URL = "https://w.example/x" }), "witness"},
		"witness with a user":    {witnessWith(func(w *WitnessConfig) { w.URL = "https://a:b@w.example" }), "witness"},
		"witness like our own":   {witnessWith(func(w *WitnessConfig) { w.Name = "embedded" }), "witness"},
		"witness on a path":      {witnessWith(func(w *WitnessConfig) { w.Name = "../x" }), "witness"},
		"witness without a pin":  {witnessWith(func(w *WitnessConfig) { w.Pin = "" }), "witness"},
		"witness without token":  {witnessWith(func(w *WitnessConfig) { w.TokenFile = "" }), "witness"},
		"purge in minutes":       {func(c *Config) { c.Evidence.PurgeAfter = Duration(time.Minute) }, "evidence.purge_after"},
		"timestamps": {func(c *Config) {
			c.Evidence.TimestampURL, c.Evidence.TimestampHash = "http://tsa.example/a?b=c", "sha384"
		}, ""},
		"timestamps by mail":   {func(c *Config) { c.Evidence.TimestampURL = "mailto:tsa@example.org" }, "evidence.timestamp_url"},
		"timestamps by a user": {func(c *Config) { c.Evidence.TimestampURL = "https://a:b@tsa.example" }, "evidence.timestamp_url"},
		"timestamps of nobody": {func(c *Config) { c.Evidence.TimestampURL = "https://" }, "evidence.timestamp_url"},
		"a weak hash":          {func(c *Config) { c.Evidence.TimestampHash = "sha1" }, "evidence.timestamp_hash"},
		"no reserve":           {func(c *Config) { c.Evidence.MinFree = 0 }, "evidence.min_free"},
	} {
		t.Run(name, func(t *testing.T) {
			config := DefaultConfig()
			c.change(&config)
			err := config.Validate()
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
			} else if !errors.Is(err, ErrConfig) || !strings.HasPrefix(err.Error(), "configuration: "+c.want+": ") {
				t.Fatalf("%v, want an error about %s", err, c.want)
			}
		})
	}
}

func TestPublicURLAt(t *testing.T) {
	c := DefaultConfig()
	if got := c.PublicURLAt(8443); got != "https://localhost:8443" {
		t.Error(got)
	}
	c.PublicURL = "https://help.office.example/"
	if got := c.PublicURLAt(8443); got != "https://help.office.example" {
		t.Error(got)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"0B": 0, "7B": 7, "1KiB": 1024, "500MiB": 500 << 20, "2GiB": 2 << 30, "1TiB": 1 << 40} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1", "MiB", "1GB", "-1MiB", "1.5GiB", "99999999999TiB", "18446744073709551615B", "1MiB ", "0x1MiB"} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("listen = \"127.0.0.1:1\"\n[tls]\nkey = \"x\"\n", "https://office.example")
	f.Add("[media]\naddresses = [\"192.0.2.1\"]\n[session]\nmax_duration = \"1h\"\n", "https://[::1]:1")
	f.Fuzz(func(t *testing.T, text, public string) {
		c := DefaultConfig()
		if err := c.parse([]byte(text)); err != nil {
			return
		}
		c.PublicURL = public
		if c.Validate() != nil {
			return
		}
		if names := CertificateNames(c); len(names) < 3 {
			t.Fatalf("names %v", names)
		}
		if again, err := parsePublicURL(c.PublicURLAt(8443)); err != nil || again.Host == "" {
			t.Fatalf("%q is no public address: %v", c.PublicURLAt(8443), err)
		}
	})
}

func FuzzCleanOffice(f *testing.F) {
	f.Add("Comune di Prova", "+39 0471 000000", "", "dpo@office.example")
	f.Fuzz(func(t *testing.T, name, phone, controller, contact string) {
		o, err := Office{name, phone, controller, contact}.Clean()
		if err != nil {
			return
		}
		if again, err := o.Clean(); err != nil || again != o {
			t.Fatalf("%+v becomes %+v, %v", o, again, err)
		}
	})
}
