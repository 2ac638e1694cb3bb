package sysinfo

import (
	"slices"
	"strings"
	"testing"
	"time"

	"consento/protocol"
)

// rows says a table in short.
func rows(t Table) (said []string) {
	for _, r := range t.Rows {
		said = append(said, strings.Join(r.Cells, "|"))
	}
	return said
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q instead of %q", what, got, want)
	}
}

const status = `Package: adduser
Status: install ok installed
Architecture: all
Version: 3.134
Description: add and remove users
 Package: nothing, a line of a description

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u10`

func TestSoftware(t *testing.T) {
	t.Parallel()
	var table Table
	if err := dpkg(t.Context(), strings.NewReader(status), &table); err != nil {
		t.Fatal(err)
	}
	same(t, "dpkg", rows(table), "adduser|3.134|all|dpkg", "libc6|2.36-9+deb12u10|amd64|dpkg")
	table = Table{}
	if err := rpm(t.Context(), strings.NewReader("bash\t5.2.26-3.fc40\tx86_64\ngpg-pubkey\t1-2\t(none)\nbroken\n"), &table); err != nil {
		t.Fatal(err)
	}
	same(t, "rpm", rows(table), "bash|5.2.26-3.fc40|x86_64|rpm")
}

func TestServices(t *testing.T) {
	t.Parallel()
	start := map[string]string{}
	if err := unitFiles(t.Context(), strings.NewReader("ssh.service enabled enabled\nx.service  disabled  enabled\n\n"), start); err != nil {
		t.Fatal(err)
	}
	var table Table
	if err := units(t.Context(), strings.NewReader(`ssh.service       loaded    active   running OpenBSD Secure Shell server
● cups.service    loaded    failed   failed  CUPS Scheduler
absent.service    not-found inactive dead    absent.service
session.slice     loaded    active   active  Session
x.service         loaded    inactive dead    Rather × odd
`), start, &table); err != nil {
		t.Fatal(err)
	}
	same(t, "units", rows(table), "ssh|running|enabled|OpenBSD Secure Shell server", "cups|failed||CUPS Scheduler", "x|dead|disabled|Rather × odd")
}

func TestEvents(t *testing.T) {
	t.Parallel()
	var table Table
	if err := journal(t.Context(), strings.NewReader(`{"__REALTIME_TIMESTAMP":"1700000000000001","PRIORITY":"3","SYSLOG_IDENTIFIER":"kernel","MESSAGE":"disk\nfull"}
{"__REALTIME_TIMESTAMP":"1700000000000000","PRIORITY":"99","_COMM":"sh","MESSAGE":[104,105,255]}
not JSON
{"__REALTIME_TIMESTAMP":"x"}
{"__REALTIME_TIMESTAMP":"1","MESSAGE":null}
`), &table); err != nil {
		t.Fatal(err)
	}
	same(t, "journal", rows(table), "1700000000|error|kernel|disk full", "1700000000||sh|hi\ufffd", "|||")
	fit(t, protocol.SectionEvents, table)

	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	table = Table{}
	if err := syslog(t.Context(), `2026-01-01T10:00:00.5+01:00 host kernel: [1.0] up
Dec 31 23:59:59 host CRON[12]: (root) CMD (true)
Jan  2 11:00:00 host odd line
no time at all
`, now, &table); err != nil {
		t.Fatal(err)
	}
	same(t, "syslog", rows(table), "|||time at all", "1767351600|||odd line", "1767225599||CRON|(root) CMD (true)", "1767258000||kernel|[1.0] up")
	fit(t, protocol.SectionEvents, table)
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	got := gateways("Iface\tDestination\tGateway\tFlags\neth0\t00000000\t0102A8C0\t0003\neth0\t0002A8C0\t00000000\t0001\nwlan0\t00000000\tzz\t0003\n")
	if len(got) != 1 || got[0] != (gateway{"eth0", "192.168.2.1"}) {
		t.Errorf("gateways %v", got)
	}
	same(t, "name servers", nameServers("# nameserver 1.1.1.1\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver evil\nsearch x\n"), "192.0.2.1", "fe80::1%eth0")
}

// FuzzLists: whatever the system's lists hold, what is made of them can be sent.
func FuzzLists(f *testing.F) {
	f.Add(status)
	f.Add("bash\t5\tx86_64\n")
	f.Add("● a.service loaded failed failed \xff\n")
	f.Add(`{"__REALTIME_TIMESTAMP":"9223372036854775807","PRIORITY":"3","SYSLOG_IDENTIFIER":"\u202e","MESSAGE":[1,-2,300]}`)
	f.Add("Jan  2 11:00:00 h a: b\n2026-01-01T10:00:00Z h c[1]: d")
	f.Add("eth0\t00000000\t0102A8C0\t0003\nnameserver ::1\nNAME=\"x\"")
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		for section, read := range map[protocol.Section][]func(*Table) error{
			protocol.SectionSoftware: {
				func(table *Table) error { return dpkg(t.Context(), strings.NewReader(text), table) },
				func(table *Table) error { return rpm(t.Context(), strings.NewReader(text), table) },
			},
			protocol.SectionServices: {func(table *Table) error {
				start := map[string]string{}
				if err := unitFiles(t.Context(), strings.NewReader(text), start); err != nil {
					return err
				}
				return units(t.Context(), strings.NewReader(text), start, table)
			}},
			protocol.SectionEvents: {
				func(table *Table) error { return journal(t.Context(), strings.NewReader(text), table) },
				func(table *Table) error { return syslog(t.Context(), text, now, table) },
			},
			protocol.SectionNetwork: {func(table *Table) error {
				for _, g := range gateways(text) {
					table.add("gateway/"+g.device, "gateway", g.device, g.address, "", "", "", "")
				}
				for _, s := range nameServers(text) {
					table.add("dns/"+s, "dns", "", s, "", "", "", "")
				}
				return nil
			}},
			protocol.SectionSystem: {func(table *Table) error {
				for _, value := range assignments(text) {
					table.item("name", value)
				}
				return nil
			}},
		} {
			for _, r := range read {
				var table Table
				_ = r(&table) // a list may be broken; what was read before counts
				fit(t, section, table)
			}
		}
	})
}
