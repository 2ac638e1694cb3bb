package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"consento/recordings"
	"consento/recordings/translog"
	"consento/recordings/verdict"
)

// printResult writes the verdict line, the reasons, and the facts of each segment;
// clock is what an outside one says, or "".
func printResult(out io.Writer, r verdict.Result, readable map[string]string, clock string) error {
	var b strings.Builder
	switch r.State {
	case verdict.Tampered:
		b.WriteString("TAMPERED: something was changed after it was recorded\n")
	case verdict.Incomplete:
		b.WriteString("INCOMPLETE: what is sealed is untouched, but the end is missing or not sealed\n")
	case verdict.Intact:
		b.WriteString("OK: closed, untouched, and as the witnessed log has it\n")
	case verdict.Unverifiable:
		if r.Proof == nil {
			b.WriteString("UNVERIFIABLE: closed and untouched as far as the file shows; nothing outside it was there to compare it with\n")
			break
		}
		b.WriteString("UNVERIFIABLE: nothing contradicts the recording, but not all that is needed was there to say that it is the one\n")
	}
	for _, reason := range r.Reasons {
		text := reason.Text
		if len(r.Parts) > 1 && reason.Segment >= 0 {
			text = fmt.Sprintf("segment %d: %s", reason.Segment, text)
		}
		fmt.Fprintf(&b, "  - %s\n", text)
	}
	for _, remark := range r.Remarks {
		fmt.Fprintf(&b, "  - %s\n", remark)
	}
	if r.Proof != nil {
		b.WriteByte('\n')
		printProof(&b, *r.Proof)
	}
	if clock != "" {
		fmt.Fprintf(&b, "%-18s %s\n", "timestamp", clock)
	}
	for _, p := range r.Parts {
		b.WriteByte('\n')
		printPart(&b, p, readable[p.Path])
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func printProof(b *strings.Builder, r translog.ProofReport) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(b, "%-18s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("log", "%s, %d leaves", r.Checkpoint.Origin, r.Checkpoint.Size)
	line("witnesses", "%s", witnesses(r.Witnesses))
	for _, l := range r.Leaves {
		line("leaf", "%d: %s on %s", l.Index, l.Leaf.Kind(), utc(l.Time))
	}
}

func printPart(b *strings.Builder, p verdict.Part, reader string) {
	r := p.Report
	line := func(name, format string, args ...any) {
		fmt.Fprintf(b, "%-18s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("file", "%s, %d bytes", p.Path, r.Bytes)
	if r.Open.Key != nil {
		line("session", "%s, segment %d, by %q", r.Open.Session, r.Open.Segment, r.Open.Origin)
		line("started", "%s", r.Open.Started.Format("2006-01-02 15:04:05.000 UTC"))
		line("readable by", "%s", reader)
	}
	line("contents", "%d records, %d seals, %s%s", r.Records, r.Seals, clock(r.Length), tracks(r))
	if r.Seals > 0 {
		line("last sealed head", "%s", r.Head)
	}
	line("closed", "%s", closed(r))
	if r.Fault != nil {
		line("first bad record", "number %d at byte %d, between %s and %s of the session: %s",
			r.Fault.Index, r.Fault.Offset, clock(r.Fault.From), clock(r.Fault.To), r.Fault.Reason)
	} else {
		line("first bad record", "none")
	}
	line("largest seal gap", "%.1f s, from %s on", r.LongestGap.Seconds(), clock(r.LongestGapAt))
	tail := "further bytes"
	if r.Verdict == recordings.Tampered {
		tail = "bytes from the first bad record on, which say nothing any more"
	}
	line("unsealed tail", "%d whole records, %d %s", r.UnsealedRecords(), r.TornBytes(), tail)
}

func closed(r recordings.Report) string {
	switch rc := r.Recovered; {
	case rc != nil && r.Final:
		by := "by a key that was not checked"
		if r.RecoveryChecked {
			by = "by the log key"
		}
		return fmt.Sprintf("after a crash (%s) on %s, %s: %d sealed records, %d unsealed, %d torn bytes cut off",
			rc.Reason, rc.Time.Format(time.DateTime), by, rc.Sealed, rc.Unsealed, rc.TornBytes)
	case r.Final:
		return "yes, by its final seal"
	}
	return "no"
}

func tracks(r recordings.Report) string {
	var b strings.Builder
	for _, t := range slices.Sorted(maps.Keys(r.Tracks)) {
		fmt.Fprintf(&b, "; %s %d (%d bytes)", t, r.Tracks[t].Records, r.Tracks[t].Bytes)
	}
	return b.String()
}

// clock writes a time of the session as h:mm:ss.mmm.
func clock(d time.Duration) string {
	ms := d.Milliseconds()
	return fmt.Sprintf("%d:%02d:%02d.%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, ms%1000)
}
