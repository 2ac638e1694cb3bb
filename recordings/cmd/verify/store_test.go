package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consento/recordings"
	"consento/recordings/store"
	"consento/recordings/translog"
)

// TestStore: a log and two stores; one of them loses, changes or invents something.
func TestStore(t *testing.T) {
	b := newBench(t)
	first, second := filepath.Join(b.dir, "first"), filepath.Join(b.dir, "second")
	must(t, os.Mkdir(first, 0o700))
	now := b.conf.Started
	log, err := translog.Create(filepath.Join(b.dir, "log"), translog.Config{Origin: "office.example/evidence", Key: b.log, Now: func() time.Time { return now }})
	must(t, err)
	var names []string
	for range 3 {
		c := b.conf
		c.Dir, c.BagDir, c.Session = first, b.dir, recordings.NewSessionID()
		w, err := recordings.Create(c)
		must(t, err)
		o, h := w.Open(), w.Head()
		_, err = log.Add(t.Context(), translog.Opened{SID: translog.ID(o.Session), Key: translog.Hash(o.Key), Commit: o.Commit, Bag: translog.Hash{1}, N: h.N, Root: translog.Hash(h.Root), Retention: "standard"})
		must(t, err)
		must(t, w.Append(recordings.TrackEvents, 0, time.Second, 0, []byte(`{"a":1}`)))
		h, err = w.Close()
		must(t, err)
		file, err := os.ReadFile(w.Path())
		must(t, err)
		_, err = log.Add(t.Context(), translog.Closed{SID: translog.ID(o.Session), N: h.N, Root: translog.Hash(h.Root), Bytes: uint64(len(file)), SHA256: sha256.Sum256(file)})
		must(t, err)
		names = append(names, filepath.Base(w.Path()))
	}
	_, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	pub, err := translog.MarshalKey(key.Public().(ed25519.PublicKey))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(b.policy, "witness-town-hall.pub"), pub, 0o600))
	witness, err := translog.CreateCosigner(translog.CosignerConfig{Name: "town-hall", Key: key, Origin: "office.example/evidence",
		Log: []ed25519.PublicKey{b.log.Public().(ed25519.PublicKey)}, State: filepath.Join(b.dir, "state"), Now: func() time.Time { return now }})
	must(t, err)
	t.Cleanup(func() { must(t, witness.Close()) })
	later := func(after time.Duration) {
		t.Helper()
		now = now.Add(after)
		_, err := log.Add(t.Context(), translog.Admin{What: "a.b", By: "command"})
		must(t, err)
		last, _ := witness.Last()
		proof, err := log.Consistency(t.Context(), last.Size, log.Size())
		must(t, err)
		line, err := witness.AddCheckpoint(translog.Request{Old: last.Size, Proof: proof, Checkpoint: log.Checkpoint()})
		must(t, err)
		point, err := log.Checkpoint().Add(line)
		must(t, err)
		must(t, log.SetCosigned(t.Context(), point))
	}
	later(time.Minute)
	must(t, os.CopyFS(second, os.DirFS(first)))
	check := func(what string, want int, says string) {
		t.Helper()
		out, errs, code := verify(t, "store", filepath.Join(b.dir, "log"), first, second, "--policy", b.policy)
		if code != want || !strings.Contains(out, says) {
			t.Errorf("%s: %d, want %d: %s%s", what, code, want, out, errs)
		}
	}
	check("as it is", exitOK, "whole              6")
	path := filepath.Join(second, names[1])
	honest, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, honest[:200], 0o600))
	check("a copy on its way", exitIncomplete, names[1])
	must(t, os.Remove(path))
	check("a copy that has not come", exitIncomplete, "not here")
	later(16 * time.Minute)
	check("a copy that never came: the mirror said yes, and kept nothing", exitTampered, filepath.Join(second, names[1]))
	must(t, os.WriteFile(path, honest, 0o600))
	must(t, os.Remove(filepath.Join(first, names[0])))
	check("the office lost one", exitTampered, filepath.Join(first, names[0]))
	must(t, os.CopyFS(filepath.Join(b.dir, "again"), os.DirFS(second)))
	must(t, os.Rename(filepath.Join(b.dir, "again", names[0]), filepath.Join(first, names[0])))
	changed := bytes.Clone(honest)
	changed[len(changed)-70] ^= 1
	must(t, os.WriteFile(path, changed, 0o600))
	check("one bit", exitTampered, names[1])
	must(t, os.WriteFile(path, append(bytes.Clone(honest), honest[:300]...), 0o600))
	check("more at its end", exitTampered, names[1])
	// Whole in itself, and another than the log has.
	c := b.conf
	c.Dir, c.BagDir, c.Session = filepath.Join(b.dir, "anew"), t.TempDir(), recordings.NewSessionID()
	must(t, os.Mkdir(c.Dir, 0o700))
	anew, err := recordings.Create(c)
	must(t, err)
	_, err = anew.Close()
	must(t, err)
	must(t, os.Rename(anew.Path(), path))
	check("recorded anew", exitTampered, "recorded anew")
	must(t, os.WriteFile(path, honest, 0o600))
	invented := filepath.Join(second, strings.Repeat("0", 32)+"-0.rec")
	must(t, os.WriteFile(invented, honest, 0o600))
	check("invented", exitUnverifiable, "does not know it")
	must(t, os.Remove(invented))
	check("mended", exitOK, "whole              6")

	// What a store with versions and locks says, fetched into the folder.
	at := now.Add(time.Hour)
	good := store.Version{ID: "1", At: at, Newest: true, Mode: store.Compliance, Until: at.Add(time.Hour), Asked: at.Add(time.Hour)}
	marker := store.Version{ID: "2", At: at, Newest: true, Marker: true}
	with := func(change func(*store.Version)) store.Version { v := good; change(&v); return v }
	listing := filepath.Join(second, store.ListingFile)
	bagName := strings.TrimSuffix(names[1], ".rec") + ".key"
	for _, c := range []struct {
		what     string
		versions []store.Version
		want     int
		says     string
	}{
		{"locked as it was told", []store.Version{good}, exitOK, "whole              6"},
		{"locked for longer", []store.Version{with(func(v *store.Version) { v.Until = at.Add(5 * time.Hour) })}, exitOK, "whole              6"},
		{"its time is over", []store.Version{with(func(v *store.Version) { v.Until, v.Asked = at.Add(-2*time.Hour), at.Add(-time.Hour) })}, exitOK, "whole              6"},
		{"hidden", []store.Version{marker, good}, exitTampered, "a delete marker"},
		{"only hidden is left", []store.Version{marker}, exitTampered, "no version of it is left"},
		{"overwritten", []store.Version{good, good}, exitTampered, "it was overwritten: 2 versions"},
		{"shortened", []store.Version{with(func(v *store.Version) { v.Until = at.Add(59 * time.Minute) })}, exitTampered, "its lock was shortened"},
		{"not locked", []store.Version{with(func(v *store.Version) { v.Mode, v.Until = "", time.Time{} })}, exitTampered, "nothing locks it"},
		{"weakened", []store.Version{with(func(v *store.Version) { v.Mode = store.Governance })}, exitTampered, "can be removed"},
		{"an unknown kind of lock", []store.Version{with(func(v *store.Version) { v.Mode = "\x1b[2J" })}, exitTampered, `"\x1b[2J"`},
		{"from somebody else", []store.Version{with(func(v *store.Version) { v.Asked = time.Time{} })}, exitUnverifiable, "not written by a witness"},
		{"not said", []store.Version{with(func(v *store.Version) { v.Broken = "denied" })}, exitUnverifiable, "denied"},
	} {
		for kind, l := range map[string]store.Listing{
			"recording": {At: at, Recordings: []store.Object{{Key: "k", Name: names[1], Versions: c.versions}}},
			"part":      {At: at, Parts: []store.Object{{Key: "k", Name: names[1], Part: "0", Versions: c.versions}}},
		} {
			file, err := json.Marshal(l)
			must(t, err)
			must(t, os.WriteFile(listing, file, 0o600))
			want, says := c.want, c.says
			if kind == "part" && strings.Contains(says, "can be removed") {
				want, says = exitOK, "" // what a part is locked with
			}
			if kind == "part" && strings.Contains(says, "x1b") {
				continue
			}
			check(kind+" "+c.what, want, says)
		}
	}
	for what, c := range map[string]struct {
		listing string
		want    int
		says    string
	}{
		"a bag that is hidden without a decision": {`{"at":"` + at.Format(time.RFC3339) + `","bags":[{"name":"` + bagName + `","versions":[{"marker":true,"newest":true}]}]}`, exitTampered, "no decision"},
		"a bag that nobody locks on":              {`{"at":"` + at.Format(time.RFC3339) + `","bags":[{"name":"` + bagName + `","versions":[{"newest":true}]}]}`, exitIncomplete, "renewed its lock"},
		"a name for a terminal":                   {`{"recordings":[{"name":"\u001b[2J"}]}`, exitUnverifiable, `\x1b[2J`},
		"not JSON":                                {`{`, exitUsage, ""},
	} {
		must(t, os.WriteFile(listing, []byte(c.listing), 0o600))
		check(what, c.want, c.says)
	}
	must(t, os.Remove(listing))
	must(t, log.Close())
	check("key bags", exitOK, "none of the stores has any")
	if _, _, code := verify(t, "store", filepath.Join(b.dir, "none"), first, "--policy", b.policy); code != exitUsage {
		t.Errorf("no log: %d", code)
	}
}

// TestStoreBags: the office's bags lie beside its recordings, a witness's in a folder
// of their own; one of them lacks one, has another, or one that was destroyed.
func TestStoreBags(t *testing.T) {
	b := newBench(t)
	office, witness := filepath.Join(b.dir, "office"), filepath.Join(b.dir, "witness")
	rec, bags := filepath.Join(witness, "rec"), filepath.Join(witness, "bags")
	must(t, errors.Join(os.Mkdir(office, 0o700), os.MkdirAll(rec, 0o700), os.Mkdir(bags, 0o700)))
	now := b.conf.Started
	log, err := translog.Create(filepath.Join(b.dir, "log"), translog.Config{Origin: "office.example/evidence", Key: b.log, Now: func() time.Time { return now }})
	must(t, err)
	add := func(l ...translog.Leaf) {
		t.Helper()
		_, err := log.Add(t.Context(), l...)
		must(t, err)
	}
	var names []string
	var ids []translog.ID
	for range 3 {
		c := b.conf
		c.Dir, c.BagDir, c.Session = office, "", recordings.NewSessionID()
		w, err := recordings.Create(c)
		must(t, err)
		o, h := w.Open(), w.Head()
		bag, err := os.ReadFile(recordings.DefaultBag(w.Path()))
		must(t, err)
		add(translog.Opened{SID: translog.ID(o.Session), Key: translog.Hash(o.Key), Commit: o.Commit, Bag: sha256.Sum256(bag), N: h.N, Root: translog.Hash(h.Root), Retention: "standard"})
		h, err = w.Close()
		must(t, err)
		file, err := os.ReadFile(w.Path())
		must(t, err)
		add(translog.Closed{SID: translog.ID(o.Session), N: h.N, Root: translog.Hash(h.Root), Bytes: uint64(len(file)), SHA256: sha256.Sum256(file)})
		must(t, errors.Join(os.WriteFile(filepath.Join(rec, filepath.Base(w.Path())), file, 0o600), os.WriteFile(filepath.Join(bags, filepath.Base(recordings.DefaultBag(w.Path()))), bag, 0o600)))
		names, ids = append(names, filepath.Base(recordings.DefaultBag(w.Path()))), append(ids, translog.ID(o.Session))
	}
	check := func(what string, want int, says string) {
		t.Helper()
		// One that is unverifiable for want of a witness is as good as it gets here.
		out, errs, code := verify(t, "store", filepath.Join(b.dir, "log"), office, rec, "--policy", b.policy)
		if code != want || !strings.Contains(out, says) {
			t.Errorf("%s: %d, want %d: %s%s", what, code, want, out, errs)
		}
	}
	const fine = exitUnverifiable
	later := func() { now = now.Add(16 * time.Minute); add(translog.Admin{What: "a.b", By: "command"}) }
	check("as it is", fine, "6 as the log has them")
	honest, err := os.ReadFile(filepath.Join(bags, names[0]))
	must(t, err)
	must(t, os.Remove(filepath.Join(bags, names[0])))
	check("on its way", exitIncomplete, filepath.Join(bags, names[0]))
	later()
	check("never came", exitTampered, "cannot be read from this store")
	must(t, os.WriteFile(filepath.Join(bags, names[0]), append(bytes.Clone(honest), ' '), 0o600))
	check("another", exitTampered, "lets others read")
	must(t, os.WriteFile(filepath.Join(bags, names[0]), honest, 0o600))
	check("back", fine, "6 as the log has them")
	// Wrapped anew, and only one store knows.
	rewrapped := bytes.Replace(honest, []byte(`"class":"auditor"`), []byte(`"class":"escrow"`), 1)
	add(translog.Rewrap{SID: ids[0], Bag: sha256.Sum256(rewrapped), By: "au"})
	must(t, os.WriteFile(filepath.Join(office, names[0]), rewrapped, 0o600))
	check("on its way", exitIncomplete, "before the keys were wrapped anew")
	later()
	check("not wrapped anew", fine, "before the keys were wrapped anew")
	must(t, os.WriteFile(filepath.Join(bags, names[0]), rewrapped, 0o600))
	// Destroyed by decision, and one store kept it.
	erase := translog.ID{7}
	add(translog.Erase{ID: erase, SID: ids[1], Step: translog.StepAsked, By: "au", Role: translog.RoleAuditor},
		translog.Erase{ID: erase, SID: ids[1], Step: translog.StepApproved, By: "au", Role: translog.RoleAuditor},
		translog.Erase{ID: erase, SID: ids[1], Step: translog.StepApproved, By: "dpo", Role: translog.RoleDPO},
		translog.Shred{SID: ids[1], Bag: translog.Hash{1}, By: [2]string{"au", "dpo"}, Erase: erase})
	must(t, os.Remove(filepath.Join(office, names[1])))
	check("not destroyed yet", exitIncomplete, filepath.Join(bags, names[1]))
	later()
	check("kept, against the decision", exitTampered, "its key bag is here")
	must(t, os.Rename(filepath.Join(bags, names[1]), filepath.Join(bags, strings.TrimSuffix(names[1], ".key")+".before.key")))
	check("an older one kept", exitTampered, "an older key bag is here")
	must(t, os.Remove(filepath.Join(bags, strings.TrimSuffix(names[1], ".key")+".before.key")))
	check("destroyed", fine, "4 as the log has them, 1 segments destroyed by decision")
	// Back among the recordings, where no bag should lie.
	put := func(path string, b []byte) { t.Helper(); must(t, os.WriteFile(path, b, 0o600)) }
	put(filepath.Join(rec, names[1]), honest)
	check("put back elsewhere", exitTampered, filepath.Join(rec, names[1])+": its keys were destroyed")
	must(t, os.Remove(filepath.Join(rec, names[1])))

	// The log's own keys: in both places, by two names, as the log says.
	base := strings.TrimSuffix(names[2], ".key")
	keys, anew := []byte("keys"), []byte("keys for others")
	here, there, apart := filepath.Join(office, base+".logkeys"), filepath.Join(bags, base+".logkeys.key"), translog.ID{8}
	add(translog.Share{ID: apart, SID: ids[2], By: "broker", To: translog.ToLog, Tracks: translog.Tracks{1}}, translog.LogKeys{SID: ids[2], Keys: sha256.Sum256(keys), By: "broker"})
	put(here, keys)
	check("a log's keys on their way", exitIncomplete, filepath.Join(bags, base+".logkeys"))
	later()
	check("a log's keys never came", fine, "cannot be read without its recording")
	put(there, keys)
	check("a log's keys in both places", fine, "Keys of logs: 2 as the log has them")
	put(there, anew)
	check("others", exitTampered, "the log has other keys of its own")
	add(translog.LogKeys{SID: ids[2], Keys: sha256.Sum256(anew), By: "au"})
	check("wrapped anew, and on its way", exitIncomplete, filepath.Join(office, base+".logkeys")+": it is from before")
	put(here, anew)
	check("wrapped anew", fine, "Keys of logs: 2 as the log has them")
	erase = translog.ID{9}
	add(translog.Erase{ID: erase, SID: ids[2], Step: translog.StepAsked, By: "au", Role: translog.RoleAuditor},
		translog.Erase{ID: erase, SID: ids[2], Step: translog.StepApproved, By: "au", Role: translog.RoleAuditor},
		translog.Erase{ID: erase, SID: ids[2], Step: translog.StepApproved, By: "dpo", Role: translog.RoleDPO},
		translog.Shred{SID: ids[2], Bag: translog.Hash{1}, By: [2]string{"au", "dpo"}, Erase: erase})
	must(t, errors.Join(os.Remove(filepath.Join(office, names[2])), os.Remove(filepath.Join(bags, names[2]))))
	check("the log is kept", fine, "Keys of logs: 2 as the log has them")
	for _, left := range []string{"-" + strings.Repeat("1", 32) + ".share", "-" + strings.Repeat("1", 32) + ".told.new", ".key.new", ".key.before.new"} {
		put(filepath.Join(office, base+left), keys)
		check("left: "+left, exitIncomplete, filepath.Join(office, base+left)+": its keys were destroyed")
		must(t, os.Remove(filepath.Join(office, base+left)))
	}
	add(translog.Revoke{ID: apart, SID: ids[2], By: "broker"})
	must(t, os.Remove(here))
	check("a log's keys not destroyed yet", exitIncomplete, there)
	later()
	check("a log's keys kept", exitTampered, there+": the keys of its log were destroyed")
	must(t, os.Rename(there, filepath.Join(bags, base+".logkeys.before.key")))
	check("older ones kept", exitTampered, "the keys of its log were destroyed")
	must(t, os.Remove(filepath.Join(bags, base+".logkeys.before.key")))
	check("all of it destroyed", fine, "2 as the log has them, 2 segments destroyed by decision")

	must(t, os.WriteFile(filepath.Join(bags, strings.Repeat("0", 32)+"-0.key"), honest, 0o600))
	check("invented", fine, "does not know it")
	must(t, log.Close())
}
