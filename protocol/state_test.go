package protocol_test

import (
	"errors"
	"slices"
	"testing"

	"consento/protocol"
)

// TestNext walks every pair of state and command, the invalid ones included,
// against the table written out by hand.
func TestNext(t *testing.T) {
	type pair struct {
		state   protocol.State
		command protocol.Command
	}
	allowed := map[pair]protocol.State{
		{"Issued", "redeem"}:     "Joined",
		{"Issued", "end"}:        "Ending",
		{"Joined", "agent_join"}: "Waiting",
		{"Joined", "end"}:        "Ending",
		{"Waiting", "activate"}:  "Active",
		{"Waiting", "end"}:       "Ending",
		{"Active", "end"}:        "Ending",
		{"Ending", "close"}:      "Closed",
	}
	states := append(protocol.States(), "", "active", "Unknown")
	commands := append(protocol.Commands(), "", "Redeem", "unknown")
	pairs := 0
	for _, s := range states {
		for _, c := range commands {
			pairs++
			want, ok := allowed[pair{s, c}]
			got, err := protocol.Next(s, c)
			if got != want || (err == nil) != ok || (err != nil && !errors.Is(err, protocol.ErrTransition)) {
				t.Errorf("%q in %q: %q, %v; want %q", c, s, got, err, want)
			}
		}
	}
	if pairs != 9*8 {
		t.Errorf("walked %d pairs", pairs)
	}
}

// TestTheOnlyWayIsForward proves that no chain of commands comes back.
func TestTheOnlyWayIsForward(t *testing.T) {
	order := protocol.States()
	for _, s := range order {
		for _, c := range protocol.Commands() {
			if next, err := protocol.Next(s, c); err == nil && slices.Index(order, next) <= slices.Index(order, s) {
				t.Errorf("%s leads from %s back to %s", c, s, next)
			}
		}
		if over := s == protocol.StateEnding || s == protocol.StateClosed; s.Over() != over {
			t.Errorf("%s.Over() is %t", s, s.Over())
		}
	}
}

func TestEndReasonsAreClosed(t *testing.T) {
	byAgent := map[protocol.EndReason]bool{"customer": true, "name_not_confirmed": true, "reported": true, "terms_declined": true, "consent_refused": true,
		"consent_withdrawn": true, "capture_failed": true, "network_lost": true, "limit": true, "evidence_failed": true,
		// What only the broker can know:
		"technician": false, "key_expired": false, "rights_revoked": false, "agent_lost": false, "shutdown": false}
	if len(protocol.EndReasons()) != len(byAgent) {
		t.Errorf("%d reasons, %d in this test", len(protocol.EndReasons()), len(byAgent))
	}
	for _, r := range protocol.EndReasons() {
		want, known := byAgent[r]
		if !known || !r.Valid() || r.ByAgent() != want {
			t.Errorf("%s: known %t, valid %t, by agent %t", r, known, r.Valid(), r.ByAgent())
		}
	}
	for _, r := range []protocol.EndReason{"", "Customer", "other", "customer "} {
		if r.Valid() || r.ByAgent() {
			t.Errorf("%q is valid", r)
		}
	}
}

func TestPermissionsAreClosed(t *testing.T) {
	for _, p := range protocol.Permissions() {
		if got, err := protocol.ParsePermission(string(p)); err != nil || got != p {
			t.Errorf("%s: %s, %v", p, got, err)
		}
	}
	for _, s := range []string{"", "View_screen", "view_screen ", "root", "\xff"} {
		if got, err := protocol.ParsePermission(s); !errors.Is(err, protocol.ErrMalformed) || got != "" {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	}
	if (protocol.PermissionSet)(nil).Allows(protocol.ViewScreen) || (protocol.PermissionSet{protocol.Shell: false}).Allows(protocol.Shell) {
		t.Error("an absent permission is allowed")
	}
	profiles := protocol.BuiltInProfiles()
	if len(profiles) != 2 || profiles[0].Name != protocol.ProfileViewOnly {
		t.Fatalf("profiles: %+v", profiles)
	}
	for _, p := range protocol.Permissions() {
		if profiles[0].Permissions.Allows(p) != (p == protocol.ViewScreen || p == protocol.MayDraw || p == protocol.MayKeep || p == protocol.MayChat) || !profiles[1].Permissions.Allows(p) {
			t.Errorf("%s in the built-in profiles", p)
		}
	}
	profiles[0].Permissions[protocol.Shell] = true
	if protocol.BuiltInProfiles()[0].Permissions.Allows(protocol.Shell) {
		t.Error("a caller can change the built-in profiles")
	}
}

func TestListsHaveNoDoubles(t *testing.T) {
	unique(t, protocol.States())
	unique(t, protocol.Commands())
	unique(t, protocol.EndReasons())
	unique(t, protocol.Permissions())
	unique(t, protocol.EventCodes())
	var types []string
	for _, m := range protocol.Messages() {
		types = append(types, m.MessageType())
	}
	unique(t, types)
}

func unique[T ~string](t *testing.T, list []T) {
	t.Helper()
	seen := map[T]bool{}
	for _, x := range list {
		if x == "" || seen[x] {
			t.Errorf("%T %q stands twice or is empty", x, x)
		}
		seen[x] = true
	}
}
