package recordings

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hpke"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// vectors are for whoever reads bags, policies, shares and excerpts in another
// language (testdata/v2). Like the golden recording they are never made anew.
// Byte strings are hexadecimal unless said otherwise.
type vectors struct {
	Identities map[string]vectorIdentity `json:"identities"`
	Roots      map[string]vectorRoot     `json:"roots"`
	Session    string                    `json:"sid"`
	CEK        string                    `json:"cek"`
	Commit     string                    `json:"commit"`
	BagHash    string                    `json:"bag_hash"`
	BagInfo    string                    `json:"bag_info"`
	Parts      []vectorPart              `json:"parts"`
	TrackKeys  []vectorKey               `json:"track_keys"`
	Records    []vectorRecord            `json:"records"`
	Policies   []vectorPolicy            `json:"policies"`
	Link       vectorShare               `json:"link"`
	Share      vectorShare               `json:"share"`
	Head       string                    `json:"head"` // "n base64"
}

type vectorIdentity struct {
	Secret    string `json:"secret"`    // text
	Recipient string `json:"recipient"` // text
	ID        string `json:"id"`
	KEM       int    `json:"kem"`
	Private   string `json:"private"`
	Public    string `json:"public"`
}

type vectorRoot struct {
	Seed   string `json:"seed"`
	Public string `json:"public"`
}

type vectorPart struct {
	Stanza int    `json:"stanza"`
	Part   int    `json:"part"`
	Who    string `json:"who"` // name of the identity
	AAD    string `json:"aad"` // text
	Wrap   string `json:"wrap"`
	Share  string `json:"share"` // XOR over the parts of a stanza: the CEK
}

type vectorKey struct {
	Track  Track  `json:"track"`
	Minute uint32 `json:"minute"`
	Info   string `json:"info"` // text
	Key    string `json:"key"`
}

type vectorRecord struct {
	Index uint64 `json:"index"`
	Track Track  `json:"track"`
	AtMs  int64  `json:"at_ms"`
	Plain string `json:"plain"` // text
}

type vectorPolicy struct {
	File    string              `json:"file"`
	Hash    string              `json:"hash"`
	Stanzas map[string][]string `json:"stanzas"` // "team/territory": "class who who"
}

type vectorShare struct {
	File    string   `json:"file"`
	Secret  string   `json:"secret"` // text of a link
	Info    string   `json:"info"`   // text
	Key     string   `json:"key"`    // that the keys are encrypted with
	AAD     string   `json:"aad"`    // text
	Keys    []string `json:"keys"`   // in the order of the file
	Records []uint64 `json:"records"`
}

const vectorsDir = "testdata/v2"

func TestVectors(t *testing.T) {
	if os.Getenv("CONSENTO_MAKE_VECTORS") != "" {
		makeVectors(t)
	}
	var want vectors
	b, err := os.ReadFile(filepath.Join(vectorsDir, "vectors.json"))
	must(t, err)
	must(t, json.Unmarshal(b, &want))
	ids := map[string]Identity{}
	for name, v := range want.Identities {
		id, err := ParseIdentity(v.Secret)
		must(t, err)
		ids[name] = id
		if v != newVectorIdentity(t, id) {
			t.Errorf("%s: another identity", name)
		}
	}
	if got := computeVectors(t, ids, want); !reflect.DeepEqual(got, want) {
		g, err := json.MarshalIndent(got, "", "  ")
		must(t, err)
		t.Errorf("the files say\n%s", g)
	}
	// Everything else that a reader needs.
	path := filepath.Join(vectorsDir, "golden-0.rec")
	known, err := ScanFile(path, ScanOptions{})
	must(t, err)
	cosigs, err := ReadCosignatures(DefaultCosignatures(path), known.Open.Session)
	must(t, err)
	if known.Verdict != Unanchored || len(known.Cosignatures) != 1 || len(cosigs) != 1 || !cosigs[0].Head.Same(known.Head) {
		t.Errorf("%v, %v, %d countersignatures", known.Verdict, known.Fault, len(cosigs))
	}
	bag, err := ReadBag(DefaultBag(path))
	must(t, err)
	// The same key, wrapped by a browser for another team.
	browser, err := ReadBag(filepath.Join(vectorsDir, "browser.key"))
	must(t, err)
	for _, pair := range [][]string{{"auditor2", "dpo"}, {"escrow1", "escrow2"}, {"escrow1", "escrow3"}, {"escrow2", "escrow3"}} {
		key, err := browser.open(known.Open, []Identity{ids[pair[0]], ids[pair[1]]})
		if must(t, err); hex.EncodeToString(key[:]) != want.CEK {
			t.Errorf("%v: %x", pair, key)
		}
		if _, err := browser.open(known.Open, []Identity{ids[pair[1]]}); !errors.Is(err, ErrMoreKeys) {
			t.Errorf("%s alone: %v", pair[1], err)
		}
	}
	root, err := hex.DecodeString(want.Roots["first"].Public)
	must(t, err)
	chain, err := ReadPolicies(vectorsDir, root)
	must(t, err)
	if n, err := chain.Check(known.Open, bag); n != 1 || err != nil || chain.Len() != 2 {
		t.Errorf("by policy %d of %d: %v", n, chain.Len(), err)
	}
	e, err := ReadExcerpt(filepath.Join(vectorsDir, "golden-0.excerpt"))
	must(t, err)
	if !e.Head.Same(known.Head) || len(e.Records) != 4 || len(e.Cosignatures) != 1 {
		t.Errorf("%+v", e.Head)
	}
}

func newVectorIdentity(t *testing.T, id Identity) vectorIdentity {
	secret, err := id.Secret()
	must(t, err)
	private, err := id.key.Bytes()
	must(t, err)
	r := id.Recipient()
	return vectorIdentity{secret, r.String(), r.ID(), r.kem(), hex.EncodeToString(private), hex.EncodeToString(r.key.Bytes())}
}

// computeVectors works everything out again from the files and the identities.
func computeVectors(t *testing.T, ids map[string]Identity, given vectors) vectors {
	path := filepath.Join(vectorsDir, "golden-0.rec")
	out := vectors{Identities: given.Identities, Roots: given.Roots}
	full, err := OpenSession(path, ids["auditor"])
	must(t, err)
	o, cek := full.open, full.keys.(*trackKeys).key
	bag, err := ReadBag(DefaultBag(path))
	must(t, err)
	hash := bag.Hash()
	out.Session, out.CEK, out.Commit = o.Session.String(), hex.EncodeToString(cek[:]), hex.EncodeToString(o.Commit[:])
	out.BagHash, out.BagInfo = hex.EncodeToString(hash[:]), bagInfo(2, o.Session, 0)
	for i, s := range bag.stanzas {
		for j, p := range s.Parts {
			for name, id := range ids {
				if id.Recipient().ID() == p.ID {
					aad := partAAD(s.Class, p.ID)
					share, err := p.unwrap(id, out.BagInfo, aad)
					must(t, err)
					out.Parts = append(out.Parts, vectorPart{i, j, name, aad, hex.EncodeToString(wrapOf(t, p, id, out.BagInfo)), hex.EncodeToString(share[:])})
				}
			}
		}
	}
	for _, track := range []Track{TrackEvents, TrackChat, TrackShell} {
		for m := range uint32(2) {
			key, err := cek.derive(trackInfo(o.Session, track, m))
			must(t, err)
			out.TrackKeys = append(out.TrackKeys, vectorKey{track, m, trackInfo(o.Session, track, m), hex.EncodeToString(key)})
		}
	}
	rep, err := full.Read(ScanOptions{}, func(i Item) error {
		out.Records = append(out.Records, vectorRecord{i.Index, i.Track, i.At.Milliseconds(), string(i.Body)})
		return nil
	})
	must(t, err)
	out.Head = rep.Head.String()
	for n := 1; n <= 2; n++ {
		p, err := ReadPolicy(filepath.Join(vectorsDir, PolicyFile(n)))
		must(t, err)
		hash := p.Hash()
		v := vectorPolicy{PolicyFile(n), hex.EncodeToString(hash[:]), map[string][]string{}}
		for _, who := range [][2]string{{"Support", "Berlin"}, {"Assistenza", "Città di Roma"}} {
			stanzas, err := p.Stanzas(who[0], who[1])
			must(t, err)
			for _, s := range stanzas {
				line := string(s.Class)
				for _, r := range s.To {
					for name, id := range ids {
						if id.Recipient().same(r) {
							line += " " + name
						}
					}
				}
				v.Stanzas[who[0]+"/"+who[1]] = append(v.Stanzas[who[0]+"/"+who[1]], line)
			}
		}
		out.Policies = append(out.Policies, v)
	}
	out.Link = computeShare(t, path, "golden-0.link", given.Link.Secret, Identity{})
	out.Share = computeShare(t, path, "golden-0.share", "", ids["technician"])
	return out
}

func computeShare(t *testing.T, path, file, secret string, id Identity) vectorShare {
	s, err := ReadShare(filepath.Join(vectorsDir, file))
	must(t, err)
	key := ByIdentity(id)
	if secret != "" {
		k, err := ParseShareSecret(secret)
		must(t, err)
		key = BySecret(k)
	}
	part, err := OpenShared(path, s, s.Made, key)
	must(t, err)
	info := shareInfo(s.json.ID, part.open)
	wrapping, err := key(s, info)
	must(t, err)
	outer := s.json
	outer.Body = ""
	aad, err := json.Marshal(outer)
	must(t, err)
	v := vectorShare{File: file, Secret: secret, Info: info, Key: hex.EncodeToString(wrapping[:]), AAD: string(aad)}
	for k := part.keys.(*sharedKeys).keys; len(k) > 0; k = k[32:] {
		v.Keys = append(v.Keys, hex.EncodeToString(k[:32]))
	}
	_, err = part.Read(ScanOptions{}, func(i Item) error { v.Records = append(v.Records, i.Index); return nil })
	must(t, err)
	return v
}

// wrapOf is the wrapping key of a part.
func wrapOf(t *testing.T, p partJSON, id Identity, info string) []byte {
	b, err := base64.StdEncoding.DecodeString(p.Body)
	must(t, err)
	r, err := hpke.NewRecipient(b[:kems[p.KEM].enc], id.key, hpke.HKDFSHA256(), hpke.ExportOnly(), []byte(info))
	must(t, err)
	k, err := wrapKey(r.Export)
	must(t, err)
	return k
}

func makeVectors(t *testing.T) {
	must(t, os.MkdirAll(vectorsDir, 0o755))
	o := newOfficePolicy(t)
	technician := newTestIdentity(t)
	_, second := newLogKey(t)
	two := o.next(func(p *Policy) { p.Root, p.Customer = second.Public().(ed25519.PublicKey), false })
	signed, err := two.Sign(second, o.root)
	must(t, err)
	must(t, WritePolicy(vectorsDir, o.signed))
	must(t, WritePolicy(vectorsDir, signed))
	want := vectors{Identities: map[string]vectorIdentity{}, Roots: map[string]vectorRoot{}}
	ids := map[string]Identity{"auditor": o.berlin, "auditor2": o.roma, "dpo": o.dpo, "customer": o.customer, "technician": technician,
		"escrow1": o.escrow[0], "escrow2": o.escrow[1], "escrow3": o.escrow[2]}
	for name, id := range ids {
		want.Identities[name] = newVectorIdentity(t, id)
	}
	for name, k := range map[string]ed25519.PrivateKey{"first": o.root, "second": second} {
		want.Roots[name] = vectorRoot{hex.EncodeToString(k.Seed()), hex.EncodeToString(k.Public().(ed25519.PublicKey))}
	}

	s := newSetup(t)
	s.conf.Dir, s.conf.Origin, s.conf.Policy = vectorsDir, "office.example", o.signed.Hash()
	stanzas, err := o.signed.Stanzas("Support", "Berlin")
	must(t, err)
	dual, err := o.signed.Stanzas("Assistenza", "Città di Roma")
	must(t, err)
	s.conf.Recipients = nil
	s.conf.Stanzas = append(append(stanzas, dual[0]), Alone(ClassCustomer, o.customer.Recipient())...)
	w := s.create(t)
	_, witness := newLogKey(t)
	for m := range 2 {
		at := time.Duration(m)*time.Minute + 5*time.Second
		for _, track := range []Track{TrackEvents, TrackChat, TrackShell} {
			must(t, w.Append(track, 0, at, 0, fmt.Appendf(nil, `{"code":"test.%v","at_ms":%d,"data":{"text":"Grüße, ご挨拶"}}`, track, at.Milliseconds())))
		}
		s.clock.t = s.conf.Started.Add(at)
		h, err := w.Seal()
		must(t, err)
		if m == 0 {
			must(t, w.Cosigned(Cosign(witness, s.conf.Session, h)))
		}
	}
	terms := ShareTerms{ID: NewSessionID(), Tracks: []Track{TrackChat, TrackShell}, From: time.Minute, To: 2 * time.Minute,
		Made: s.conf.Started.Add(time.Hour), Until: s.conf.Started.Add(24 * time.Hour)}
	secret := NewShareSecret()
	link, err := w.ShareLink(terms, secret)
	must(t, err)
	last, err := w.Close()
	must(t, err)
	path := filepath.Join(vectorsDir, "golden-0.rec")
	must(t, os.Rename(DefaultBag(w.Path()), DefaultBag(path)))
	must(t, os.Rename(w.Path(), path))
	must(t, os.WriteFile(DefaultCosignatures(path), Cosign(witness, s.conf.Session, last), 0o644))
	full, err := OpenSession(path, o.berlin)
	must(t, err)
	share, err := full.Share(terms, technician.Recipient())
	must(t, err)
	excerpt, err := MakeExcerpt(path, ScanOptions{}, Pick{From: time.Minute, To: 2 * time.Minute})
	must(t, err)
	for name, b := range map[string][]byte{"golden-0.link": link, "golden-0.share": share, "golden-0.excerpt": excerpt} {
		must(t, os.WriteFile(filepath.Join(vectorsDir, name), b, 0o644))
	}
	want.Link.Secret = secret.Text()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	must(t, enc.Encode(computeVectors(t, ids, want)))
	must(t, os.WriteFile(filepath.Join(vectorsDir, "vectors.json"), b.Bytes(), 0o644))
}
