package lang

import (
	"regexp"
	"testing"
)

// elsewhere are words that another word of the same language stands for here:
// one word for one thing, on every page and in every window.
var elsewhere = map[string]map[string]string{
	"it": {"utente": "cliente", "utenti": "clienti", "responsabile del team": "responsabile del gruppo"},
	"fr": {"usager": "client", "usagers": "clients", "serveur du service": "serveur du bureau", "séance": "session"},
	"de": {"Behörde": "Büro", "Dienststelle": "Büro", "Revision": "Prüfer", "Reiter": "Tab", "Agent": "Hilfsprogramm", "Technikerin": "Techniker"},
	"es": {"usuario": "cliente", "usuarios": "clientes", "tu": "su", "tus": "sus"},
	"ja": {"利用者": "お客様", "監査担当者": "監査人", "エージェント": "サポートプログラム"},
}

// slips are what typists of other languages do.
var slips = map[string]*regexp.Regexp{
	"fr": regexp.MustCompile(`[^\x{a0}][;»]|[\pL\d}) ][?!]|[\pL} ]:(?: |$)|«[^\x{a0}]| …|'`), // no-break spaces
	"es": regexp.MustCompile(` …|(?:^|\. )[^¿.]*\?`),
	"ja": regexp.MustCompile(`[\p{Hiragana}\p{Katakana}\p{Han}」）][?!:]|[，．]| …`),
}

func TestHouseWords(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for tag, texts := range c.texts {
		whole := map[string]*regexp.Regexp{}
		for word := range elsewhere[tag] {
			whole[word] = regexp.MustCompile(`(?:^|[^\p{L}])` + word + `(?:$|[^\p{L}])`)
			if tag == "ja" {
				whole[word] = regexp.MustCompile(word) // no spaces
			}
		}
		for key, text := range texts {
			for word, instead := range elsewhere[tag] {
				if whole[word].MatchString(text) {
					t.Errorf("%s %s: here it is called %q, not %q: %s", tag, key, instead, word, text)
				}
			}
			if slip, ok := slips[tag]; ok && key != "console.teach.keys" && slip.MatchString(text) { // which speaks of the key ?
				t.Errorf("%s %s: %q in %s", tag, key, slip.FindString(text), text)
			}
		}
	}
}
