package session

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// clip takes one message about the clipboard of a console, or a part of what is on it,
// on the media's goroutine.
func (v *View) clip(text bool, data []byte) {
	at := time.Now()
	v.session.later(func() { v.session.clipFromConsole(v, text, data, at) })
}

// readClip reads a message, or a part, as either side sends them.
func readClip(text bool, data []byte) (m protocol.Clip, c protocol.Chunk, err error) {
	if text {
		m, err = protocol.DecodeClip(data)
		return m, c, err
	}
	c, err = protocol.DecodeChunk(data)
	return protocol.Clip{Epoch: c.Epoch, ID: c.ID}, c, err
}

// clipFromConsole checks a message and does it: first the evidence, then the agent.
// What may not be is dropped.
func (s *session) clipFromConsole(v *View, text bool, data []byte, at time.Time) {
	if _, watching := s.viewers[v]; !watching || !v.works() || s.row.State != protocol.StateActive {
		return
	}
	m, c, err := readClip(text, data)
	if err != nil {
		for _, w := range s.clipWays() {
			s.misused(w.permission, protocol.CodeMalformed)
		}
		return
	}
	w := s.clipWayOf(m.Epoch)
	if w == nil || !s.tools.rights.Allows(w.permission) {
		return // of a yes that was taken back
	}
	cost := 1.0
	if len(c.Data) >= fullPart || m.Kind == protocol.ClipAck {
		cost = 0
	}
	t := w.live
	switch {
	case !w.mayCome(cost, at):
		s.misused(w.permission, protocol.CodeThrottled)
	case text && !m.FromConsole(w.permission), !text && w.permission != protocol.SendClipboard:
		s.misused(w.permission, protocol.CodeMalformed)
	case m.Kind == protocol.ClipOffer || m.Kind == protocol.ClipGet:
		s.askClip(w, v, m)
	case t == nil || t.id != m.ID || w.view != v:
		// it is over already
	case !text:
		s.clipCame(w, t, c)
	case m.Kind == protocol.ClipAck:
		s.ackClip(w, t, m.At)
	case m.Kind == protocol.ClipDone:
		s.doneClip(w, t, m)
	case m.Kind == protocol.ClipCancel:
		s.dropClip(w, protocol.ClipCancelled)
	}
}

// clipFromAgent takes one message about the clipboard of the agent, or a part of what is
// on it, on the session's goroutine.
func (s *session) clipFromAgent(text bool, data []byte) {
	if s.row.State != protocol.StateActive {
		return
	}
	m, c, err := readClip(text, data)
	if err != nil {
		for _, w := range s.clipWays() {
			s.brokenTool(w.permission)
		}
		return
	}
	w := s.clipWayOf(m.Epoch)
	if w == nil {
		return // it was said before the end was heard
	}
	t := w.live
	switch {
	case text && !m.FromAgent(w.permission), !text && w.permission != protocol.FetchClipboard, m.ID > w.last:
		s.brokenTool(w.permission)
	case t == nil || t.id != m.ID:
		// it is over already
	case !text:
		s.clipCame(w, t, c)
	case m.Kind == protocol.ClipFailed:
		s.endClip(w, string(m.Cause))
	case m.Kind == protocol.ClipOffer:
		s.offeredClip(w, t, m)
	case m.Kind == protocol.ClipAck:
		s.ackClip(w, t, m.At)
	case m.Kind == protocol.ClipDone:
		s.doneClip(w, t, m)
	}
}

// clipWays lists those whose consent is given.
func (s *session) clipWays() (list []*clipWay) {
	for _, p := range []protocol.Permission{protocol.SendClipboard, protocol.FetchClipboard} {
		if s.consent(p).State == protocol.ConsentGiven {
			list = append(list, s.tools.clipboard.of(p))
		}
	}
	return list
}

// clipWayOf is the way of a consent that is given, nil if there is none.
func (s *session) clipWayOf(epoch uint32) *clipWay {
	for _, w := range s.clipWays() {
		if s.consent(w.permission).Epoch == epoch {
			return w
		}
	}
	return nil
}

// wrongClip ends the consent of the side that sends, or else of the one that receives.
func (s *session) wrongClip(w *clipWay, sender bool) {
	if sender == (w.permission == protocol.SendClipboard) {
		s.misused(w.permission, protocol.CodeMalformed)
	} else {
		s.brokenTool(w.permission)
	}
}

// askClip begins: on the evidence first, and at the agent if it is the one to send.
func (s *session) askClip(w *clipWay, v *View, m protocol.Clip) {
	if m.ID <= w.last {
		return
	}
	w.last = m.ID
	c := &s.tools.clipboard
	cause := protocol.ClipCause("")
	switch {
	case s.agent == nil:
		cause = protocol.ClipAway
	case !s.isShown():
		cause = protocol.ClipHidden
	case w.live != nil:
		cause = protocol.ClipBusy
	case c.count >= maxClips || c.bytes+m.Size > maxClipBytes:
		cause = protocol.ClipTotal
	}
	if cause != "" {
		s.clipToConsole(v, protocol.Clip{Kind: protocol.ClipFailed, Epoch: m.Epoch, ID: m.ID, Cause: cause})
		return
	}
	c.count++
	t := &clip{id: m.ID, heard: time.Now()}
	if m.Kind == protocol.ClipOffer {
		t.offered(m)
	}
	if !s.noted(protocol.EventClipAsked, t.said(w, m.Epoch)) {
		return
	}
	w.view, w.live = v, t
	if m.Kind == protocol.ClipGet && !s.clipToAgent(m) {
		s.endClip(w, string(protocol.ClipAway))
	}
}

// offeredClip takes the agent's word what is on the customer's clipboard.
func (s *session) offeredClip(w *clipWay, t *clip, m protocol.Clip) {
	if !t.offered(m) {
		s.brokenTool(w.permission)
		return
	}
	t.heard = time.Now()
	if s.tools.clipboard.bytes+m.Size > maxClipBytes {
		s.dropClip(w, protocol.ClipTotal)
		return
	}
	s.clipToConsole(w.view, protocol.Clip{Kind: protocol.ClipMoved, Epoch: m.Epoch, ID: t.id, Size: t.size})
}

// clipCame takes a part of the content from its sender.
func (s *session) clipCame(w *clipWay, t *clip, c protocol.Chunk) {
	if !t.came(c) {
		s.wrongClip(w, true)
		return
	}
	t.heard = time.Now()
	s.tools.clipboard.bytes += int64(len(c.Data))
	at := int64(len(t.data))
	if at < t.size && at-t.acked < protocol.ClipWindow/4 {
		return
	}
	t.acked = at
	ack := protocol.Clip{Kind: protocol.ClipAck, Epoch: c.Epoch, ID: t.id, At: at}
	if w.permission == protocol.SendClipboard {
		s.clipToConsole(w.view, ack)
	} else {
		s.clipToAgent(ack)
		s.clipToConsole(w.view, protocol.Clip{Kind: protocol.ClipMoved, Epoch: c.Epoch, ID: t.id, At: at, Size: t.size})
	}
	if at == t.size {
		s.wholeClip(w, t)
	}
}

// wholeClip has all of the content on the evidence, sealed, and only then passes it on.
func (s *session) wholeClip(w *clipWay, t *clip) {
	if sum := sha256.Sum256(t.data); hex.EncodeToString(sum[:]) != t.hash {
		s.wrongClip(w, true)
		return
	}
	var problem protocol.ClipCause
	if t.width, t.height, problem = protocol.ClipProblem(t.kind, t.data); problem == "" && !s.isShown() {
		problem = protocol.ClipHidden
	}
	if problem != "" {
		s.dropClip(w, problem)
		return
	}
	epoch := s.consent(w.permission).Epoch
	if err := s.keepClip(t, epoch); err != nil {
		s.must(err)
		return
	}
	if err := s.write(logged{protocol.EventClipWhole, t.said(w, epoch)}); err != nil {
		s.must(err)
		return
	}
	t.whole = true
	offer := protocol.Clip{Kind: protocol.ClipOffer, Epoch: epoch, ID: t.id, Type: t.kind, Size: t.size, Hash: t.hash}
	if w.permission == protocol.SendClipboard && !s.clipToAgent(offer) || w.permission == protocol.FetchClipboard && !s.clipToConsole(w.view, offer) {
		s.dropClip(w, protocol.ClipAway)
		return
	}
	s.passClip(w, t)
}

// keepClip writes the content, in parts, on its track.
func (s *session) keepClip(t *clip, epoch uint32) error {
	for at, part := 0, 0; at < len(t.data); part++ {
		some := t.data[at:min(at+clipRecord, len(t.data))]
		at += len(some)
		if err := s.evidence.append(recordings.TrackClipboard, protocol.EventClipContent,
			map[string]any{"epoch": epoch, "clip": t.id, "type": t.kind, "part": part, "last": at == len(t.data), "data": some}); err != nil {
			return err
		}
	}
	return nil
}

// passClip passes on what may be on its way.
func (s *session) passClip(w *clipWay, t *clip) {
	out := s.tools.clipboard.agent
	if w.permission == protocol.FetchClipboard {
		out = nil
		if w.view != nil {
			out = w.view.clips
		}
	}
	epoch := s.consent(w.permission).Epoch
	for c := t.next(epoch); c != nil; c = t.next(epoch) {
		data, err := c.Encode()
		if err != nil || out == nil || !out.SendParcel(false, data) {
			s.dropClip(w, protocol.ClipAway)
			return
		}
	}
}

// ackClip takes the receiver's word how much arrived.
func (s *session) ackClip(w *clipWay, t *clip, at int64) {
	if at > t.sent {
		s.wrongClip(w, false)
		return
	}
	if at <= t.got {
		return
	}
	t.got, t.heard = at, time.Now()
	if w.permission == protocol.SendClipboard {
		s.clipToConsole(w.view, protocol.Clip{Kind: protocol.ClipMoved, Epoch: s.consent(w.permission).Epoch, ID: t.id, At: at, Size: t.size})
	}
	s.passClip(w, t)
}

// doneClip takes the receiver's word that it has all of it, and from an agent that it is
// on the clipboard.
func (s *session) doneClip(w *clipWay, t *clip, m protocol.Clip) {
	if !t.whole || t.sent != t.size || m.Hash != t.hash {
		s.wrongClip(w, false)
		return
	}
	s.endClip(w, "done")
	if w.permission == protocol.SendClipboard {
		s.clipToConsole(w.view, m)
	}
}

// dropClip ends what is on its way, and tells the agent as well.
func (s *session) dropClip(w *clipWay, cause protocol.ClipCause) {
	if t := w.live; t != nil {
		s.endClip(w, string(cause))
		s.clipToAgent(protocol.Clip{Kind: protocol.ClipCancel, Epoch: s.consent(w.permission).Epoch, ID: t.id})
	}
}

// endClip ends what is on its way: done, or why it was not transferred, which the
// console is told.
func (s *session) endClip(w *clipWay, result string) {
	t, epoch := w.live, s.consent(w.permission).Epoch
	w.live = nil
	data := t.said(w, epoch)
	data["result"] = result
	s.note(protocol.EventClipEnded, data)
	if result != "done" {
		s.clipToConsole(w.view, protocol.Clip{Kind: protocol.ClipFailed, Epoch: epoch, ID: t.id, Cause: protocol.ClipCause(result)})
	}
}

// clipEnd is what the evidence says when a consent, or the session, ends with something
// on its way.
func (s *session) clipEnd(w *clipWay) []logged {
	t := w.live
	if t == nil {
		return nil
	}
	w.live = nil
	data := t.said(w, s.consent(w.permission).Epoch)
	data["result"] = protocol.ClipWithdrawn
	return []logged{{protocol.EventClipEnded, data}}
}

// awayClips ends what is on its way when the agent's connection is lost.
func (s *session) awayClips() {
	for _, w := range s.clipWays() {
		if w.live != nil {
			s.endClip(w, string(protocol.ClipAway))
		}
	}
}

// dropClips ends what is on its way, both ways.
func (s *session) dropClips(cause protocol.ClipCause) {
	for _, w := range s.clipWays() {
		s.dropClip(w, cause)
	}
}

// ageClips ends what nothing was heard of for long: a connection that was made anew
// does not go on with it.
func (s *session) ageClips(now time.Time) {
	for _, w := range s.clipWays() {
		if w.live != nil && now.Sub(w.live.heard) > clipPatience {
			s.dropClip(w, protocol.ClipAway)
		}
	}
}

// leftClipboard is called when a console's picture is gone.
func (s *session) leftClipboard(v *View) {
	for _, w := range []*clipWay{&s.tools.clipboard.send, &s.tools.clipboard.fetch} {
		if w.view == v {
			s.dropClip(w, protocol.ClipAway)
			w.view = nil
		}
	}
}

func (s *session) clipToAgent(m protocol.Clip) bool {
	data, err := m.Encode()
	return err == nil && s.tools.clipboard.agent.SendParcel(true, data)
}

func (s *session) clipToConsole(v *View, m protocol.Clip) bool {
	if v == nil || v.clips == nil {
		return false
	}
	data, err := m.Encode()
	return err == nil && v.clips.SendParcel(true, data)
}
