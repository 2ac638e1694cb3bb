package web

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"consento/broker/internal/session"
	"consento/broker/internal/web/page"
	"consento/protocol"
	"consento/protocol/lang"
)

// tell puts an entry of the log into the customer's words. A code that has none
// is shown as it is: nothing is left out.
func tell(texts lang.Texts, e session.LogEntry) string {
	var d entryData
	if e.Data != nil && json.Unmarshal(e.Data, &d) != nil {
		d = entryData{}
	}
	say := func(key string, pairs ...string) string { return texts.T("log.e."+key, pairs...) }
	switch e.Code {
	case protocol.EventIssued:
		issued := say(string(e.Code), "name", page.Isolate(d.Technician.Name), "team", page.Isolate(d.Technician.Team), "office", page.Isolate(d.Technician.Office))
		if d.Test {
			issued = say("issued_test", "issued", issued)
		}
		if d.Reason != "" {
			return say("issued_why", "issued", issued, "reason", page.Isolate(d.Reason))
		}
		return issued
	case protocol.EventRedeemed:
		by := "portal"
		if d.By == "agent" {
			by = d.By
		}
		return say(string(e.Code), "where", texts.T("log.by."+by))
	case protocol.EventReason:
		if d.Text == "" {
			return say("reason.gone")
		}
		return say(string(e.Code), "text", page.Isolate(d.Text))
	case protocol.EventConsentAsked, protocol.EventConsentGiven, protocol.EventConsentRefused, protocol.EventConsentWithdrawn:
		what := page.Isolate(d.Permission)
		if p, err := protocol.ParsePermission(d.Permission); err == nil {
			what = texts.T("log.permission." + string(p))
		}
		return say(string(e.Code), "permission", what)
	case protocol.EventControlUsed:
		return say(string(e.Code), "clicks", strconv.Itoa(d.Clicks), "wheel", strconv.Itoa(d.Wheel), "keys", strconv.Itoa(d.Keys), "characters", strconv.Itoa(d.Characters))
	case protocol.EventControlState:
		for _, b := range protocol.Blocks() {
			if string(b) == d.Block {
				return say("control.blocked", "why", texts.T("log.block."+d.Block))
			}
		}
		if d.Block != "" {
			return say("control.blocked", "why", page.Isolate(d.Block))
		}
	case protocol.EventShellStarted:
		if d.Script != "" {
			return say("shell.script", "script", page.Isolate(d.Script))
		}
	case protocol.EventShellOwn:
		return say(string(e.Code), "script", page.Isolate(d.Name), "version", page.Isolate(d.Version), "hash", page.Isolate(d.SHA256))
	case protocol.EventShellUsed:
		return say(string(e.Code), "lines", strconv.Itoa(d.Lines), "characters", strconv.Itoa(d.Characters), "output", strconv.Itoa(d.Output))
	case protocol.EventShellEnded:
		if d.Stopped {
			return say("shell.stopped")
		}
	case protocol.EventSSHStarted:
		return say(string(e.Code), "device", page.Isolate(d.Device.Address()), "user", page.Isolate(d.Device.User))
	case protocol.EventSSHKey:
		if d.Before != "" {
			return say("ssh.key_changed", "algorithm", page.Isolate(d.Algorithm), "key", page.Isolate(d.Key), "before", page.Isolate(d.Before))
		}
		return say(string(e.Code), "algorithm", page.Isolate(d.Algorithm), "key", page.Isolate(d.Key))
	case protocol.EventSSHTrusted:
		if d.Words != "" {
			return say("ssh.trusted_words", "words", page.Isolate(d.Words))
		}
	case protocol.EventSSHRefused:
		return say(string(e.Code), "tries", strconv.Itoa(d.Tries))
	case protocol.EventSSHOpened:
		if d.Old {
			return say("ssh.opened_old", "algorithms", page.Isolate(d.Algorithms))
		}
	case protocol.EventSSHEnded:
		switch {
		case d.Stopped:
			return say("ssh.stopped")
		case d.Cause != "" && d.Code < 0:
			return say("ssh.failed")
		}
	case protocol.EventSystemRequested:
		return say(string(e.Code), "sections", sectionList(texts, d.Sections))
	case protocol.EventSystemRead:
		if len(d.Unread) > 0 {
			return say("system.read_partly", "sections", sectionList(texts, d.Sections), "unread", sectionList(texts, d.Unread))
		}
		return say(string(e.Code), "sections", sectionList(texts, d.Sections))
	case protocol.EventSystemFollowed:
		if !d.On {
			return say("system.unfollowed")
		}
	case protocol.EventChat:
		words := page.Isolate(strings.ReplaceAll(d.Text, "\n", " "))
		if d.Side == string(protocol.ChatCustomer) {
			return say("chat.customer", "text", words)
		}
		return say(string(e.Code), "name", page.Isolate(d.From), "text", words)
	case protocol.EventFileFolder:
		return say(string(e.Code), "folder", page.Isolate(d.Folder))
	case protocol.EventFileListed:
		if d.Path == "" {
			return say("file.listed_top")
		}
		return say(string(e.Code), "path", page.Isolate(d.Path))
	case protocol.EventFileAsked:
		if d.To == "technician" {
			return say("file.asked_from", "path", page.Isolate(d.Path))
		}
		return say(string(e.Code), "path", page.Isolate(d.Path), "size", strconv.FormatInt(d.Size, 10))
	case protocol.EventFileEnded:
		return toldFile(texts, d)
	case protocol.EventClipAsked:
		if d.To == "technician" {
			return say("clipboard.asked_from")
		}
		return say(string(e.Code), "what", clipThing(texts, d), "size", strconv.FormatInt(d.Size, 10))
	case protocol.EventClipEnded:
		return toldClip(texts, d)
	case protocol.EventStillAsked:
		if d.Caption == "" {
			return say("still.asked_plain")
		}
		return say(string(e.Code), "caption", page.Isolate(d.Caption))
	case protocol.EventStillTaken:
		return say(string(e.Code), "width", strconv.Itoa(d.Width), "height", strconv.Itoa(d.Height), "size", strconv.FormatInt(d.Size, 10), "sha256", page.Isolate(d.SHA256))
	case protocol.EventStillOnTicket:
		return say(string(e.Code), "ticket", page.Isolate(d.Ticket))
	case protocol.EventStillFailed:
		why := page.Isolate(d.Problem)
		for _, p := range protocol.StillProblems() {
			if string(p) == d.Problem {
				why = texts.T("log.still." + d.Problem)
			}
		}
		return say(string(e.Code), "why", why)
	case protocol.EventDrawnUsed:
		return say(string(e.Code), "lines", strconv.Itoa(d.Lines), "boxes", strconv.Itoa(d.Boxes), "points", strconv.Itoa(d.Points))
	case protocol.EventRestartPrepared, protocol.EventRestartBegan:
		return say(string(e.Code), "seconds", texts.Count("seconds", d.Seconds))
	case protocol.EventRestartReturned:
		return say(string(e.Code), "seconds", texts.Count("seconds", seconds(d.AwayMS)))
	case protocol.EventScreenCovered:
		return say(string(e.Code), "programs", strconv.Itoa(d.Programs), "fields", strconv.Itoa(d.Fields))
	case protocol.EventScreenShown:
		return say(string(e.Code), "what", shownThing(texts, d))
	case protocol.EventAgentReturned:
		return say(string(e.Code), "seconds", texts.Count("seconds", seconds(d.AwayMS)))
	case protocol.EventAgentSlept:
		return say(string(e.Code), "seconds", texts.Count("seconds", seconds(d.SleptMS)))
	case protocol.EventClockJumped:
		return say(string(e.Code), "seconds", texts.Count("seconds", seconds(max(d.ByMS, -d.ByMS))))
	case protocol.EventTransportChanged:
		if d.Connected {
			return say("transport.made")
		}
	case protocol.EventGuestAsked, protocol.EventGuestAllowed, protocol.EventGuestRefused, protocol.EventGuestLeft:
		way, cause := page.Isolate(d.Way), page.Isolate(d.Cause)
		if slices.Contains(protocol.GuestWays(), protocol.GuestWay(d.Way)) {
			way = texts.T("log.guest.way." + d.Way)
		}
		if slices.Contains(protocol.GuestCauses(), protocol.GuestCause(d.Cause)) {
			cause = texts.T("log.guest.cause."+d.Cause, "lead", page.Isolate(d.Lead))
		}
		return say(string(e.Code), "name", page.Isolate(d.Name), "team", page.Isolate(d.Team), "way", way, "cause", cause)
	case protocol.EventOffered:
		name := d.Name
		if name == "" {
			name = d.Team
		}
		return say(string(e.Code), "by", page.Isolate(d.By), "name", page.Isolate(name))
	case protocol.EventOfferEnded:
		cause := page.Isolate(d.Cause)
		if slices.Contains(protocol.OfferCauses(), protocol.OfferCause(d.Cause)) {
			cause = texts.T("log.offer." + d.Cause)
		}
		return say(string(e.Code), "cause", cause)
	case protocol.EventHandedOver:
		return say(string(e.Code), "name", page.Isolate(d.Technician.Name), "team", page.Isolate(d.Technician.Team), "before", page.Isolate(d.Before))
	case protocol.EventStateChanged:
		for _, s := range protocol.States() {
			if string(s) == d.To {
				return say(string(e.Code), "state", texts.T("log.state."+d.To))
			}
		}
		return say(string(e.Code), "state", page.Isolate(d.To))
	case protocol.EventEnded:
		why := ""
		if r := protocol.EndReason(d.Reason); r.Valid() {
			why = texts.T("end." + d.Reason)
		}
		return strings.TrimSpace(say(string(e.Code), "why", why))
	case protocol.EventRemoved:
		if !d.Complete {
			left := make([]string, len(d.Left))
			for i, l := range d.Left {
				left[i] = page.Isolate(l)
			}
			return say("removed_partly", "left", strings.Join(left, ", "))
		}
	case protocol.EventRated:
		rated := say(string(e.Code), "stars", strconv.Itoa(d.Stars))
		if d.Words != "" {
			return say("rated_words", "rated", rated, "words", page.Isolate(strings.ReplaceAll(d.Words, "\n", " ")))
		}
		return rated
	}
	if !texts.Has("log.e." + string(e.Code)) {
		return say("unknown", "code", page.Isolate(string(e.Code)))
	}
	return say(string(e.Code), "name", page.Isolate(d.Name), "team", page.Isolate(d.Team), "by", page.Isolate(d.By),
		"version", page.Isolate(string(d.Version)), "software", page.Isolate(d.Software), "system", page.Isolate(d.System), "sha256", page.Isolate(d.SHA256))
}

// seconds are those that have begun.
func seconds(ms int64) int { return int((max(0, ms) + 999) / 1000) }

// entryData is what tell needs of any event.
type entryData struct {
	Technician protocol.Person `json:"technician"`
	Reason     string          `json:"reason"`
	Test       bool            `json:"test"`
	Text       string          `json:"text"`
	By         string          `json:"by"`
	Side       string          `json:"side"`
	From       string          `json:"from"`
	Permission string          `json:"permission"`
	Source     string          `json:"source"`
	Name       string          `json:"name"`
	Width      int             `json:"width"`
	Height     int             `json:"height"`
	Team       string          `json:"team"`
	Way        string          `json:"way"`
	Version    string          `json:"version"`
	Software   string          `json:"software"`
	System     string          `json:"system"`
	SHA256     string          `json:"sha256"`
	AwayMS     int64           `json:"away_ms"`
	Seconds    int             `json:"seconds"`
	SleptMS    int64           `json:"slept_ms"`
	ByMS       int64           `json:"by_ms"`
	Connected  bool            `json:"connected"`
	To         string          `json:"to"`
	Complete   bool            `json:"complete"`
	Left       []string        `json:"left"`
	Stars      int             `json:"stars"`
	Words      string          `json:"words"`
	Clicks     int             `json:"clicks"`
	Wheel      int             `json:"wheel"`
	Keys       int             `json:"keys"`
	Characters int             `json:"characters"`
	Block      string          `json:"block"`
	Lines      int             `json:"lines"`
	Output     int             `json:"output"`
	Boxes      int             `json:"boxes"`
	Caption    string          `json:"caption"`
	Ticket     string          `json:"ticket"`
	Problem    string          `json:"problem"`
	Programs   int             `json:"programs"`
	Fields     int             `json:"fields"`
	Points     int             `json:"points"`
	Stopped    bool            `json:"stopped"`
	Script     string          `json:"script"`
	Sections   []string        `json:"sections"`
	Unread     []string        `json:"unread"`
	On         bool            `json:"on"`
	Folder     string          `json:"folder"`
	Device     protocol.Device `json:"device"`
	Algorithm  string          `json:"algorithm"`
	Algorithms string          `json:"algorithms"`
	Key        string          `json:"key"`
	Before     string          `json:"before"`
	Tries      int             `json:"tries"`
	Old        bool            `json:"old"`
	Cause      string          `json:"cause"`
	Lead       string          `json:"lead"`
	Code       int             `json:"code"`
	Path       string          `json:"path"`
	Size       int64           `json:"size"`
	Result     string          `json:"result"`
	Type       string          `json:"type"`
}

// sectionList names sections of system information.
func sectionList(texts lang.Texts, sections []string) string {
	words := make([]string, len(sections))
	for i, s := range sections {
		words[i] = page.Isolate(s)
		if protocol.Section(s).Columns() != nil {
			words[i] = texts.T("log.section." + s)
		}
	}
	if len(words) == 0 {
		return texts.T("log.section.none")
	}
	return strings.Join(words, ", ")
}

// toldFile says how a file ended.
func toldFile(texts lang.Texts, d entryData) string {
	if d.Result != "done" {
		why := page.Isolate(d.Result)
		for _, c := range protocol.FileCauses() {
			if string(c) == d.Result {
				why = texts.T("log.file." + d.Result)
			}
		}
		return texts.T("log.e.file.ended_not", "path", page.Isolate(d.Path), "why", why)
	}
	key := "log.e.file.ended"
	if d.To == "technician" {
		key += "_from"
	}
	return texts.T(key, "path", page.Isolate(d.Path), "size", strconv.FormatInt(d.Size, 10), "sha256", page.Isolate(d.SHA256))
}

// clipThing says what was on a clipboard.
func clipThing(texts lang.Texts, d entryData) string {
	for _, t := range protocol.ClipTypes() {
		if string(t) == d.Type {
			return texts.T("log.clip_of." + d.Type)
		}
	}
	return page.Isolate(d.Type)
}

// toldClip says how what was on a clipboard ended.
func toldClip(texts lang.Texts, d entryData) string {
	if d.Result != "done" {
		why := page.Isolate(d.Result)
		for _, c := range protocol.ClipCauses() {
			if string(c) == d.Result {
				why = texts.T("log.clip." + d.Result)
			}
		}
		return texts.T("log.e.clipboard.ended_not", "why", why)
	}
	key := "log.e.clipboard.ended"
	if d.To == "technician" {
		key += "_from"
	}
	return texts.T(key, "what", clipThing(texts, d), "size", strconv.FormatInt(d.Size, 10), "sha256", page.Isolate(d.SHA256))
}

// shownThing says what was shown: its kind, its name, its size.
func shownThing(texts lang.Texts, d entryData) string {
	source := string(protocol.SourceUnknown)
	for _, s := range protocol.Sources() {
		if string(s) == d.Source {
			source = d.Source
		}
	}
	what := texts.T("log.source." + source)
	if d.Name != "" {
		what += " " + page.Isolate(d.Name)
	}
	if d.Width > 0 && d.Height > 0 {
		what += " (" + strconv.Itoa(d.Width) + " × " + strconv.Itoa(d.Height) + ")"
	}
	return what
}
