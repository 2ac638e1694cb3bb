package sfu

import "strings"

// Wish is how the picture should be coded, so that everybody who watches can
// decode it.
type Wish struct {
	Codec Codec
	Crisp bool // exact at rest: AV1 in high profile
}

// able is what a viewer decodes.
type able struct{ av1, exact, vp9 bool }

// exactFormat is AV1 in high profile, which has 4:4:4; whoever decodes that
// decodes main profile as well (AV1 specification, annex A.2). A viewer that
// takes it gets all AV1 as that, so that its decoder stays the same.
const (
	exactFormat      = "level-idx=13;profile=1;tier=0"
	exactPayloadType = 97
)

// isExact reports whether a format is AV1's high profile.
func isExact(format string) bool {
	for parameter := range strings.SplitSeq(format, ";") {
		if strings.TrimSpace(parameter) == "profile=1" {
			return true
		}
	}
	return false
}

// ableBy reads what was negotiated.
func ableBy(answer string) able {
	a := able{av1: AV1.in(answer), vp9: VP9.in(answer)}
	for line := range strings.Lines(answer) {
		if _, format, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(line, "a=fmtp:") {
			a.exact = a.exact || a.av1 && isExact(format)
		}
	}
	return a
}

// SetCrisp says whether a picture that is exact at rest is wanted.
func (r *Room) SetCrisp(on bool) {
	r.mu.Lock()
	r.crisp = on
	r.mu.Unlock()
	r.rethink()
}

// Wish returns what suits everybody who watches now.
func (r *Room) Wish() Wish {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.suits()
}

// suits is Wish under the room's lock.
func (r *Room) suits() Wish {
	w := Wish{AV1, r.crisp}
	for v := range r.viewers {
		if !v.able.av1 {
			w.Codec = VP9
		}
		w.Crisp = w.Crisp && v.able.exact
	}
	return w
}

// rethink tells the owner when another wish suits those who watch.
func (r *Room) rethink() {
	r.mu.Lock()
	now := r.suits()
	changed := now != r.wish && !r.stopped.Load()
	r.wish = now
	r.mu.Unlock()
	if changed {
		r.taps.Wish()
	}
}
