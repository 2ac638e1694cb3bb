package web_test

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
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
	for _, module := range []string{"player/bag", "crypto/bytes", "crypto/hpke", "player/hybrid", "player/identity", "player/keytext", "player/policyfile", "player/rootkey", "player/secret", "player/share", "player/wrap"} {
		fmt.Fprintf(&contents, "export * from %q;\n", "./"+module)
	}
	built := api.Build(api.BuildOptions{Bundle: true, Format: api.FormatIIFE, GlobalName: "player", Target: api.ES2023, LogLevel: api.LogLevelSilent,
		Stdin: &api.StdinOptions{Contents: contents.String(), ResolveDir: "../../../console/src", Loader: api.LoaderTS}})
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
	Link, Share struct {
		File, Secret string
		Keys         []string
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

	b.shareVectors(v, read(v.Link.File), read(v.Share.File))

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

// shareVectors: browsers open the shares that package recordings makes, with the very
// keys in them, make the same byte by byte, and refuse what it refuses.
func (b *chromium) shareVectors(v keyVectors, link, share string) {
	b.t.Helper()
	quoted := func(value any) string {
		j, err := json.Marshal(value)
		if err != nil {
			b.t.Fatal(err)
		}
		return string(j)
	}
	terms, err := recordings.ParseShare([]byte(link))
	if err != nil {
		b.t.Fatal(err)
	}
	var words []string // each encrypted with one of the keys
	for i, text := range v.Link.Keys {
		key, err := hex.DecodeString(text)
		if err != nil {
			b.t.Fatal(err)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			b.t.Fatal(err)
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			b.t.Fatal(err)
		}
		words = append(words, hex.EncodeToString(gcm.Seal(nil, make([]byte, 12), fmt.Appendf(nil, "word %d", i), nil)))
	}
	last := terms.Until.UnixMilli() - 1
	// with opens a share, and decrypts the words with the keys for tracks 3 and 4.
	with := func(text, key, open string, now int64) string {
		b.t.Helper()
		return evaluate[string](b, fmt.Sprintf(`(async (words) => { try {
			const keys = await player.openShare(%s, %s, %s, %d);
			const covered = [0, 1, 2].flatMap((m) => [2, 3, 4, 5].filter((t) => keys.covers(t, m)).map((t) => t + "/" + m));
			const read = await Promise.all(words.map(async (w, i) => new TextDecoder().decode(await crypto.subtle.decrypt({name: "AES-GCM", iv: new Uint8Array(12)}, await keys.of(3 + i, 1), player.unhex(w)))));
			return [...covered, ...read].join(", ");
		} catch (e) { return e.code ?? String(e); } })(%s)`, quoted(text), open, key, now, quoted(words)))
	}
	here := fmt.Sprintf(`{sid: %q, segment: 0}`, v.Sid)
	secret := fmt.Sprintf(`{secret: player.unbase64url32(%q)}`, v.Link.Secret)
	identity := fmt.Sprintf(`{identities: [await whole(%q)]}`, v.Identities["technician"].Secret)
	const opened = "3/1, 4/1, word 0, word 1"
	wrong := map[bool]string{true: "A", false: "B"}[v.Link.Secret[0] == 'B'] + v.Link.Secret[1:]
	for name, c := range map[string]struct {
		text, key, open string
		now             int64
		want            string
	}{
		"link":                    {link, secret, here, last, opened},
		"share":                   {share, identity, here, last, opened},
		"link, at its end":        {link, secret, here, last + 1, "expired"},
		"share, at its end":       {share, identity, here, last + 1, "expired"},
		"another secret":          {link, fmt.Sprintf(`{secret: player.unbase64url32(%q)}`, wrong), here, last, "wrong_link"},
		"another identity":        {share, fmt.Sprintf(`{identities: [await whole(%q)]}`, v.Identities["auditor"].Secret), here, last, "foreign_key"},
		"an identity for a link":  {link, identity, here, last, "foreign_key"},
		"a secret for a share":    {share, secret, here, last, "foreign_key"},
		"another segment":         {link, secret, fmt.Sprintf(`{sid: %q, segment: 1}`, v.Sid), last, "wrong_bag"},
		"another session":         {link, secret, fmt.Sprintf(`{sid: %q, segment: 0}`, strings.Repeat("0", 32)), last, "wrong_bag"},
		"more time":               {strings.Replace(link, `"until":17`, `"until":19`, 1), secret, here, last + 1, "wrong_link"},
		"another minute":          {strings.Replace(link, `"from":60000,"to":120000`, `"from":0,"to":60000`, 1), secret, here, last, "wrong_link"},
		"another track":           {strings.Replace(link, `"tracks":[3,4]`, `"tracks":[2,3]`, 1), secret, here, last, "wrong_link"},
		"more than there is":      {strings.Replace(link, `"to":120000`, `"to":6000000000`, 1), secret, here, last, "malformed"},
		"backwards":               {strings.Replace(link, `"from":60000`, `"from":180000`, 1), secret, here, last, "malformed"},
		"cut":                     {link[:len(link)/2], secret, here, last, "malformed"},
		"no share at all":         {`null`, secret, here, last, "malformed"},
		"a share without anybody": {strings.Replace(link, `"stanzas":[]`, `"stanzas":7`, 1), secret, here, last, "malformed"},
	} {
		if got := with(c.text, c.key, c.open, c.now); got != c.want {
			b.t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	made := evaluate[string](b, fmt.Sprintf(`(async (golden) => { const g = JSON.parse(golden); return player.makeShare(player.unhex(vectors.Cek), {sid: vectors.Sid, segment: 0},
		{id: g.id, tracks: [...g.tracks].reverse(), from: g.from + 1, to: g.to - 1, made: g.made, until: g.until}, player.unbase64url32(%q), player.unbase64(g.body).slice(0, 12)); })(%s)`, v.Link.Secret, quoted(link)))
	if made != strings.TrimSuffix(link, "\n") {
		b.t.Errorf("made\n%s, want\n%s", made, link)
	}
}
