package protocol_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"consento/protocol"
)

// source type-checks the package's own files. What they import is not looked
// at: the names and constants of this package need nothing of it.
func source(t *testing.T) *types.Package {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, p := range paths {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, p, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	config := types.Config{Importer: nothing{}, Error: func(error) {}}
	pkg, _ := config.Check("consento/protocol", fset, files, nil)
	return pkg
}

type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) {
	return nil, errors.New("not imported: " + path)
}

// constants lists the values of the package's string constants by type.
func constants(pkg *types.Package) map[string][]string {
	values := map[string][]string{}
	for _, name := range pkg.Scope().Names() {
		c, ok := pkg.Scope().Lookup(name).(*types.Const)
		if !ok || c.Val().Kind() != constant.String {
			continue
		}
		if named, ok := c.Type().(*types.Named); ok {
			values[named.Obj().Name()] = append(values[named.Obj().Name()], constant.StringVal(c.Val()))
		}
	}
	return values
}

// TestListsAreComplete compares the lists that functions return with what the
// source declares.
func TestListsAreComplete(t *testing.T) {
	pkg := source(t)
	declared := constants(pkg)
	for name, list := range map[string][]string{
		"State": texts(protocol.States()), "Command": texts(protocol.Commands()), "EndReason": texts(protocol.EndReasons()),
		"Permission": texts(protocol.Permissions()), "EventCode": texts(protocol.EventCodes()),
		"SharingState": texts(protocol.SharingStates()), "ChatSide": texts(protocol.ChatSides()), "Source": texts(protocol.Sources()), "Codec": texts(protocol.Codecs()),
		"ConsentCause": texts(protocol.ConsentCauses()), "GuestWay": texts(protocol.GuestWays()), "GuestCause": texts(protocol.GuestCauses()), "OfferCause": texts(protocol.OfferCauses()), "Block": texts(protocol.Blocks()), "InputKind": texts(protocol.InputKinds()),
		"TerminalKind": texts(protocol.TerminalKinds()), "DeviceCause": texts(protocol.DeviceCauses()), "KeyKnown": texts(protocol.KeysKnown()), "LoginMethod": texts(protocol.LoginMethods()),
		"Section": texts(protocol.Sections()), "ColumnKind": texts(protocol.ColumnKinds()), "SystemProblem": texts(protocol.SystemProblems()),
		"SummaryState": texts(protocol.SummaryStates()), "Platform": texts(protocol.Platforms()), "Interpreter": texts(protocol.Interpreters()),
		"RestartState": texts(protocol.RestartStates()),
		"TransferKind": texts(protocol.TransferKinds()), "FileCause": texts(protocol.FileCauses()),
		"ClipType": texts(protocol.ClipTypes()), "ClipKind": texts(protocol.ClipKinds()), "ClipCause": texts(protocol.ClipCauses()),
		"TicketView": texts(protocol.TicketViews()), "TicketProblem": texts(protocol.TicketProblems()),
		"AnnotateKind": texts(protocol.AnnotateKinds()), "Ink": texts(protocol.Inks()), "StillProblem": texts(protocol.StillProblems()),
	} {
		want := slices.Sorted(slices.Values(declared[name]))
		if got := slices.Sorted(slices.Values(list)); !slices.Equal(got, want) || len(got) == 0 {
			t.Errorf("%s: the list has %v, the source %v", name, got, want)
		}
	}
	message := pkg.Scope().Lookup("Message").Type().Underlying().(*types.Interface)
	var implement, listed []string
	for _, name := range pkg.Scope().Names() {
		if n, ok := pkg.Scope().Lookup(name).(*types.TypeName); ok && name != "Message" && types.Implements(types.NewPointer(n.Type()), message) {
			implement = append(implement, name)
		}
	}
	for _, m := range protocol.Messages() {
		listed = append(listed, reflect.TypeOf(m).Elem().Name())
	}
	slices.Sort(listed)
	if !slices.Equal(implement, listed) {
		t.Errorf("the source has the messages %v, the list %v", implement, listed)
	}
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = string(x)
	}
	return out
}

// TestDocument checks that PROTOCOL.md names everything that is on the wire.
func TestDocument(t *testing.T) {
	data, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{} // by heading
	for _, s := range strings.Split("\n"+string(data), "\n#")[1:] {
		heading, body, _ := strings.Cut(strings.TrimLeft(s, "#"), "\n")
		sections[strings.TrimSpace(heading)] = body
	}
	has := func(section, value string) {
		t.Helper()
		body, ok := sections[section]
		if !ok {
			t.Fatalf("no section %q", section)
		}
		if !strings.Contains(body, "`"+value+"`") {
			t.Errorf("%q does not stand in the section %q", value, section)
		}
	}
	for name, values := range constants(source(t)) {
		section, ok := map[string]string{"State": "States", "Command": "States", "ConsentState": "States", "Step": "States",
			"Permission": "Permissions", "Right": "Rights", "EndReason": "End reasons", "ErrorCode": "Error codes", "EventCode": "Event codes on the evidence",
			"SharingState": "`sharing`", "ChatSide": "`chat`", "NetworkLimit": "`network`", "Codec": "`picture`", "Source": "`sharing`",
			"ConsentCause": "`consent_answer`", "GuestWay": "`guest_join`", "GuestCause": "`guest_ended`", "OfferCause": "`live_offer`", "RestartState": "`restart`", "Block": "`control_state`", "InputKind": "Data channel `input`", "TerminalKind": "Data channel `shell`",
			"DeviceCause": "Data channel `shell`", "KeyKnown": "Data channel `shell`", "LoginMethod": "Data channel `shell`",
			"Section": "System information", "ColumnKind": "System information", "SystemProblem": "`system_part`",
			"SummaryState": "`welcome`", "Platform": "Library", "Interpreter": "Library",
			"TicketView": "`tickets`", "TicketProblem": "`ticket_refused`",
			"AnnotateKind": "`annotate`", "Ink": "`annotate`", "StillProblem": "`still_part`",
			"TransferKind": "Data channel `files`", "FileCause": "Data channel `files`",
			"ClipType": "Data channel `clipboard`", "ClipKind": "Data channel `clipboard`", "ClipCause": "Data channel `clipboard`"}[name]
		if !ok {
			t.Errorf("%s stands in no section", name)
			continue
		}
		for _, v := range values {
			has(section, v)
		}
		if rows := strings.Count(sections[section], "\n| `"); rows > 0 && name != "Command" && name != "ConsentState" && name != "Step" && rows != len(values) {
			t.Errorf("the section %q has %d rows for %d values", section, rows, len(values))
		}
	}
	for _, r := range protocol.EndReasons() {
		for line := range strings.Lines(sections["End reasons"]) {
			if strings.HasPrefix(line, "| `"+string(r)+"`") && strings.HasSuffix(strings.TrimSpace(line), "| yes |") != r.ByAgent() {
				t.Errorf("by agent: %s", line)
			}
		}
	}
	for _, m := range protocol.Messages() {
		section := "`" + m.MessageType() + "`"
		if _, ok := sections[section]; !ok {
			t.Errorf("no section %s", section)
			continue
		}
		for _, field := range fields(reflect.TypeOf(m).Elem()) {
			has(section, field)
		}
	}
	for _, field := range fields(reflect.TypeFor[protocol.Session]()) {
		has("`welcome`", field)
	}
	for section, list := range map[string][]string{
		"`ticket_list`": fields(reflect.TypeFor[protocol.DeskTicket]()),
		"`ticket_shown`": slices.Concat(fields(reflect.TypeFor[protocol.TicketEntry]()), fields(reflect.TypeFor[protocol.TicketChoices]()), fields(reflect.TypeFor[protocol.TicketChoice]()),
			fields(reflect.TypeFor[protocol.TicketWork]()), fields(reflect.TypeFor[protocol.TicketSession]())),
		"`ticket_do`": slices.Concat(fields(reflect.TypeFor[protocol.TicketAct]()), fields(reflect.TypeFor[protocol.TicketRequester]())),
	} {
		for _, field := range list {
			has(section, field)
		}
	}
	for _, field := range append(fields(reflect.TypeFor[protocol.CursorUpdate]()), fields(reflect.TypeFor[protocol.CursorShape]())...) {
		has("Data channel `"+protocol.CursorChannel+"`", field)
	}
	for _, field := range append(fields(reflect.TypeFor[protocol.Input]()), fields(reflect.TypeFor[protocol.InputAct]())...) {
		has("Data channel `"+protocol.InputChannel+"`", field)
	}
	for _, field := range fields(reflect.TypeFor[protocol.Terminal]()) {
		has("Data channel `"+protocol.ShellChannel+"`", field)
	}
	for _, field := range append(fields(reflect.TypeFor[protocol.Transfer]()), fields(reflect.TypeFor[protocol.FileEntry]())...) {
		has("Data channel `"+protocol.FilesChannel+"`", field)
	}
	for _, field := range fields(reflect.TypeFor[protocol.Clip]()) {
		has("Data channel `"+protocol.ClipboardChannel+"`", field)
	}
	for _, field := range append(fields(reflect.TypeFor[protocol.OfficeSection]()), fields(reflect.TypeFor[protocol.Manifest]())...) {
		has("Office section and manifest", field)
	}
	for _, field := range slices.Concat(fields(reflect.TypeFor[protocol.Library]()), fields(reflect.TypeFor[protocol.OwnScript]())) {
		has("Library", field)
	}
	for _, s := range protocol.Sections() {
		for _, c := range s.Columns() {
			has("System information", c.Name)
		}
	}
	has("Connections", protocol.SubprotocolAgent)
	has("Connections", protocol.SubprotocolConsole)
	if !strings.Contains(sections["Connections"], protocol.ManifestPath) {
		t.Error("the manifest's path is missing")
	}
	if v := fmt.Sprintf("- %s (", protocol.CurrentVersion()); !strings.Contains(sections["History"], v) {
		t.Errorf("the history lacks %q", v)
	}
}

// fields lists the JSON names of a struct, those of its structs included where
// these are no section of their own.
func fields(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
		if f.Type == reflect.TypeFor[protocol.Terms]() {
			names = append(names, fields(f.Type)...)
		}
		if f.Type.Kind() == reflect.Slice && f.Type.Elem() == reflect.TypeFor[protocol.Consent]() {
			names = append(names, fields(f.Type.Elem())...)
		}
	}
	return names
}

// TestLimitsInTheDocument ties the numbers of the document to the source.
func TestLimitsInTheDocument(t *testing.T) {
	data, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(data)), " ")
	for _, want := range []string{
		fmt.Sprintf("at most %s bytes of UTF-8", thousands(protocol.MaxMessage)),
		fmt.Sprintf("*Name* means at most %d characters", protocol.MaxName),
		fmt.Sprintf("`url` (at most %s bytes)", thousands(protocol.MaxText)),
		fmt.Sprintf("`sdp` 1-%s bytes", thousands(protocol.MaxSDP)),
		fmt.Sprintf("`text` at most %s characters", thousands(protocol.MaxNote)),
		fmt.Sprintf("JSON text of at most %s bytes", thousands(protocol.MaxCursorMessage)),
		fmt.Sprintf("`height` (1-%d)", protocol.MaxCursorSide),
		fmt.Sprintf("JSON text of at most %s bytes, ordered", thousands(protocol.MaxInputMessage)),
		fmt.Sprintf("JSON text of at most %s bytes. Their content", thousands(protocol.MaxTransferMessage)),
		fmt.Sprintf("1-%s bytes of the file", thousands(protocol.MaxChunk)),
		fmt.Sprintf("at most %s bytes are on their way", thousands(protocol.TransferWindow)),
		fmt.Sprintf("at most %d files and lists", protocol.MaxTransfers),
		fmt.Sprintf("at most %s bytes and %d names", thousands(protocol.MaxFilePath), protocol.MaxFileDepth),
		fmt.Sprintf("`entries`, at most %d", protocol.MaxEntries),
		fmt.Sprintf("JSON text of at most %s bytes; the content", thousands(protocol.MaxClipMessage)),
		fmt.Sprintf("UTF-8 of at most %s bytes", thousands(protocol.MaxClipText)),
		fmt.Sprintf("PNG of at most %s bytes, %s pixels a side, %s pixels in all", thousands(protocol.MaxClipImage), thousands(protocol.MaxClipSide), thousands(protocol.MaxClipPixels)),
		fmt.Sprintf("%s bytes are on their way that the next", thousands(protocol.ClipWindow)),
		fmt.Sprintf("`text` says why in %d-%d characters", protocol.MinTrustWords, protocol.MaxTrustWords),
		fmt.Sprintf("`sealed`: base64, at most %s characters", thousands(protocol.MaxSealed)),
		fmt.Sprintf("what the device says, at most %s characters", thousands(protocol.MaxPrompt)),
		fmt.Sprintf("under this consent, of %d", protocol.MaxTries),
		fmt.Sprintf("`acts` at most %d", protocol.MaxInputActs),
		fmt.Sprintf("`text` at most %d characters without", protocol.MaxInputText),
		fmt.Sprintf("downwards, at most %s", thousands(protocol.MaxWheel)),
		fmt.Sprintf("every %d ms", protocol.InputBeat.Milliseconds()),
		fmt.Sprintf("after %.0f s without any message", protocol.InputSilence.Seconds()),
		fmt.Sprintf("1-%d points", protocol.MaxSpots), fmt.Sprintf("A mark goes %.0f s after", protocol.MarkLife.Seconds()),
		fmt.Sprintf("the pointer %.0f s after", protocol.PointerLife.Seconds()),
		fmt.Sprintf("at most %s rows", thousands(protocol.MaxSystemRows)),
		fmt.Sprintf("%d in one message", protocol.MaxSystemPartRows),
		fmt.Sprintf("a cell at most %d characters, a key at most %d", protocol.MaxSystemCell, protocol.MaxSystemKey),
		fmt.Sprintf("`ticket` %d characters", protocol.TicketLength),
		fmt.Sprintf("`key` %d characters", protocol.KeyLength),
		fmt.Sprintf("program holds %s bytes", thousands(protocol.OfficeSectionSize)),
		fmt.Sprintf("at most %s bytes; the signature", thousands(protocol.MaxManifest)),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the document does not say %q", want)
		}
	}
	if protocol.KeyLifetime != 10*time.Minute || !strings.Contains(text, "within its ten minutes") {
		t.Error("the life of a key")
	}
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
