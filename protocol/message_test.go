package protocol_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"consento/protocol"
)

var person = protocol.Person{Name: "Ødegård Κώστας 山田", Team: "Servizi", Office: "Città & Comune <1>", Phone: "+39 02 1234"}

func yes() *bool { b := true; return &b }

// digest is 32 bytes as they travel.
var digest = strings.Repeat("A", 43)

var aSharing = protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceApplication, Width: 1280, Height: 800, Name: "テキスト エディター", Covered: 2, Fields: 1}

var aHandover = protocol.HandedOver{Epoch: 3, Technician: person, Former: protocol.Guest{Epoch: 4, Name: "Anna Rossi", Team: "Help desk", Way: protocol.WayFormer, State: protocol.ConsentGiven}}

var aVendor = protocol.Guest{Epoch: 3, Name: "Max Muster", Team: "Printers Inc.", Way: protocol.WayVendor, By: "Anna Rossi", State: protocol.ConsentAsked}

var aGuest = protocol.Guest{Epoch: 3, Name: "Luca Verdi", Team: "Network", Way: protocol.WayJoin, State: protocol.ConsentAsked}

var aSession = protocol.Session{ID: strings.Repeat("a", 32), State: protocol.StateActive, Technician: person, Mine: true,
	IssuedAt: at(1), KeyExpires: at(2), ActiveAt: at(3), EndedAt: at(4), EndReason: protocol.EndCustomer,
	Consents: []protocol.Consent{{Permission: protocol.ViewScreen, State: protocol.ConsentGiven, Epoch: 1<<32 - 1}},
	Tools:    []protocol.Permission{protocol.Control}, Block: protocol.BlockCustomer,
	Steps: []protocol.Step{protocol.StepKeyTyped}, System: "Debian", Viewers: []string{"A"}, Recording: true, Removed: yes(), Sharing: &aSharing, AwaySince: at(5), AwayUntil: at(6), Restart: &protocol.Restarting{State: protocol.RestartGoing, At: at(5), Until: at(6)},
	Since: at(7), Language: "de", Reason: "Drucker", Ticket: &protocol.TicketName{ID: "t", Ref: "T-ABCDEF"}, Stars: 4, Test: true, Note: "Drucker\n\t打印机 🖨️ קו", NotedAt: at(8)}

var aTicket = protocol.DeskTicket{ID: "t", Ref: "T-ABCDEF", Version: 3, Type: "incident", State: "logged", Title: "מדפסת", Requester: "山田", Priority: 2, Team: "a", Level: "L1", Assignee: "b", Mine: true, Waiting: "vendor",
	Created: at(1), Resolved: at(2), Turn: 1 << 52, Due: at(3), Warn: at(4), Answer: true}

func at(s int64) time.Time { return time.Unix(s, 0).UTC() }

// valid holds one message of each type with no field empty.
func valid() []protocol.Message {
	return []protocol.Message{
		&protocol.Hello{Version: protocol.CurrentVersion(), Software: "consento-agent 1", System: "Debian GNU/Linux 12", Language: "zh-Hant-TW"},
		&protocol.Error{Code: protocol.CodeNotNow},
		&protocol.Ping{},
		&protocol.Pong{},
		&protocol.Join{Ticket: string(protocol.TicketFrom([16]byte{})), Languages: []string{"it", "ja"}, Tools: []protocol.Permission{protocol.Control, protocol.MayKeep}},
		&protocol.Joined{Session: "s", Technician: person, ConfirmName: true, Terms: protocol.Terms{Version: "1", Language: "it", Text: "Testo\n\nAltro", URL: "https://x/y"}, Resume: "secret", Reason: "התקנת מדפסת", Log: "https://x/log/y", Proof: "{}", Chat: true},
		&protocol.Resume{Session: "s", Secret: "secret"},
		&protocol.Resumed{Named: true, Accepted: true, Consents: aSession.Consents, Picture: true, Proof: "{}", Guests: []protocol.Guest{aGuest}, Handed: &aHandover},
		&protocol.NameAnswer{Confirmed: true},
		&protocol.TermsAnswer{Version: "1", Accepted: true},
		&protocol.ConsentAsk{Permission: protocol.FetchFiles, Epoch: 8, Technician: person, Files: &protocol.FileLimits{File: 1, Total: 2, Folders: true}},
		&protocol.ConsentAnswer{Permission: protocol.Control, State: protocol.ConsentWithdrawn, Epoch: 7, Cause: protocol.CauseLocked},
		&protocol.ConsentRecorded{Permission: protocol.ViewScreen, Epoch: 7},
		&protocol.Offer{Session: "s", SDP: "v=0\r\n"},
		&protocol.Answer{Session: "s", SDP: "v=0\r\n"},
		&aSharing,
		&protocol.SharingRecorded{},
		&protocol.Picture{Codec: protocol.CodecAV1, Crisp: true},
		&protocol.Network{Limit: protocol.LimitCustomer, Rate: 900, Loss: 5, RoundTrip: 120, Parts: true, Encode: 35, CPU: 40, Quantizer: 26},
		&protocol.Slept{N: 1, MS: 90_000},
		&protocol.Ended{Reason: protocol.EndTechnician},
		&protocol.Removed{Complete: true, Left: []string{"consento-x (1)"}},
		&protocol.ConsentEnded{Permission: protocol.SendClipboard, Epoch: 7, Cause: protocol.CauseRights},
		&protocol.ControlState{Epoch: 7, Block: protocol.BlockDialog},
		&protocol.Restart{Epoch: 7, State: protocol.RestartCounting, Seconds: 30, Hash: digest, Machine: digest},
		&protocol.RestartRecorded{Epoch: 7, State: protocol.RestartGoing},
		&protocol.SystemRead{Epoch: 7, Snapshot: 2, Sections: protocol.Sections()},
		&protocol.SystemWatch{Epoch: 7, Watch: 1, On: true},
		&protocol.SystemPart{Session: "s", Epoch: 7, Snapshot: 2, Section: protocol.SectionDisks, Part: 3, Last: true, Problem: protocol.ProblemDenied, Cut: true,
			Rows: []protocol.SystemRow{{Key: "/", Cells: []string{"/", "/dev/sda1", "ext4", "9223372036854775807", "0", "12.5"}}}},
		&protocol.SystemChanges{Session: "s", Epoch: 7, Watch: 1, N: 4, Gone: []string{"12-99"},
			Rows: []protocol.SystemRow{{Key: "13-99", Cells: []string{"エディター", "13", "Ødegård", "0.1", "65536", "1700000000", ""}}}},
		&protocol.Annotate{Session: "s", Epoch: 7, Kind: protocol.AnnotateLine, Mark: 3, Ink: protocol.InkViolet, Width: 1280, Height: 800, Points: []protocol.Spot{{X: 0, Y: 799}, {X: 1279, Y: 0}}},
		&protocol.StillTake{Epoch: 7, Still: 2},
		&protocol.StillPart{Epoch: 7, Still: 2, Part: 3, Last: true, Data: []byte("PNG"), Problem: protocol.StillSize},
		&protocol.Welcome{Account: person, Permissions: protocol.PermissionSet{protocol.ViewScreen: true}, Rights: protocol.RightSet{protocol.MayIssueKeys: true}, CanIssue: true, Tickets: true, Sessions: []protocol.Session{aSession}, Now: at(9)},
		&protocol.SessionChanged{Session: aSession, Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		&protocol.NewSession{Reason: "プリンターの設定", Test: true, Ticket: "t", Title: "サポート"},
		&protocol.SessionIssued{Session: aSession, Key: "ACD3EFG", URL: "https://x/k/ACD3EFG", Address: "x"},
		&protocol.EndSession{Session: "s"},
		&protocol.StopWatching{Session: "s"},
		&protocol.Crisp{Session: "s", On: true},
		&protocol.Note{Session: "s", Text: strings.Repeat("\U0001f5a8", protocol.MaxNote-4) + "\n\t\u3000\u00a0", Base: at(8), Done: true},
		&protocol.Reason{Session: "s", Text: strings.Repeat("ä", protocol.MaxReason)},
		&protocol.ConsentRequest{Session: "s", Permission: protocol.SSH, Device: &protocol.Device{Host: "fd00::1", Port: 22, User: "admin", Old: true}},
		&protocol.ConsentReturn{Session: "s", Permission: protocol.Shell},
		&protocol.GuestAsk{Guest: aVendor}, &protocol.GuestAnswer{Epoch: 3, State: protocol.ConsentRefused, Cause: protocol.GuestNoAnswer},
		&protocol.GuestRecorded{Epoch: 3}, &protocol.GuestEnded{Session: "s", Epoch: 3, Cause: protocol.GuestLost},
		&protocol.GuestJoin{Session: "s", Way: protocol.WaySupervise}, &protocol.GuestLeave{Session: "s", Epoch: 3},
		&aHandover, &protocol.LiveOffer{Session: "s", Account: "a", Words: "Rete"}, &protocol.LiveOfferEnd{Session: "s"}, &protocol.Colleagues{},
		&protocol.ColleagueList{People: []protocol.Colleague{{ID: "a", Name: "Luca Verdi", Team: "Network", Level: "L2", Here: true}}, Teams: []string{"Network"}},
		&protocol.VendorInvite{Session: "s"}, &protocol.VendorInvited{Session: "s", URL: "https://a.example/v/X", Until: at(9)}, &protocol.VendorWithdraw{Session: "s"},
		&protocol.SystemRequest{Session: "s", Sections: []protocol.Section{protocol.SectionSoftware}},
		&protocol.SystemFollow{Session: "s", On: true},
		&protocol.SystemStarted{Session: "s", Snapshot: 2, Watch: 1},
		&protocol.StillRequest{Session: "s", Caption: "エラー"},
		&protocol.StillOnTicket{Session: "s", Still: 3},
		&protocol.ChatSay{Session: "s", Key: "k-1_A", Text: strings.Repeat("\U0001f5a8", protocol.MaxChat-4) + "\n\tשל"},
		&protocol.ChatSaid{Key: "k", N: 3, Code: protocol.CodeThrottled},
		&protocol.ChatSince{Session: "s", After: 3},
		&protocol.Chat{Session: "s", Allowed: true, Lines: []protocol.ChatLine{aLine}, More: true},
		&protocol.Tickets{View: protocol.TicketsMine, Text: "プリンター", Ended: true, After: "1-x"},
		&protocol.TicketList{Tickets: []protocol.DeskTicket{aTicket}, More: "1-x", Untaken: 2, Works: true},
		&protocol.TicketChanged{Ticket: aTicket},
		&protocol.TicketGone{Ticket: "t"},
		&protocol.DeskChanged{},
		&protocol.TicketOpen{Ticket: "t", Before: 3},
		&protocol.TicketShown{Ticket: aTicket, Text: "a\nb", Language: "de", Email: "a@b.example", Phone: "1", Office: true, Channel: "phone", Category: "network", Area: "2", Impact: 1, Urgency: 2, Resolution: "solved", Solution: "x",
			History: []protocol.TicketEntry{{N: 2, At: at(1), By: "Anna", Kind: "wait", Text: "x", Category: "Netz", Priority: 1, Team: "a", Assignee: "b", Waiting: "vendor", Resolution: "solved"}}, Earlier: 2, Cut: true, Works: true, Escalates: true, Acts: []string{"take"}, Next: 1,
			Choices: protocol.TicketChoices{Categories: []protocol.TicketChoice{{ID: "network", Name: "Netz", Detail: "x"}}, Teams: []protocol.TicketChoice{{ID: "a", Name: "a"}}, Team: "a", Colleagues: []protocol.TicketChoice{{ID: "b", Name: "b"}}},
			Work:    protocol.TicketWork{Steps: []string{"a"}, When: "b", After: 90}, Sessions: []protocol.TicketSession{{ID: "s", By: "Anna", Started: at(1), Shared: at(2), Ended: at(3), Reason: protocol.EndCustomer}}},
		&protocol.TicketDo{Ticket: "t", Version: 1, Act: protocol.TicketAct{Kind: "edit", Text: "x", Title: "y", Area: "z", Type: "incident", Requester: &protocol.TicketRequester{Name: "a", Email: "b", Phone: "c", Office: true}, Category: "d", Impact: 1, Urgency: 2, Team: "e", Assignee: "f", Waiting: "g", Resolution: "h"}},
		&protocol.TicketNew{Type: "request", Title: "x", Text: "y", Channel: "phone", Language: "it", Area: "z", Requester: protocol.TicketRequester{Name: "a", Phone: "c"}},
		&protocol.TicketRefused{Problem: protocol.TicketNeeds, Field: "category", Code: "missing"},
	}
}

// decoders read the body of each type as its receiver does.
var decoders = map[string]func(protocol.Envelope) (protocol.Message, error){}

func decoder[T any, P interface {
	*T
	protocol.Message
}]() {
	decoders[P(new(T)).MessageType()] = func(e protocol.Envelope) (protocol.Message, error) {
		m, err := protocol.DecodeBody[T, P](e)
		return P(&m), err
	}
}

func init() {
	decoder[protocol.Hello]()
	decoder[protocol.Error]()
	decoder[protocol.Ping]()
	decoder[protocol.Tickets]()
	decoder[protocol.TicketList]()
	decoder[protocol.TicketChanged]()
	decoder[protocol.TicketGone]()
	decoder[protocol.DeskChanged]()
	decoder[protocol.TicketOpen]()
	decoder[protocol.TicketShown]()
	decoder[protocol.TicketDo]()
	decoder[protocol.TicketNew]()
	decoder[protocol.TicketRefused]()
	decoder[protocol.Pong]()
	decoder[protocol.Join]()
	decoder[protocol.Joined]()
	decoder[protocol.Resume]()
	decoder[protocol.Resumed]()
	decoder[protocol.NameAnswer]()
	decoder[protocol.TermsAnswer]()
	decoder[protocol.ConsentAsk]()
	decoder[protocol.ConsentAnswer]()
	decoder[protocol.ConsentRecorded]()
	decoder[protocol.Offer]()
	decoder[protocol.Answer]()
	decoder[protocol.Sharing]()
	decoder[protocol.SharingRecorded]()
	decoder[protocol.Picture]()
	decoder[protocol.Network]()
	decoder[protocol.Slept]()
	decoder[protocol.Ended]()
	decoder[protocol.Removed]()
	decoder[protocol.Welcome]()
	decoder[protocol.SessionChanged]()
	decoder[protocol.NewSession]()
	decoder[protocol.SessionIssued]()
	decoder[protocol.EndSession]()
	decoder[protocol.StopWatching]()
	decoder[protocol.Crisp]()
	decoder[protocol.Note]()
	decoder[protocol.Reason]()
	decoder[protocol.ConsentEnded]()
	decoder[protocol.ControlState]()
	decoder[protocol.Restart]()
	decoder[protocol.RestartRecorded]()
	decoder[protocol.ConsentRequest]()
	decoder[protocol.ConsentReturn]()
	decoder[protocol.GuestAsk]()
	decoder[protocol.GuestAnswer]()
	decoder[protocol.GuestRecorded]()
	decoder[protocol.GuestEnded]()
	decoder[protocol.GuestJoin]()
	decoder[protocol.GuestLeave]()
	decoder[protocol.HandedOver]()
	decoder[protocol.LiveOffer]()
	decoder[protocol.LiveOfferEnd]()
	decoder[protocol.Colleagues]()
	decoder[protocol.ColleagueList]()
	decoder[protocol.VendorInvite]()
	decoder[protocol.VendorInvited]()
	decoder[protocol.VendorWithdraw]()
	decoder[protocol.SystemRead]()
	decoder[protocol.SystemWatch]()
	decoder[protocol.SystemPart]()
	decoder[protocol.SystemChanges]()
	decoder[protocol.Annotate]()
	decoder[protocol.StillTake]()
	decoder[protocol.StillPart]()
	decoder[protocol.StillRequest]()
	decoder[protocol.StillOnTicket]()
	decoder[protocol.SystemRequest]()
	decoder[protocol.SystemFollow]()
	decoder[protocol.SystemStarted]()
	decoder[protocol.ChatSay]()
	decoder[protocol.ChatSaid]()
	decoder[protocol.ChatSince]()
	decoder[protocol.Chat]()
}

func TestEveryMessageRoundTrips(t *testing.T) {
	samples := valid()
	if len(samples) != len(protocol.Messages()) || len(decoders) != len(samples) {
		t.Fatalf("%d messages, %d samples, %d decoders", len(protocol.Messages()), len(samples), len(decoders))
	}
	for i, m := range samples {
		t.Run(m.MessageType(), func(t *testing.T) {
			if want := protocol.Messages()[i].MessageType(); m.MessageType() != want || !protocol.Known(want) {
				t.Fatalf("sample stands where %s is", want)
			}
			for field := range reflect.ValueOf(m).Elem().Fields() {
				other := m.MessageType() == "consent_ask" && (field.Name == "Device" || field.Name == "Hosts") // with another permission than Files
				if m.MessageType() != "join" && m.MessageType() != "live_offer" && !other && reflect.ValueOf(m).Elem().FieldByIndex(field.Index).IsZero() {
					t.Errorf("the sample's %s is empty", field.Name)
				}
			}
			data, err := protocol.Encode(5, 3, m)
			if err != nil {
				t.Fatal(err)
			}
			e, err := protocol.DecodeEnvelope(data)
			if err != nil || e.V != 1 || e.ID != 5 || e.Ref != 3 || e.Type != m.MessageType() {
				t.Fatalf("%+v, %v", e, err)
			}
			got, err := decoders[e.Type](e)
			if err != nil || !reflect.DeepEqual(got, m) {
				t.Fatalf("%+v, %v; want %+v", got, err, m)
			}
			// What a newer minor version adds is ignored.
			e.Body = append(append([]byte{}, e.Body[:len(e.Body)-1]...), `,"added_in_1_9":{"x":[1]}}`...)
			if len(e.Body) < 30 {
				e.Body = json.RawMessage(`{"added_in_1_9":1}`)
			}
			if got, err := decoders[e.Type](e); err != nil || !reflect.DeepEqual(got, m) {
				t.Errorf("with a further field: %+v, %v", got, err)
			}
			for _, body := range []string{"[]", `"x"`, "7", "true", "{", "\x00"} {
				e.Body = json.RawMessage(body)
				if _, err := decoders[e.Type](e); !errors.Is(err, protocol.ErrMalformed) {
					t.Errorf("body %q: %v", body, err)
				}
			}
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	long := strings.Repeat("é", protocol.MaxName+1)
	with := func(f func(*protocol.Person)) protocol.Person { p := person; f(&p); return p }
	terms := protocol.Terms{Version: "1", Text: "x"}
	withTerms := func(f func(*protocol.Terms)) protocol.Terms { x := terms; f(&x); return x }
	v := protocol.CurrentVersion()
	for name, m := range map[string]protocol.Message{
		"software too long":              &protocol.Hello{Version: v, Software: long},
		"system too long":                &protocol.Hello{Version: v, System: long},
		"system with line break":         &protocol.Hello{Version: v, System: "a\nb"},
		"system turns text round":        &protocol.Hello{Version: v, System: "a\u202eb"},
		"system not UTF-8":               &protocol.Hello{Version: v, System: "\xff"},
		"language too long":              &protocol.Hello{Version: v, Language: strings.Repeat("a", 36)},
		"language is no tag":             &protocol.Hello{Version: v, Language: "../en"},
		"error without code":             &protocol.Error{},
		"error code too long":            &protocol.Error{Code: protocol.ErrorCode(strings.Repeat("x", 41))},
		"neither ticket nor key":         &protocol.Join{},
		"ticket and key":                 &protocol.Join{Ticket: "a", Key: "b"},
		"ticket too long":                &protocol.Join{Ticket: strings.Repeat("a", 65)},
		"key too long":                   &protocol.Join{Key: strings.Repeat("a", 65)},
		"too many languages":             &protocol.Join{Key: "a", Languages: slices.Repeat([]string{"it"}, 33)},
		"no language":                    &protocol.Join{Key: "a", Languages: []string{"it", "\x00"}},
		"joined without session":         &protocol.Joined{Technician: person, Terms: terms},
		"joined, session too long":       &protocol.Joined{Session: strings.Repeat("s", 65), Technician: person, Terms: terms},
		"technician without name":        &protocol.Joined{Session: "s", Technician: with(func(p *protocol.Person) { p.Name = "" }), Terms: terms},
		"technician's name":              &protocol.Joined{Session: "s", Technician: with(func(p *protocol.Person) { p.Name = long }), Terms: terms},
		"technician's team":              &protocol.Joined{Session: "s", Technician: with(func(p *protocol.Person) { p.Team = long }), Terms: terms},
		"technician's office":            &protocol.Joined{Session: "s", Technician: with(func(p *protocol.Person) { p.Office = long }), Terms: terms},
		"technician's phone":             &protocol.Joined{Session: "s", Technician: with(func(p *protocol.Person) { p.Phone = long }), Terms: terms},
		"terms without version":          &protocol.Joined{Session: "s", Technician: person, Terms: withTerms(func(x *protocol.Terms) { x.Version = "" })},
		"terms version too long":         &protocol.Joined{Session: "s", Technician: person, Terms: withTerms(func(x *protocol.Terms) { x.Version = strings.Repeat("1", 41) })},
		"terms language":                 &protocol.Joined{Session: "s", Technician: person, Terms: withTerms(func(x *protocol.Terms) { x.Language = "no tag" })},
		"terms without text":             &protocol.Joined{Session: "s", Technician: person, Terms: withTerms(func(x *protocol.Terms) { x.Text = "" })},
		"terms text too long":            &protocol.Joined{Session: "s", Technician: person, Terms: withTerms(func(x *protocol.Terms) { x.Text = strings.Repeat("x", 32<<10+1) })},
		"terms URL too long":             &protocol.Joined{Session: "s", Technician: person, Terms: withTerms(func(x *protocol.Terms) { x.URL = strings.Repeat("x", protocol.MaxText+1) })},
		"proof too long":                 &protocol.Joined{Session: "s", Technician: person, Terms: terms, Proof: strings.Repeat("x", protocol.MaxProof+1)},
		"answer without version":         &protocol.TermsAnswer{Accepted: true},
		"answer version too long":        &protocol.TermsAnswer{Version: strings.Repeat("1", 41)},
		"ask for no permission":          &protocol.ConsentAsk{Technician: person},
		"ask without name":               &protocol.ConsentAsk{Permission: protocol.ViewScreen},
		"files without limits":           &protocol.ConsentAsk{Permission: protocol.SendFiles, Technician: person},
		"files of no size":               &protocol.ConsentAsk{Permission: protocol.SendFiles, Technician: person, Files: &protocol.FileLimits{Total: 1}},
		"limits of no files":             &protocol.ConsentAsk{Permission: protocol.Shell, Technician: person, Files: &protocol.FileLimits{File: 1, Total: 1}},
		"unknown permission":             &protocol.ConsentAnswer{Permission: "everything", State: protocol.ConsentGiven},
		"unknown consent state":          &protocol.ConsentAnswer{Permission: protocol.ViewScreen, State: "maybe"},
		"an answer that asks":            &protocol.ConsentAnswer{Permission: protocol.ViewScreen, State: protocol.ConsentAsked},
		"recorded, unknown":              &protocol.ConsentRecorded{Permission: "x"},
		"offer without SDP":              &protocol.Offer{},
		"offer too long":                 &protocol.Offer{SDP: strings.Repeat("v", protocol.MaxSDP+1)},
		"offer, session too long":        &protocol.Offer{Session: strings.Repeat("s", 65), SDP: "v"},
		"answer without SDP":             &protocol.Answer{},
		"answer too long":                &protocol.Answer{SDP: strings.Repeat("v", protocol.MaxSDP+1)},
		"answer, session too long":       &protocol.Answer{Session: strings.Repeat("s", 65), SDP: "v"},
		"sharing without state":          &protocol.Sharing{Source: protocol.SourceTab},
		"sharing, unknown state":         &protocol.Sharing{State: "maybe", Source: protocol.SourceTab},
		"sharing without source":         &protocol.Sharing{State: protocol.SharingShown},
		"sharing, unknown source":        &protocol.Sharing{State: protocol.SharingShown, Source: "a title"},
		"sharing, too wide":              &protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceTab, Width: 65536},
		"sharing, name of a window":      &protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceWindow, Name: "a title"},
		"sharing, long name":             &protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceMonitor, Name: strings.Repeat("é", 101)},
		"sharing, name of two lines":     &protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceMonitor, Name: "a\nb"},
		"sharing, covers too much":       &protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceDesktop, Covered: protocol.MaxCovered + 1},
		"sharing, fewer than none":       &protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceDesktop, Fields: -1},
		"sharing, less than none":        &protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceTab, Height: -1},
		"no reason":                      &protocol.Ended{},
		"unknown reason":                 &protocol.Ended{Reason: "boredom"},
		"too much left":                  &protocol.Removed{Left: make([]string, 21)},
		"left too long":                  &protocol.Removed{Left: []string{strings.Repeat("x", 256)}},
		"left with line break":           &protocol.Removed{Left: []string{"a\r\nb"}},
		"welcome to nobody":              &protocol.Welcome{},
		"changed nothing":                &protocol.SessionChanged{},
		"issued nothing":                 &protocol.SessionIssued{Key: "ACD3EFG"},
		"issued without key":             &protocol.SessionIssued{Session: aSession},
		"ends nothing":                   &protocol.EndSession{},
		"ends, session too long":         &protocol.EndSession{Session: strings.Repeat("s", 65)},
		"notes nothing's":                &protocol.Note{Text: "x"},
		"notes too much":                 &protocol.Note{Session: "s", Text: strings.Repeat("ü", protocol.MaxNote+1)},
		"notes a control":                &protocol.Note{Session: "s", Text: "a\rb"},
		"notes an override":              &protocol.Note{Session: "s", Text: "a\u202eb"},
		"notes no text":                  &protocol.Note{Session: "s", Text: "\xff"},
		"completes a blank note":         &protocol.Note{Session: "s", Text: " \n", Done: true},
		"picture of no codec":            &protocol.Picture{},
		"picture of another codec":       &protocol.Picture{Codec: "H264"},
		"crisp without AV1":              &protocol.Picture{Codec: protocol.CodecVP9, Crisp: true},
		"crisp of nothing":               &protocol.Crisp{On: true},
		"stops nothing":                  &protocol.StopWatching{},
		"tool of the view":               &protocol.Join{Key: "a", Tools: []protocol.Permission{protocol.ViewScreen}},
		"unknown tool":                   &protocol.Join{Key: "a", Tools: []protocol.Permission{"everything"}},
		"too many tools":                 &protocol.Join{Key: "a", Tools: slices.Repeat([]protocol.Permission{protocol.Control}, len(protocol.Permissions())+1)},
		"a yes with a cause":             &protocol.ConsentAnswer{Permission: protocol.Control, State: protocol.ConsentGiven, Cause: protocol.CauseCustomer},
		"a cause of the broker's":        &protocol.ConsentAnswer{Permission: protocol.Control, State: protocol.ConsentWithdrawn, Cause: protocol.CauseRights},
		"unknown cause":                  &protocol.ConsentAnswer{Permission: protocol.Control, State: protocol.ConsentWithdrawn, Cause: "mood"},
		"asks about nobody":              &protocol.GuestAsk{Guest: protocol.Guest{Epoch: 1, Way: protocol.WayJoin, State: protocol.ConsentAsked}},
		"asks about who is there":        &protocol.GuestAsk{Guest: protocol.Guest{Epoch: 1, Name: "A", Way: protocol.WayJoin, State: protocol.ConsentGiven}},
		"a guest by no way":              &protocol.GuestAsk{Guest: protocol.Guest{Epoch: 1, Name: "A", Way: "window", State: protocol.ConsentAsked}},
		"a yes to a guest, with a cause": &protocol.GuestAnswer{Epoch: 1, State: protocol.ConsentGiven, Cause: protocol.GuestCustomer},
		"refused a guest by rights":      &protocol.GuestAnswer{Epoch: 1, State: protocol.ConsentRefused, Cause: protocol.GuestRights},
		"ended without a cause":          &protocol.GuestEnded{Epoch: 1},
		"joins as who was there":         &protocol.GuestJoin{Session: "s", Way: protocol.WayFormer},
		"offers to nobody":               &protocol.LiveOffer{Session: "s"},
		"offers to two":                  &protocol.LiveOffer{Session: "s", Account: "a", Team: "b"},
		"offers with two lines":          &protocol.LiveOffer{Session: "s", Account: "a", Words: "a\nb"},
		"handed over to nobody":          &protocol.HandedOver{Epoch: 1, Former: aHandover.Former},
		"handed over by a guest":         &protocol.HandedOver{Epoch: 1, Technician: person, Former: aGuest},
		"a guest invited by nobody":      &protocol.GuestAsk{Guest: protocol.Guest{Epoch: 1, Name: "A", Way: protocol.WayVendor, State: protocol.ConsentAsked}},
		"a colleague invited":            &protocol.GuestAsk{Guest: protocol.Guest{Epoch: 1, Name: "A", Way: protocol.WayJoin, By: "B", State: protocol.ConsentAsked}},
		"joins nothing":                  &protocol.GuestJoin{Way: protocol.WayJoin},
		"leaves as nobody":               &protocol.GuestLeave{Session: "s"},
		"requests the view":              &protocol.ConsentRequest{Session: "s", Permission: protocol.ViewScreen},
		"requests nothing":               &protocol.ConsentRequest{Session: "s"},
		"requests of no session":         &protocol.ConsentRequest{Permission: protocol.Control},
		"returns the view":               &protocol.ConsentReturn{Session: "s", Permission: protocol.ViewScreen},
		"returns to no session":          &protocol.ConsentReturn{Permission: protocol.Control},
		"ticket and return":              &protocol.Join{Ticket: "a", Return: &protocol.Return{Session: "a", Secret: digest, Machine: digest}},
		"return without a session":       &protocol.Join{Return: &protocol.Return{Secret: digest, Machine: digest}},
		"return without a secret":        &protocol.Join{Return: &protocol.Return{Session: "a", Machine: digest}},
		"return of a short machine":      &protocol.Join{Return: &protocol.Return{Session: "a", Secret: digest, Machine: digest[1:]}},
		"restart of no consent":          &protocol.Restart{State: protocol.RestartGoing},
		"restart of no state":            &protocol.Restart{Epoch: 1},
		"restart without a hash":         &protocol.Restart{Epoch: 1, State: protocol.RestartCounting, Seconds: 30, Machine: digest},
		"restart without a machine":      &protocol.Restart{Epoch: 1, State: protocol.RestartCounting, Seconds: 30, Hash: digest},
		"restart with a late hash":       &protocol.Restart{Epoch: 1, State: protocol.RestartGoing, Hash: digest},
		"restart in an hour":             &protocol.Restart{Epoch: 1, State: protocol.RestartCounting, Seconds: 3600, Hash: digest, Machine: digest},
		"restart recorded of none":       &protocol.RestartRecorded{State: protocol.RestartGoing},
		"ends the view":                  &protocol.ConsentEnded{Permission: protocol.ViewScreen, Cause: protocol.CauseRights},
		"ends without a cause":           &protocol.ConsentEnded{Permission: protocol.Control, Epoch: 1},
		"state of no consent":            &protocol.ControlState{},
		"unknown block":                  &protocol.ControlState{Epoch: 1, Block: "lunch"},
		"stops, session too long":        &protocol.StopWatching{Session: strings.Repeat("s", 65)},
	} {
		if err := m.Validate(); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if data, err := protocol.Encode(1, 0, m); err == nil {
			t.Errorf("%s: encoded as %.60s", name, data)
		}
	}
	if err := (&protocol.Hello{Version: protocol.Version{Major: 2}}).Validate(); !errors.Is(err, protocol.ErrVersion) {
		t.Errorf("another major version: %v", err)
	}
	if err := (&protocol.Hello{Version: protocol.Version{Major: 1, Minor: 999}}).Validate(); err != nil {
		t.Errorf("a newer minor version: %v", err)
	}
	if err := (&protocol.Hello{Version: v, System: "ن\u200cم", Software: strings.Repeat("é", protocol.MaxName)}).Validate(); err != nil {
		t.Errorf("joiners and the longest name: %v", err)
	}
}

// TestEncodeKeepsTheLimit: JSON escapes can make a valid body longer than what
// the other side reads.
func TestEncodeKeepsTheLimit(t *testing.T) {
	m := &protocol.Offer{SDP: strings.Repeat("<", protocol.MaxSDP)}
	if data, err := protocol.Encode(1, 0, m); !errors.Is(err, protocol.ErrMalformed) || data != nil {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

func TestDecodeEnvelope(t *testing.T) {
	for data, want := range map[string]error{
		`{"v":1,"type":"x"}`:                       nil,
		`{"v":1,"type":"x","id":1,"ref":2,"z":[]}`: nil,
		` {"v":1,"type":"x"} ` + "\n":              nil,
		`{"v":2,"type":"x"}`:                       protocol.ErrVersion,
		`{"v":0,"type":"x"}`:                       protocol.ErrVersion,
		`{"v":-1,"type":"x"}`:                      protocol.ErrVersion,
		`{"type":"x"}`:                             protocol.ErrVersion,
		`{"v":1}`:                                  protocol.ErrMalformed,
		`{"v":1,"type":""}`:                        protocol.ErrMalformed,
		`{"v":1,"type":"` + strings.Repeat("t", 41) + `"}`: protocol.ErrMalformed,
		`{"v":"1","type":"x"}`:                             protocol.ErrMalformed,
		`{"v":1.5,"type":"x"}`:                             protocol.ErrMalformed,
		`{"v":1,"type":7}`:                                 protocol.ErrMalformed,
		`{"v":1,"type":"x","id":-1}`:                       protocol.ErrMalformed,
		`{"v":1,"type":"x","id":18446744073709551616}`:     protocol.ErrMalformed,
		`{"v":1,"type":"x"}{}`:                             protocol.ErrMalformed,
		`{"v":1,"type":"` + "\xff" + `"}`:                  protocol.ErrMalformed,
		`[]`:                                               protocol.ErrMalformed,
		``:                                                 protocol.ErrMalformed,
		`{`:                                                protocol.ErrMalformed,
		strings.Repeat("[", protocol.MaxMessage):           protocol.ErrMalformed,
		`{"v":1,"type":"x"}` + strings.Repeat(" ", protocol.MaxMessage): protocol.ErrMalformed,
	} {
		if _, err := protocol.DecodeEnvelope([]byte(data)); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%.60q: %v, want %v", data, err, want)
		}
	}
	// Without a body all fields are empty, which most messages refuse.
	e := protocol.Envelope{V: 1, Type: "name_answer"}
	if m, err := protocol.DecodeBody[protocol.NameAnswer](e); err != nil || m.Confirmed {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := protocol.DecodeBody[protocol.Ended](e); !errors.Is(err, protocol.ErrMalformed) {
		t.Errorf("%v", err)
	}
	if protocol.Known("later") || protocol.Known("") {
		t.Error("an unknown message is known")
	}
}

func FuzzDecodeEnvelope(f *testing.F) {
	for _, m := range valid() {
		data, err := protocol.Encode(1, 2, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"v":1,"type":"join","body":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := protocol.DecodeEnvelope(data)
		if err != nil {
			if !errors.Is(err, protocol.ErrMalformed) && !errors.Is(err, protocol.ErrVersion) {
				t.Fatalf("unknown error %v", err)
			}
			return
		}
		// A body may be read as any type: what is accepted can be said again.
		for name, decode := range decoders {
			m, err := decode(e)
			if err != nil {
				if !errors.Is(err, protocol.ErrMalformed) && !errors.Is(err, protocol.ErrVersion) {
					t.Fatalf("%s: unknown error %v", name, err)
				}
				continue
			}
			again, err := protocol.Encode(e.ID, e.Ref, m)
			if errors.Is(err, protocol.ErrMalformed) && len(data) > protocol.MaxMessage/12 {
				continue // escapes and empty fields make it longer
			}
			if err != nil {
				t.Fatalf("%s was accepted and cannot be encoded: %v", name, err)
			}
			e2, err := protocol.DecodeEnvelope(again)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if m2, err := decoders[name](e2); err != nil || !sameJSON(t, m, m2) {
				t.Fatalf("%s: %+v became %+v, %v", name, m, m2, err)
			}
		}
	})
}

func sameJSON(t *testing.T, a, b any) bool {
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	return err == nil && string(x) == string(y)
}

// TestReasonAndRating: what the customer reads beside a name is one line that
// turns nothing around, and what the customer writes is text.
func TestReasonAndRating(t *testing.T) {
	for _, text := range []string{"two\nlines", "\u202eevil", "bell\x07", "\xff", strings.Repeat("a", protocol.MaxReason+1)} {
		if err := (&protocol.Reason{Session: "s", Text: text}).Validate(); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("reason %q: %v", text, err)
		}
		if err := (&protocol.NewSession{Reason: text}).Validate(); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("new session for %q: %v", text, err)
		}
	}
	for _, r := range []protocol.Rating{{}, {Stars: 6}, {Stars: -1}, {Stars: 1, Words: strings.Repeat("é", protocol.MaxRatingWords+1)},
		{Stars: 1, Words: "\u202e"}, {Stars: 1, Words: "\x00"}, {Stars: 1, Words: "\xff"}} {
		if err := r.Validate(); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for _, r := range []protocol.Rating{{Stars: 1}, {Stars: protocol.MaxStars, Words: strings.Repeat("字", protocol.MaxRatingWords)}, {Stars: 3, Words: "שלום\n🙂 ok"}} {
		if err := r.Validate(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

// TestReturn: what comes back after a restart is whole, or nothing.
func TestReturn(t *testing.T) {
	join := &protocol.Join{Return: &protocol.Return{Session: "0198f", Secret: digest, Machine: digest}}
	if err := join.Validate(); err != nil {
		t.Error(err)
	}
	if err := (&protocol.Restart{Epoch: 7, State: protocol.RestartGoing}).Validate(); err != nil {
		t.Error(err)
	}
	for _, secret := range []string{"", digest + "A", digest[:42] + "=", digest[:42] + "B", strings.Repeat("A", 42), strings.Repeat("+", 43)} {
		join.Return.Secret = secret
		if err := join.Validate(); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("a secret %q: %v", secret, err)
		}
	}
}
