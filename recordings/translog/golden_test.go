package translog

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// The golden log was made by the first release of version 1 and is never made
// anew: whatever reads version 1 must read it. It has one leaf of each kind.
const goldenDir = "testdata/golden"

func TestGolden(t *testing.T) {
	if os.Getenv("CONSENTO_MAKE_GOLDEN") != "" {
		makeGolden(t)
	}
	keys, err := ReadKeys(os.DirFS(filepath.Join(goldenDir, "keys")))
	must(t, err)
	if len(keys.Log) != 1 || len(keys.Witness) != 1 || keys.Witness[0].Name != "mirror" {
		t.Fatalf("%+v", keys)
	}
	b, err := os.ReadFile(filepath.Join(goldenDir, "proof.json"))
	must(t, err)
	p, err := ParseProof(b)
	must(t, err)
	shown, err := p.Verify(keys)
	if err != nil || len(shown.Missing) > 0 || len(shown.Leaves) == 0 {
		t.Fatalf("%+v, %v", shown, err)
	}
	r, err := Audit(t.Context(), os.DirFS(filepath.Join(goldenDir, "log")), keys, p.Checkpoint)
	must(t, err)
	got, err := json.MarshalIndent(r, "", "\t")
	must(t, err)
	want, err := os.ReadFile(filepath.Join(goldenDir, "report.json"))
	must(t, err)
	if string(got)+"\n" != string(want) {
		t.Errorf("the report is\n%s", got)
	}
	for k := range readers {
		if r.Leaves[k] == 0 && k != KindRevoke && k != KindSearch && k != KindLogKeys { // which came later
			t.Errorf("no leaf of kind %s", k)
		}
	}
	// A writer goes on with it.
	at := t.TempDir()
	must(t, os.CopyFS(at, os.DirFS(filepath.Join(goldenDir, "log"))))
	l, err := Open(at, testConfig())
	must(t, err)
	add(t, l, opened(77))
	must(t, l.Close())
	if r := audited(t, os.DirFS(at), r.Checkpoint); len(r.Problems) > 0 {
		t.Error(r.Problems)
	}
}

// makeGolden is kept to show how it was made.
func makeGolden(t *testing.T) {
	must(t, os.RemoveAll(goldenDir))
	must(t, os.MkdirAll(filepath.Join(goldenDir, "keys"), 0o755))
	l, dir := office(t, 50)
	add(t, l, opened(51), Recovered{testID(51), 0, 9, testHash(5), 77, testHash(6), "crash"},
		Rewrap{testID(2), 0, testHash(7), "auditor-1"},
		Share{testID(3), testID(2), "auditor-1", "team-1", Tracks{1, 3}, 0, 5000, 1_800_000_000_000, Hash{}},
		Witness{"mirror", 900_000, WitnessLagging}, NewRotation(testOrigin, RotateWitness, seeded("witness"), public(seeded("witness 2"))))
	c := witnessed(t, l)
	b, err := proofOf(t, l, c, 0).Marshal()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(goldenDir, "proof.json"), b, 0o644))
	for name, key := range map[string]string{"log.pub": "log", "witness-mirror.pub": "witness"} {
		b, err := MarshalKey(public(seeded(key)))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(goldenDir, "keys", name), b, 0o644))
	}
	must(t, l.Close())
	must(t, os.CopyFS(filepath.Join(goldenDir, "log"), folderOf(t, dir)))
	r, err := Audit(t.Context(), os.DirFS(dir), testKeys(), c)
	must(t, err)
	b, err = json.MarshalIndent(r, "", "\t")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(goldenDir, "report.json"), append(b, '\n'), 0o644))
}
