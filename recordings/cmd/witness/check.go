package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"consento/recordings/stamp"
	"consento/recordings/store"
	"consento/recordings/translog"
)

type check struct {
	Dir         string `required:"" placeholder:"D" help:"Folder of the witness."`
	TimestampCA string `name:"timestamp-ca" placeholder:"FILE" help:"Certificate (PEM) of the authority that stamped the log (RFC 3161), or of who issued it; by default timestamp.pem and timestamp-*.pem in the folder's keys. Without any, timestamps are told of, and not checked."`
}

// Run recomputes the copy of the log and verifies the copies of recordings against
// it; the exit code is the verdict.
func (c *check) Run(out io.Writer, code *int) error {
	f := folder(c.Dir)
	keys, err := translog.ReadKeys(os.DirFS(f.path("keys")))
	if err != nil {
		return failure{exitUsage, err}
	}
	log := os.DirFS(f.path("log"))
	state, err := translog.ReadFile(os.DirFS(f.path()), "state")
	if err != nil {
		return failure{exitUsage, fmt.Errorf("nothing was taken yet: %w", err)}
	}
	last, err := translog.ParseCheckpoint(state)
	if err != nil {
		return failure{exitTampered, fmt.Errorf("state: %w", err)}
	}
	rep, err := translog.Audit(context.Background(), log, keys)
	if err != nil {
		return failure{exitUsage, err}
	}
	roots, err := stamp.Certificates(c.TimestampCA, f.path("keys"))
	if err != nil {
		return failure{exitUsage, err}
	}
	seen := stamp.CheckLog(log, &rep, roots)
	var b strings.Builder
	v := verdict{out: &b}
	for _, p := range rep.Problems {
		v.add(exitTampered, "log: %s", p)
	}
	for _, m := range rep.Missing {
		v.add(exitUnverifiable, "log: %s", m)
	}
	for _, s := range rep.Unclosed {
		v.add(exitIncomplete, "log: %s was opened and never closed", s)
	}
	if rep.Checkpoint.Size < last.Size {
		v.add(exitIncomplete, "log: %d of the %d leaves that were signed are here", rep.Checkpoint.Size, last.Size)
	}
	if v.worst != exitTampered {
		if err := v.compare(f, rep.Checkpoint.Size, keys); err != nil {
			return coded(err)
		}
	}
	*code = v.worst
	title := map[int]string{exitOK: "OK: log and recordings are what was signed", exitTampered: "TAMPERED", exitIncomplete: "INCOMPLETE", exitUnverifiable: "UNVERIFIABLE"}[v.worst]
	if seen != "" {
		fmt.Fprintf(&b, "timestamps: %s\n", seen)
	}
	for _, m := range rep.Remarks {
		fmt.Fprintf(&b, "remark: %s\n", m)
	}
	_, err = fmt.Fprintf(out, "%s\n%s\nlog %s, %d leaves\n", title, b.String(), last.Origin, rep.Checkpoint.Size)
	return err
}

// verdict collects what is wrong; the worst decides.
type verdict struct {
	out   *strings.Builder
	worst int
}

func (v *verdict) add(code int, format string, args ...any) {
	severity := map[int]int{exitTampered: 3, exitIncomplete: 2, exitUnverifiable: 1}
	if severity[code] > severity[v.worst] {
		v.worst = code
	}
	fmt.Fprintf(v.out, "  - "+format+"\n", args...)
}

func (v *verdict) compare(f folder, size uint64, keys translog.Keys) error {
	var place store.Place = store.Dir(f.path("rec"))
	var bagPlace store.BagPlace = store.Dir(f.path("bags"))
	bucket, err := f.bucket(context.Background(), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if bucket != nil {
		place, bagPlace = bucket.Place(), bucket.Place()
	}
	cmp, err := store.Compare(context.Background(), os.DirFS(f.path("log")), size, keys.Log, place)
	if err != nil {
		return err
	}
	bags, err := store.CompareBags(context.Background(), os.DirFS(f.path("log")), size, bagPlace)
	if err != nil {
		return err
	}
	codes := map[store.Grade]int{store.Tampered: exitTampered, store.Incomplete: exitIncomplete, store.Unverifiable: exitUnverifiable}
	for _, found := range slices.Concat(cmp.Findings, bags.Findings) {
		v.add(codes[found.Grade], "%s: %s", found.Name, found.Text)
	}
	if more := cmp.More + bags.More; more > 0 {
		fmt.Fprintf(v.out, "  - and %d more\n", more)
	}
	fmt.Fprintf(v.out, "recordings: %d whole, %d live, %d deleted\nkey bags: %d whole, %d destroyed by decision\n", cmp.Whole, cmp.Live, cmp.Purged, bags.Whole, bags.Purged)
	return nil
}
