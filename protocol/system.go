package protocol

import (
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Limits of system information.
const (
	MaxSystemRows     = 5000      // of one section of one snapshot, and of the live list
	MaxSystemPartRows = 500       // of one message
	MaxSystemPart     = 24 << 10  // bytes that an agent aims at for the rows of one message
	MaxSystemCell     = 400       // characters
	MaxSystemKey      = 120       // characters
	maxSystemParts    = 2000      // of one section
	maxSystemNumber   = 1<<63 - 1 // of a cell
)

// Section is one part of what can be read of the customer's computer.
type Section string

// The sections.
const (
	SectionHardware  Section = "hardware"
	SectionSystem    Section = "system" // the operating system
	SectionNetwork   Section = "network"
	SectionDisks     Section = "disks"
	SectionSoftware  Section = "software"
	SectionProcesses Section = "processes"
	SectionServices  Section = "services"
	SectionEvents    Section = "events" // of the system's journal
)

// Sections lists the sections in the order in which people are shown them.
func Sections() []Section {
	return []Section{SectionHardware, SectionSystem, SectionNetwork, SectionDisks, SectionSoftware, SectionProcesses, SectionServices, SectionEvents}
}

// ColumnKind says how the cells of a column are written, compared and shown.
type ColumnKind string

// The kinds of columns. An empty cell is what is not known, in any column.
const (
	ColumnText   ColumnKind = "text"
	ColumnToken  ColumnKind = "token"  // a word of a list, that the reader has in the own language where it is known
	ColumnValue  ColumnKind = "value"  // text; what kind of thing it is, the row's first cell says
	ColumnNumber ColumnKind = "number" // with at most one decimal
	ColumnBytes  ColumnKind = "bytes"
	ColumnTime   ColumnKind = "time" // seconds of the Unix time
)

// ColumnKinds lists the kinds.
func ColumnKinds() []ColumnKind {
	return []ColumnKind{ColumnText, ColumnToken, ColumnValue, ColumnNumber, ColumnBytes, ColumnTime}
}

// Column is one column of a section's table.
type Column struct {
	Name string     `json:"name"`
	Kind ColumnKind `json:"kind"`
}

var columns = map[Section][]Column{
	SectionHardware: {{"item", ColumnToken}, {"value", ColumnValue}},
	SectionSystem:   {{"item", ColumnToken}, {"value", ColumnValue}},
	SectionNetwork:  {{"item", ColumnToken}, {"name", ColumnText}, {"value", ColumnText}, {"state", ColumnToken}, {"address", ColumnText}, {"received", ColumnBytes}, {"sent", ColumnBytes}},
	SectionDisks:    {{"mount", ColumnText}, {"device", ColumnText}, {"type", ColumnText}, {"size", ColumnBytes}, {"used", ColumnBytes}, {"percent", ColumnNumber}},
	SectionSoftware: {{"name", ColumnText}, {"version", ColumnText}, {"kind", ColumnText}, {"source", ColumnText}},
	SectionProcesses: {{"name", ColumnText}, {"pid", ColumnNumber}, {"user", ColumnText}, {"cpu", ColumnNumber}, {"memory", ColumnBytes},
		{"started", ColumnTime}, {"program", ColumnText}},
	SectionServices: {{"name", ColumnText}, {"state", ColumnToken}, {"start", ColumnToken}, {"about", ColumnText}},
	SectionEvents:   {{"time", ColumnTime}, {"level", ColumnToken}, {"source", ColumnText}, {"text", ColumnText}},
}

// Columns lists the columns of the section's table; nil for a section that is none.
func (s Section) Columns() []Column { return slices.Clone(columns[s]) }

// SystemProblem says why a section, or the rest of it, could not be read.
type SystemProblem string

// The problems.
const (
	ProblemDenied  SystemProblem = "denied"  // the customer's own user may not read it
	ProblemMissing SystemProblem = "missing" // this system does not have it, or not where it is looked for
	ProblemTimeout SystemProblem = "timeout" // it took too long
	ProblemFailed  SystemProblem = "failed"
	ProblemPaused  SystemProblem = "paused" // the customer has paused
	ProblemLost    SystemProblem = "lost"   // the agent's connection was lost; the broker says so
	ProblemEnded   SystemProblem = "ended"  // the consent is over; the broker says so
)

// SystemProblems lists the problems.
func SystemProblems() []SystemProblem {
	return []SystemProblem{ProblemDenied, ProblemMissing, ProblemTimeout, ProblemFailed, ProblemPaused, ProblemLost, ProblemEnded}
}

// SystemRow is one row of a section's table. Key tells it from the others of the
// section and stays the same from snapshot to snapshot.
type SystemRow struct {
	Key   string   `json:"key"`
	Cells []string `json:"cells"` // one for each of the section's columns
}

// rowsOK accepts the rows of one message.
func rowsOK(section Section, rows []SystemRow) error {
	if err := check(len(rows) <= MaxSystemPartRows, "rows"); err != nil {
		return err
	}
	kinds := columns[section]
	for _, r := range rows {
		if !keyOK(r.Key) || len(r.Cells) != len(kinds) {
			return check(false, "row")
		}
		for i, cell := range r.Cells {
			if !kinds[i].Kind.accepts(cell) {
				return check(false, "cell of "+kinds[i].Name)
			}
		}
	}
	return nil
}

func keyOK(key string) bool { return key != "" && lineOK(key, MaxSystemKey) }

// accepts reports whether a cell is of the kind.
func (k ColumnKind) accepts(cell string) bool {
	if cell == "" {
		return true
	}
	switch k {
	case ColumnToken:
		return len(cell) <= maxTypeLen && !containsFunc(cell, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-' })
	case ColumnNumber:
		n, err := strconv.ParseFloat(cell, 64)
		return len(cell) <= 20 && err == nil && n >= 0 && !containsFunc(cell, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	case ColumnBytes, ColumnTime:
		n, err := strconv.ParseUint(cell, 10, 64)
		return err == nil && n <= maxSystemNumber && cell[0] != '+'
	}
	return lineOK(cell, MaxSystemCell)
}

func containsFunc(s string, f func(rune) bool) bool {
	for _, r := range s {
		if f(r) {
			return true
		}
	}
	return false
}

// SystemText makes any bytes fit to be a cell or a key of at most max characters:
// what is no UTF-8, controls or reorders is shown as what it is not, line breaks as
// spaces, and what is too long ends in an ellipsis.
func SystemText(s string, max int) string {
	const room = utf8.UTFMax
	if len(s) > room*max {
		s = s[:room*max] // the rest does not matter
	}
	out, n := make([]rune, 0, min(len(s), max)), 0
	for _, r := range s {
		switch {
		case n == max:
			out[max-1] = '…'
			return string(out)
		case r == '\n' || r == '\r' || r == '\t' || unicode.Is(unicode.Zs, r):
			r = ' '
		case !unicode.IsPrint(r) && r != '\u200c' && r != '\u200d':
			r = utf8.RuneError
		}
		out = append(out, r)
		n++
	}
	return string(out)
}
