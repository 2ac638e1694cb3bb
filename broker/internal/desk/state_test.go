package desk

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"consento/broker/internal/ops/opstest"
)

// TestNext walks every pair of state and step, and holds the database's table against
// the function.
func TestNext(t *testing.T) {
	db := opstest.Database(t, t.TempDir())
	defer db.Close()
	var stored []struct{ FromState, Step, ToState string }
	if err := db.NewSelect().Table("ticket_steps").Column("from_state", "step", "to_state").Scan(t.Context(), &stored); err != nil {
		t.Fatal(err)
	}
	var theirs, ours []string
	for _, s := range stored {
		theirs = append(theirs, fmt.Sprint(s))
	}
	for _, s := range append(States(), "", "invented") {
		for _, step := range append(Steps(), "", "invented") {
			next, err := Next(s, step)
			if err == nil {
				ours = append(ours, fmt.Sprint(struct{ FromState, Step, ToState string }{string(s), string(step), string(next)}))
			} else if next != "" || !errors.Is(err, ErrStep) {
				t.Errorf("%s in %s: %q, %v", step, s, next, err)
			}
		}
	}
	slices.Sort(theirs)
	slices.Sort(ours)
	if !slices.Equal(theirs, ours) {
		t.Errorf("database\n%s\nfunction\n%s", theirs, ours)
	}
	// From each state there is a way to the end, and back from it.
	for _, s := range States() {
		at := s
		for _, step := range Steps() {
			if next, err := Next(at, step); err == nil && step != StepReopen {
				at = next
			}
		}
		if at != Closed {
			t.Errorf("from %s one comes to %s", s, at)
		}
	}
	if s, err := Next(Closed, StepReopen); err != nil || !s.Open() {
		t.Error(s, err)
	}
}
