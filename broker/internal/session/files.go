package session

import (
	"maps"
	"slices"
	"strings"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// parcel takes one message about files of a console, or a part of one, on the media's
// goroutine.
func (v *View) parcel(text bool, data []byte) {
	at := time.Now()
	v.session.later(func() { v.session.parcelFromConsole(v, text, data, at) })
}

// readParcel reads a message, or a part, as either side sends them.
func readParcel(text bool, data []byte) (m protocol.Transfer, c protocol.Chunk, err error) {
	if text {
		m, err = protocol.DecodeTransfer(data)
		return m, c, err
	}
	c, err = protocol.DecodeChunk(data)
	return protocol.Transfer{Epoch: c.Epoch, ID: c.ID}, c, err
}

// parcelFromConsole checks a message and does it: first the evidence, then the agent.
// What may not be is dropped.
func (s *session) parcelFromConsole(v *View, text bool, data []byte, at time.Time) {
	if _, watching := s.viewers[v]; !watching || !v.works() || s.row.State != protocol.StateActive {
		return
	}
	m, c, err := readParcel(text, data)
	x := s.exchangeOf(m.Epoch)
	if err != nil {
		for _, x := range s.exchanges() {
			s.misused(x.permission, protocol.CodeMalformed)
		}
		return
	}
	if x == nil || !s.tools.rights.Allows(x.permission) {
		return // of a yes that was taken back
	}
	cost := 1.0
	if len(c.Data) >= fullPart || m.Kind == protocol.TransferAck {
		cost = 0
	}
	switch {
	case !x.mayCome(cost, at):
		s.misused(x.permission, protocol.CodeThrottled)
	case text && !m.FromConsole(x.permission):
		s.misused(x.permission, protocol.CodeMalformed)
	case m.Kind == protocol.TransferAttach:
		s.attachFiles(x, v)
	case x.view != v:
		// another window of the technician's has the files
	case !text:
		s.partFromConsole(x, c, data)
	case m.Kind == protocol.TransferPut || m.Kind == protocol.TransferGet || m.Kind == protocol.TransferList:
		s.askFile(x, m)
	case x.live[m.ID] == nil:
		// it is over already
	case m.Kind == protocol.TransferEnd:
		s.wholeFile(x, x.live[m.ID], m, s.parcelToAgent)
	case m.Kind == protocol.TransferAck:
		if s.ackFile(x, x.live[m.ID], m) {
			s.parcelToAgent(m)
		}
	case m.Kind == protocol.TransferDone:
		s.doneFile(x, x.live[m.ID], m, s.parcelToAgent)
	case m.Kind == protocol.TransferCancel:
		s.endFile(x, x.live[m.ID], protocol.FileCancelled)
		s.parcelToAgent(m)
	}
}

// exchangeOf is the exchange of a consent that is given, nil if there is none.
func (s *session) exchangeOf(epoch uint32) *exchange {
	for _, x := range s.exchanges() {
		if s.consent(x.permission).Epoch == epoch {
			return x
		}
	}
	return nil
}

// exchanges lists those whose consent is given.
func (s *session) exchanges() (list []*exchange) {
	for _, p := range []protocol.Permission{protocol.SendFiles, protocol.FetchFiles} {
		if s.consent(p).State == protocol.ConsentGiven {
			list = append(list, s.tools.files.of(p))
		}
	}
	return list
}

// attachFiles has a console exchange files: what another one did, or the same one on
// another connection, is over.
func (s *session) attachFiles(x *exchange, v *View) {
	if x.view != v {
		s.dropFiles(x, protocol.FileAway, true)
		x.view = v
	}
	if x.opened.Kind != "" {
		s.parcelToConsole(x, x.opened)
	}
}

// dropFiles ends what is on its way; the agent is told to keep what is there. The
// console, if it is still the same, is told as well.
func (s *session) dropFiles(x *exchange, cause protocol.FileCause, tellAgent bool) {
	for _, id := range slices.Sorted(maps.Keys(x.live)) {
		s.endFile(x, x.live[id], cause)
		if tellAgent {
			s.parcelToAgent(protocol.Transfer{Kind: protocol.TransferCancel, Epoch: s.consent(x.permission).Epoch, ID: id, Keep: true})
		}
	}
}

// askFile begins a file, or a list: first on the evidence, then at the agent.
func (s *session) askFile(x *exchange, m protocol.Transfer) {
	f := &s.tools.files
	if m.ID <= x.last {
		return
	}
	x.last = m.ID
	limits := s.fileLimits(m.Epoch)
	list := m.Kind == protocol.TransferList
	cause := protocol.FileCause("")
	switch {
	case x.opened.Kind == "" || s.agent == nil:
		cause = protocol.FileAway
	case !s.isShown():
		cause = protocol.FileHidden
	case len(x.live) >= protocol.MaxTransfers || x.files < 1:
		cause = protocol.FileBusy
	case !limits.Folders && strings.Contains(m.Path, "/"), !limits.Folders && list && m.Path != "":
		cause = protocol.FileFolders
	case m.Size > limits.File:
		cause = protocol.FileSize
	case f.total+m.Size > limits.Total || f.count >= maxFiles && !list:
		cause = protocol.FileTotal
	}
	if cause != "" {
		s.parcelToConsole(x, protocol.Transfer{Kind: protocol.TransferFailed, Epoch: m.Epoch, ID: m.ID, Cause: cause})
		return
	}
	x.files--
	code, data := protocol.EventFileListed, map[string]any{"epoch": m.Epoch, "path": m.Path}
	t := &transfer{id: m.ID, path: m.Path, size: -1, may: m.At, list: list}
	if !list {
		f.count++
		code, data["file"], data["to"] = protocol.EventFileAsked, m.ID, x.to()
		if m.Kind == protocol.TransferPut {
			t.size, data["size"] = m.Size, m.Size
		}
	}
	if !s.noted(code, data) {
		return
	}
	x.live[m.ID] = t
	if !s.parcelToAgent(m) {
		s.endFile(x, t, protocol.FileAway)
	}
}

// fileLimits is what was told to the customer, and what the profile allows by now.
func (s *session) fileLimits(epoch uint32) protocol.FileLimits {
	now, told := s.tools.files.limits, s.tools.files.asked[epoch]
	return protocol.FileLimits{File: min(now.File, told.File), Total: min(now.Total, told.Total), Folders: now.Folders && told.Folders}
}

// noted puts something on the evidence and reports whether it is there.
func (s *session) noted(code protocol.EventCode, data any) bool {
	s.note(code, data)
	return !s.broken && !s.row.State.Over()
}

// notedFile is noted for what no customer needs to read: on the track of files.
func (s *session) notedFile(code protocol.EventCode, data any) bool {
	if s.broken || s.row.State.Over() {
		return false
	}
	s.must(s.evidence.append(recordings.TrackFiles, code, data))
	return !s.broken && !s.row.State.Over()
}

// partFromConsole passes a part of a file on to the agent.
func (s *session) partFromConsole(x *exchange, c protocol.Chunk, data []byte) {
	t := x.live[c.ID]
	switch {
	case x.permission != protocol.SendFiles:
		s.misused(x.permission, protocol.CodeMalformed)
	case t == nil:
		// it is over already
	case !t.passed(c):
		s.misused(x.permission, protocol.CodeMalformed)
	case !s.countFile(x, t, c):
		// no more of it
	case !s.tools.files.agent.SendParcel(false, data):
		s.endFile(x, t, protocol.FileAway)
	}
}

// partFromAgent passes a part of a file on to the console.
func (s *session) partFromAgent(x *exchange, c protocol.Chunk, data []byte) {
	t := x.live[c.ID]
	switch {
	case t == nil && c.ID <= x.last:
		// it is over already
	case t == nil || x.permission != protocol.FetchFiles || !t.passed(c):
		s.brokenTool(x.permission)
	case !s.countFile(x, t, c):
		// no more of it
	case x.view == nil || x.view.parcels == nil || !x.view.parcels.SendParcel(false, data):
		s.endFile(x, t, protocol.FileAway)
		s.parcelToAgent(protocol.Transfer{Kind: protocol.TransferCancel, Epoch: c.Epoch, ID: c.ID, Keep: true})
	}
}

// countFile counts a part that is to pass. It ends a file that is more than the profile
// allows by now.
func (s *session) countFile(x *exchange, t *transfer, c protocol.Chunk) bool {
	limits := s.fileLimits(c.Epoch)
	if s.tools.files.total += int64(len(c.Data)); s.tools.files.total <= limits.Total && t.size <= limits.File {
		return true
	}
	s.endFile(x, t, protocol.FileTotal)
	s.parcelToAgent(protocol.Transfer{Kind: protocol.TransferCancel, Epoch: c.Epoch, ID: c.ID})
	return false
}

// parcelFromAgent takes one message about files of the agent, or a part of one, on the
// session's goroutine.
func (s *session) parcelFromAgent(text bool, data []byte) {
	if s.row.State != protocol.StateActive {
		return
	}
	m, c, err := readParcel(text, data)
	if err != nil {
		for _, x := range s.exchanges() {
			s.brokenTool(x.permission)
		}
		return
	}
	x := s.exchangeOf(m.Epoch)
	if x == nil {
		return // it was said before the end was heard
	}
	t := x.live[m.ID]
	switch {
	case !text:
		s.partFromAgent(x, c, data)
	case !m.FromAgent(x.permission) || m.ID > x.last:
		s.brokenTool(x.permission)
	case m.Kind == protocol.TransferOpened:
		s.openedFiles(x, m)
	case t == nil:
		// it is over already
	case m.Kind == protocol.TransferFailed:
		s.endFile(x, t, m.Cause)
	case m.Kind == protocol.TransferListing:
		if !t.list || m.Path != t.path {
			s.brokenTool(x.permission)
			return
		}
		delete(x.live, t.id)
		s.parcelToConsole(x, m)
	case m.Kind == protocol.TransferReady:
		s.readyFile(x, t, m)
	case m.Kind == protocol.TransferEnd:
		s.wholeFile(x, t, m, func(m protocol.Transfer) bool { return s.parcelToConsole(x, m) })
	case m.Kind == protocol.TransferAck:
		if s.ackFile(x, t, m) {
			s.parcelToConsole(x, m)
		}
	case m.Kind == protocol.TransferDone:
		s.doneFile(x, t, m, func(m protocol.Transfer) bool { return s.parcelToConsole(x, m) })
	}
}

// openedFiles takes the agent's word which folder the customer chose: at first, and
// on each new connection, on which nothing is left of what was on its way on the last.
func (s *session) openedFiles(x *exchange, m protocol.Transfer) {
	first := x.opened.Kind == ""
	if !first && m.Path != x.opened.Path {
		s.brokenTool(x.permission) // the yes was for another one
		return
	}
	if first && !s.noted(protocol.EventFileFolder, map[string]any{"epoch": m.Epoch, "permission": x.permission, "folder": m.Path}) {
		return
	}
	s.dropFiles(x, protocol.FileAway, false)
	m.Size = s.fileLimits(m.Epoch).File
	x.opened = m
	s.parcelToConsole(x, m)
}

// readyFile takes the agent's word that a file can begin.
func (s *session) readyFile(x *exchange, t *transfer, m protocol.Transfer) {
	limits := s.fileLimits(m.Epoch)
	fits := !t.list && !t.begun
	if x.permission == protocol.SendFiles {
		fits = fits && m.Size == t.size
	} else {
		fits = fits && m.Path == t.path && (m.At == 0 || m.At == t.may)
	}
	if !fits {
		s.brokenTool(x.permission)
		return
	}
	if m.Size > limits.File || s.tools.files.total+m.Size-m.At > limits.Total {
		cause := protocol.FileTotal
		if m.Size > limits.File {
			cause = protocol.FileSize
		}
		s.endFile(x, t, cause)
		s.parcelToAgent(protocol.Transfer{Kind: protocol.TransferCancel, Epoch: m.Epoch, ID: m.ID})
		return
	}
	if !s.notedFile(protocol.EventFileBegun, map[string]any{"epoch": m.Epoch, "file": m.ID, "path": m.Path, "size": m.Size, "from": m.At}) {
		return
	}
	t.begun, t.path, t.size, t.from, t.at, t.acked = true, m.Path, m.Size, m.At, m.At, m.At
	s.parcelToConsole(x, m)
}

// wholeFile takes the sender's word that all of a file was sent: its hash is on the
// evidence before the file is put in its place.
func (s *session) wholeFile(x *exchange, t *transfer, m protocol.Transfer, pass func(protocol.Transfer) bool) {
	if !t.ended(m) {
		s.wrongFile(x)
		return
	}
	if s.notedFile(protocol.EventFileWhole, map[string]any{"epoch": m.Epoch, "file": m.ID, "size": m.Size, "sha256": m.Hash}) && !pass(m) {
		s.endFile(x, t, protocol.FileAway)
	}
}

// wrongFile ends the consent of whoever sends, and does not say what passed.
func (s *session) wrongFile(x *exchange) {
	if x.permission == protocol.SendFiles {
		s.misused(x.permission, protocol.CodeMalformed)
	} else {
		s.brokenTool(x.permission)
	}
}

// ackFile takes the receiver's word how much arrived.
func (s *session) ackFile(x *exchange, t *transfer, m protocol.Transfer) bool {
	if m.At > t.at {
		if x.permission == protocol.SendFiles {
			s.brokenTool(x.permission)
		} else {
			s.misused(x.permission, protocol.CodeMalformed)
		}
		return false
	}
	if m.At <= t.acked {
		return false
	}
	t.acked = m.At
	return true
}

// doneFile takes the receiver's word that a file is in its place.
func (s *session) doneFile(x *exchange, t *transfer, m protocol.Transfer, pass func(protocol.Transfer) bool) {
	if t.whole == "" || m.Hash != t.whole {
		if x.permission == protocol.SendFiles {
			s.brokenTool(x.permission)
		} else {
			s.misused(x.permission, protocol.CodeMalformed)
		}
		return
	}
	if m.Path != "" && x.permission == protocol.SendFiles {
		t.path = m.Path
	}
	delete(x.live, t.id)
	s.note(protocol.EventFileEnded, s.fileEnd(x, t, "done"))
	pass(m)
}

// endFile ends a file, or a list, that was not transferred, and tells the console.
func (s *session) endFile(x *exchange, t *transfer, cause protocol.FileCause) {
	delete(x.live, t.id)
	if !t.list {
		s.note(protocol.EventFileEnded, s.fileEnd(x, t, string(cause)))
	}
	s.parcelToConsole(x, protocol.Transfer{Kind: protocol.TransferFailed, Epoch: s.consent(x.permission).Epoch, ID: t.id, Cause: cause})
}

// fileEnd is what the evidence says of a file that is over.
func (s *session) fileEnd(x *exchange, t *transfer, result string) map[string]any {
	data := map[string]any{"epoch": s.consent(x.permission).Epoch, "file": t.id, "to": x.to(), "path": t.path, "bytes": t.moved, "result": result}
	if t.size >= 0 {
		data["size"] = t.size
	}
	if t.whole != "" {
		data["sha256"] = t.whole
	}
	return data
}

func (s *session) parcelToAgent(m protocol.Transfer) bool {
	data, err := m.Encode()
	return err == nil && s.tools.files.agent.SendParcel(true, data)
}

func (s *session) parcelToConsole(x *exchange, m protocol.Transfer) bool {
	if x.view == nil || x.view.parcels == nil {
		return false
	}
	data, err := m.Encode()
	return err == nil && x.view.parcels.SendParcel(true, data)
}

// filesEnd is what the evidence says when a consent, or the session, ends with files on
// their way.
func (s *session) filesEnd(x *exchange) (events []logged) {
	for _, id := range slices.Sorted(maps.Keys(x.live)) {
		if t := x.live[id]; !t.list {
			events = append(events, logged{protocol.EventFileEnded, s.fileEnd(x, t, string(protocol.FileWithdrawn))})
		}
	}
	clear(x.live)
	return events
}

// leftFiles is called when a console's picture is gone.
func (s *session) leftFiles(v *View) {
	for _, x := range []*exchange{&s.tools.files.send, &s.tools.files.fetch} {
		if x.view == v {
			s.dropFiles(x, protocol.FileAway, true)
			x.view = nil
		}
	}
}
