package web_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"consento/protocol/lang"
)

// tags lists the languages.
func tags(t testing.TB) []string {
	t.Helper()
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	return texts.Tags()
}

// TestLegalTextsAreBuiltAlike: in every language as many blocks, with as many
// paragraphs and the same facts in them, so that none says less than another.
func TestLegalTextsAreBuiltAlike(t *testing.T) {
	fact := regexp.MustCompile(`\{[a-z]+\}`)
	for _, name := range []string{"terms", "privacy"} {
		read := func(tag string) [][]string {
			data, err := os.ReadFile("legal/texts/" + name + "." + tag + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			var blocks [][]string
			for block := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n\n") {
				blocks = append(blocks, strings.Split(block, "\n"))
			}
			return blocks
		}
		english := read("en")
		for _, tag := range tags(t) {
			blocks := read(tag)
			if len(blocks) != len(english) {
				t.Errorf("%s in %s has %d blocks, English has %d", name, tag, len(blocks), len(english))
				continue
			}
			for i, lines := range blocks {
				if len(lines) != len(english[i]) {
					t.Errorf("%s in %s, %q: %d lines, English has %d", name, tag, lines[0], len(lines), len(english[i]))
					continue
				}
				for n, line := range lines {
					got, want := fact.FindAllString(line, -1), fact.FindAllString(english[i][n], -1)
					slices.Sort(got)
					slices.Sort(want)
					if !slices.Equal(got, want) || strings.TrimSpace(line) != line || line == "" {
						t.Errorf("%s in %s: facts %v, English has %v in\n%s", name, tag, got, want, line)
					}
				}
			}
		}
	}
}

// TestPrivacyNoticeIsComplete: what Article 13 of Regulation (EU) 2016/679 asks
// for and a word shows.
func TestPrivacyNoticeIsComplete(t *testing.T) {
	h := newHouse(t)
	for tag, words := range map[string][]string{
		"en": {"legal basis", "do not have to give", "pass on", "Recordings for 90 days, logs for 6 months", "Articles 15 to 21", "complain", "by machine"},
		"it": {"base giuridica", "Non sei obbligato", "Comunichiamo", "per 90 giorni, i registri per 6 mesi", "articoli da 15 a 21", "reclamo", "automatizzate"},
		"fr": {"base juridique", "obligé", "transmettons", "90 jours, les journaux 6 mois", "articles 15 à 21", "réclamation", "automatisées"},
		"de": {"Rechtsgrundlage", "müssen keine", "geben wir nur weiter", "90 Tage, Protokolle 6 Monate", "Artikel 15 bis 21", "beschweren", "automatisierte"},
		"es": {"base jurídica", "No está obligado", "comunicamos", "90 días; los registros, 6 meses", "artículos 15 a 21", "reclamación", "automatizadas"},
		"ja": {"法的根拠", "義務はありません", "他に渡す", "録画は 90 日間、ログは 6 か月間です", "第 15 条から第 21 条", "苦情", "自動的な決定"},
	} {
		page := h.visitor(t, "Accept-Language", tag).get("/privacy")
		page.shows(t, append(words, "privacy@esempio.example", office.Phone, " 2016/679")...)
	}
}

// TestOneDay: a number and its noun agree.
func TestOneDay(t *testing.T) {
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, keeping(1, 1))
	for tag, want := range map[string]string{"en": "for 1 day and the log for 1 month,", "it": "per 1 giorno e il registro per 1 mese,",
		"fr": "1 jour et le journal 1 mois,", "de": "wird 1 Tag und das Protokoll 1 Monat aufbewahrt", "es": "1 día y el registro 1 mes;",
		"ja": "録画は 1 日間、ログは 1 か月間保存され"} {
		p, _ := joined(t, h)
		p.get("/?lang=" + tag)
		p.live("/session").comes(want)
		if got := texts.Match(tag).T("portal.key.throttled", "seconds", texts.Match(tag).Count("seconds", 1)); strings.ContainsAny(got, "{}⟨") {
			t.Error(got)
		}
	}
}
