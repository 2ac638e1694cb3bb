package verdict

import (
	"strings"

	"consento/recordings"
	"consento/recordings/translog"
)

// Excerpt says whether some records of a segment stand in the recording that the
// log holds; why is why not, in English, and empty when they do.
func Excerpt(e recordings.Excerpt, proof *translog.Proof, keys translog.Keys) (state State, why string) {
	if proof == nil {
		return Unverifiable, "nothing outside it was there to compare its head with; give a proof (--proof)"
	}
	a := newAnchor(*proof, keys)
	p := a.segments[e.Open.Segment]
	switch {
	case a.wrong != nil:
		return Tampered, a.wrong.Error()
	case translog.ID(e.Open.Session) != a.sid:
		return Tampered, "the proof is about another session"
	case p == nil || p.opened == nil:
		return Unverifiable, "the proof holds nothing about this segment"
	case p.opened.Key != translog.Hash(e.Open.Key) || p.opened.Commit != translog.Hash(e.Open.Commit):
		return Tampered, "the log has another opening of this segment: it was recorded anew"
	}
	found := false
	for _, h := range p.known {
		if h.N == e.Head.N && h.Root != e.Head.Root {
			return Tampered, "the log holds another head of this length"
		}
		found = found || h.Same(e.Head)
	}
	switch {
	case !found:
		return Unverifiable, "the log holds no head of this length; take the excerpt of the closed recording"
	case len(a.report.Missing) > 0:
		return Unverifiable, strings.Join(a.report.Missing, "; ")
	}
	return Intact, ""
}
