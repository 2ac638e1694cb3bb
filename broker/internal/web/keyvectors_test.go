package web_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"consento/recordings"

	"github.com/evanw/esbuild/pkg/api"
)

const vectorsFolder = "../../../recordings/testdata/v2/"

// playerModules makes one script of the modules that keys, bags and policies are made
// with in browsers; what they export is under "player".
func playerModules(t testing.TB) string {
	t.Helper()
	var contents strings.Builder
	for _, module := range []string{"bag", "bytes", "hpke", "hybrid", "identity", "keytext", "policyfile", "rootkey", "wrap"} {
		fmt.Fprintf(&contents, "export * from %q;\n", "./"+module)
	}
	built := api.Build(api.BuildOptions{Bundle: true, Format: api.FormatIIFE, GlobalName: "player", Target: api.ES2023, LogLevel: api.LogLevelSilent,
		Stdin: &api.StdinOptions{Contents: contents.String(), ResolveDir: "../../../console/src/player", Loader: api.LoaderTS}})
	if len(built.Errors) > 0 {
		t.Fatal(built.Errors)
	}
	return string(built.OutputFiles[0].Contents)
}

// keyVectors is what is used here of vectors.json.
type keyVectors struct {
	Identities map[string]struct {
		Secret, Recipient, ID, Private, Public string
		KEM                                    int
	}
	Roots    map[string]struct{ Seed, Public string }
	Sid, Cek string
	Commit   string
	BagInfo  string `json:"bag_info"`
	Parts    []struct {
		Stanza, Part   int
		Who, Wrap, AAD string
	}
	Policies []struct {
		File, Hash string
		Stanzas    map[string][]string
	}
}

// TestKeyVectorsInChromium: what browsers make of keys, sheets, bags and policies is
// byte by byte what package recordings makes of them, both ways.
func TestKeyVectorsInChromium(t *testing.T) {
	read := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(vectorsFolder + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var v keyVectors
	if err := json.Unmarshal([]byte(read("vectors.json")), &v); err != nil {
		t.Fatal(err)
	}
	b := newChromium(t, builtHouse(t), "en")
	b.open("/", "#key")
	quoted := func(value any) string {
		t.Helper()
		j, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return string(j)
	}
	evaluate[bool](b, `(() => { `+playerModules(t)+`;
		const vectors = `+quoted(v)+`;
		const bag = `+quoted(strings.TrimSuffix(read("golden-0.key"), "\n"))+`;
		const whole = async (secret) => { const key = await player.readIdentity(secret);
			return key.kem === 0x50 ? player.hybridIdentity(key.bytes) : player.lockPair(await player.readPair(secret)); };
		const rootOf = async (seed) => player.signerOf(await player.takeRoot(player.unhex("302e020100300506032b657004220420" + seed)));
		Object.assign(globalThis, {player, vectors, bag, whole, rootOf});
		return true; })()`)

	ids := map[string]recordings.Identity{}
	for name, want := range v.Identities {
		id, err := recordings.ParseIdentity(want.Secret)
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = id
		sheet, err := id.Sheet()
		if err != nil {
			t.Fatal(err)
		}
		got := evaluate[[]string](b, fmt.Sprintf(`(async (secret, sheet) => {
			const key = await player.readIdentity(secret), typed = await player.readSheet(sheet);
			const publicKey = key.kem === 0x50 ? (await player.hybridIdentity(key.bytes)).publicKey : (await player.readPair(secret)).publicKey;
			return [player.hex(key.bytes), player.hex(publicKey), (await whole(secret)).id, await player.recipientText({kem: key.kem, bytes: publicKey}),
				(await player.sheetLines(key)).join("\n"), player.hex(typed.bytes) + " " + typed.kem, player.hex((await player.readRecipient(%s)).bytes)];
		})(%s, %s)`, quoted(want.Recipient), quoted(want.Secret), quoted(strings.Join(sheet, "\r\n"))))
		if wanted := []string{want.Private, want.Public, want.ID, want.Recipient, strings.Join(sheet, "\n"), fmt.Sprintf("%s %d", want.Private, want.KEM), want.Public}; !slices.Equal(got, wanted) {
			t.Errorf("%s:\n%q, want\n%q", name, got, wanted)
		}
	}

	for _, part := range v.Parts {
		got := evaluate[string](b, fmt.Sprintf(`(async () => { const id = await whole(%s), part = JSON.parse(bag).stanzas[%d].parts[%d];
			const enc = player.unbase64(part.body).slice(0, id.encSize);
			return player.hex(await player.exported(id.kem, await id.decapsulate(enc), player.utf8(vectors.bag_info), "consento-wrap/v1")); })()`,
			quoted(v.Identities[part.Who].Secret), part.Stanza, part.Part))
		if got != part.Wrap {
			t.Errorf("part %d of stanza %d, of %s: wrapping key %s", part.Part, part.Stanza, part.Who, got)
		}
	}
	opens := func(who ...string) string {
		t.Helper()
		var secrets []string
		for _, name := range who {
			secrets = append(secrets, v.Identities[name].Secret)
		}
		return evaluate[string](b, fmt.Sprintf(`(async () => { try { return player.hex(await player.openBag(bag, {sid: vectors.Sid, segment: 0, commit: player.unhex(vectors.Commit)}, await Promise.all(%s.map(whole)))); }
			catch (e) { return e.code; } })()`, quoted(secrets)))
	}
	for who, want := range map[string]string{"escrow1 escrow2": v.Cek, "escrow3 escrow1": v.Cek, "escrow2 escrow3": v.Cek, "auditor": v.Cek, "escrow2": "second_key", "escrow1 dpo": "second_key", "technician": "foreign_key"} {
		if got := opens(strings.Fields(who)...); got != want {
			t.Errorf("%s: %s, want %s", who, got, want)
		}
	}

	for n, p := range v.Policies {
		file := read(p.File)
		signer, before := "first", "undefined"
		if n == 1 {
			signer, before = "second", "await rootOf(vectors.Roots.first.Seed)"
		}
		got := evaluate[[]string](b, fmt.Sprintf(`(async (file) => { const p = await player.readPolicy(file);
			return [p.hash, player.policyText(p.policy), await player.signPolicy(p.policy, await rootOf(vectors.Roots.%s.Seed), %s)]; })(%s)`, signer, before, quoted(file)))
		if want := []string{p.Hash, strings.Split(file, "\n")[0], file}; !slices.Equal(got, want) {
			t.Errorf("%s:\n%q, want\n%q", p.File, got, want)
		}
		for who, want := range p.Stanzas {
			team, territory, _ := strings.Cut(who, "/")
			got := evaluate[[]string](b, fmt.Sprintf(`(async (file) => Promise.all((await player.ways((await player.readPolicy(file)).policy, %s, %s)).map(async (w) => [w.class,
				...(await Promise.all(w.to.map(player.recipientText))).map((t) => Object.keys(vectors.Identities).find((n) => vectors.Identities[n].Recipient === t))].join(" "))))(%s)`, quoted(team), quoted(territory), quoted(file)))
			if !slices.Equal(got, want) {
				t.Errorf("%s, %s: %q, want %q", p.File, who, got, want)
			}
		}
		// One bit of the text changed, and another root: not taken.
		for what, bad := range map[string]string{"changed": strings.Replace(file, `"customer":`, `"customer": `, 1), "another text": strings.Replace(file, `"made":1`, `"made":2`, 1)} {
			if got := evaluate[string](b, fmt.Sprintf(`player.readPolicy(%s).then(() => "taken", (e) => e.code)`, quoted(bad))); got != "malformed_policy" {
				t.Errorf("%s, %s: %s", p.File, what, got)
			}
		}
	}

	// What the browser wraps, package recordings opens, in each way that the policy names.
	made := evaluate[string](b, fmt.Sprintf(`(async (file) => player.wrapBag(player.unhex(vectors.Cek), vectors.Sid, 0, await player.ways((await player.readPolicy(file)).policy, "Assistenza", "Città di Roma")))(%s)`, quoted(read("1.policy"))))
	path := filepath.Join(t.TempDir(), "golden-0.rec")
	for name, content := range map[string]string{path: read("golden-0.rec"), recordings.DefaultBag(path): made} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getenv("CONSENTO_MAKE_VECTORS") != "" {
		if err := os.WriteFile(vectorsFolder+"browser.key", []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bag, err := recordings.ReadBag(recordings.DefaultBag(path))
	if err != nil {
		t.Fatal(err)
	}
	var classes []string
	for _, s := range bag.Stanzas() {
		classes = append(classes, fmt.Sprintf("%s %d", s.Class, len(s.IDs)))
		var pair []recordings.Identity
		for _, id := range ids {
			if slices.Contains(s.IDs, id.Recipient().ID()) {
				pair = append(pair, id)
			}
		}
		session, err := recordings.OpenSession(path, pair...)
		if err != nil {
			t.Fatalf("stanza %v: %v", s, err)
		}
		if err := session.Close(); err != nil {
			t.Error(err)
		}
		if len(pair) == 2 {
			if _, err := recordings.OpenSession(path, pair[0]); err == nil {
				t.Errorf("stanza %v: one key opens", s)
			}
		}
	}
	if want := []string{"auditor 2", "escrow 2", "escrow 2", "escrow 2"}; !reflect.DeepEqual(classes, want) {
		t.Errorf("ways %v, want %v", classes, want)
	}
}
