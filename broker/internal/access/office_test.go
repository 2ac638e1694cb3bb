package access

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"consento/broker/internal/ops"
)

var (
	testFacts = Facts{Office: ops.Office{Name: "Comune di Prova", Phone: "+39 0471 1"}, RecordingDays: 90, LogMonths: 6}
	ours      = Texts{"terms.en": "Terms\nof {office}", "terms.it": "Termini\ndi {office}", "privacy.en": "Privacy\nx", "privacy.it": "Privacy\ny"}
)

func currentTexts(t *testing.T, a *Access, facts Facts, ours Texts) TextsVersion {
	t.Helper()
	v, err := a.CurrentTexts(t.Context(), facts, ours)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSettingsAreChangedByAdministratorsAndNoted(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	boss := mustAdd(t, a, administrator("admin@office.example"))
	first := currentTexts(t, a, testFacts, ours)
	s, err := a.Settings(t.Context())
	if err != nil || s.RecordingDays != 90 || s.LogMonths != 6 || len(s.Languages) != 0 || s.Fixed {
		t.Fatalf("before: %+v, %v", s, err)
	}
	s.Office, s.Languages, s.RecordingDays = ops.Office{Name: " Comune  di Prova ", Phone: "+39 0471 2"}, []string{"it", "de"}, 30
	for role, account := range map[string]Account{"technician": mustAdd(t, a, technician("anna@office.example")), "nobody": {},
		"auditor": mustAdd(t, a, NewAccount{Email: "dino@office.example", Name: "Dino", Role: Auditor, Password: otherPassword})} {
		if err := a.ChangeSettings(t.Context(), account, s); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s changes the settings: %v", role, err)
		}
		if err := a.SetLogo(t.Context(), account, nil); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s changes the logo: %v", role, err)
		}
		if _, err := a.SaveTexts(t.Context(), account, first.ID, "en", Texts{"terms.en": "x"}, ours); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s changes the texts: %v", role, err)
		}
		if _, err := a.RestoreTexts(t.Context(), account, first.ID, first.ID, ours); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s restores the texts: %v", role, err)
		}
	}
	if err := a.ChangeSettings(t.Context(), boss, s); err != nil {
		t.Fatal(err)
	}
	got, err := a.Settings(t.Context())
	if err != nil || got.Office.Name != "Comune di Prova" || got.RecordingDays != 30 || !slices.Equal(got.Languages, []string{"it", "de"}) {
		t.Fatalf("after: %+v, %v", got, err)
	}
	changes, err := a.Changes(t.Context(), 10)
	if err != nil || len(changes) != 4 || changes[0].What != "recording_days" || changes[0].Before != "90" || changes[0].After != "30" ||
		changes[0].Account != boss.Name || changes[0].At.IsZero() {
		t.Fatalf("changes %+v, %v", changes, err)
	}
	// The notice says the new figures from now on, and the old version the old ones.
	second := currentTexts(t, a, Facts{Office: got.Office, RecordingDays: 30, LogMonths: 6}, ours)
	if second.ID == first.ID || second.Author != boss.Name || second.Why != "office" {
		t.Errorf("version after the change: %+v", second)
	}
	if old, err := a.TextsVersion(t.Context(), first.ID); err != nil || old.Facts != testFacts {
		t.Errorf("the older version says %+v, %v", old.Facts, err)
	}
	for field, spoil := range map[string]func(*Settings){
		"office.name": func(s *Settings) { s.Office.Name = "" }, "office.phone": func(s *Settings) { s.Office.Phone = "call" },
		"office.controller":      func(s *Settings) { s.Office.Controller = strings.Repeat("x", 201) },
		"office.privacy_contact": func(s *Settings) { s.Office.PrivacyContact = "\u202ex" },
		"recording_days":         func(s *Settings) { s.RecordingDays = 0 }, "log_months": func(s *Settings) { s.LogMonths = 121 },
		"languages": func(s *Settings) { s.Languages = []string{"i t"} },
	} {
		bad := got
		spoil(&bad)
		err := a.ChangeSettings(t.Context(), boss, bad)
		var in *Invalid
		if !errors.As(err, &in) || in.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestVersionsOfTheTexts(t *testing.T) {
	db := newTestDB(t)
	a := newTestAccess(t, db)
	boss := mustAdd(t, a, administrator("admin@office.example"))
	first := currentTexts(t, a, testFacts, ours)
	if first.Own || first.Author != "" || first.Why != "start" || first.Texts["terms.it"] != ours["terms.it"] || !strings.HasSuffix(first.ID, "-1") {
		t.Fatalf("first version %+v", first)
	}
	if again := currentTexts(t, a, testFacts, ours); again.ID != first.ID {
		t.Fatalf("looking made the version %s", again.ID)
	}
	// A new program brings new texts: the office has none of its own yet.
	newer := Texts{"terms.en": "Terms\n2", "terms.it": "Termini\n2", "privacy.en": "Privacy\nx", "privacy.it": "Privacy\ny"}
	second := currentTexts(t, a, testFacts, newer)
	if second.Why != "program" || second.Texts["terms.en"] != "Terms\n2" || second.Own {
		t.Fatalf("second %+v", second)
	}
	if _, err := a.SaveTexts(t.Context(), boss, first.ID, "it", Texts{"terms.it": "Nostri"}, newer); !errors.Is(err, ErrStale) {
		t.Errorf("on an old base: %v", err)
	}
	third, err := a.SaveTexts(t.Context(), boss, second.ID, "it", Texts{"terms.it": "Nostri"}, newer)
	if err != nil || !third.Own || third.Author != boss.Name || third.Texts["terms.it"] != "Nostri" || third.Texts["terms.en"] != "Terms\n2" {
		t.Fatalf("third %+v, %v", third, err)
	}
	if same, err := a.SaveTexts(t.Context(), boss, third.ID, "it", Texts{"terms.it": "Nostri"}, newer); err != nil || same.ID != third.ID {
		t.Errorf("nothing changed: %s, %v", same.ID, err)
	}
	// From now on what comes with the program does not replace the office's words,
	// but a new language is added.
	newest := Texts{"terms.en": "Terms\n3", "terms.it": "x", "privacy.en": "x", "privacy.it": "x", "terms.de": "Bedingungen", "privacy.de": "Daten"}
	fourth := currentTexts(t, a, testFacts, newest)
	if fourth.Texts["terms.it"] != "Nostri" || fourth.Texts["terms.en"] != "Terms\n2" || fourth.Texts["terms.de"] != "Bedingungen" {
		t.Fatalf("fourth %+v", fourth)
	}
	fifth, err := a.RestoreTexts(t.Context(), boss, fourth.ID, first.ID, newest)
	if err != nil || fifth.Texts["terms.it"] != ours["terms.it"] || fifth.About != first.ID || fifth.Texts["terms.de"] == "" {
		t.Fatalf("restored %+v, %v", fifth, err)
	}
	if _, err := a.RestoreTexts(t.Context(), boss, fifth.ID, "2020-01-01-1", newest); !errors.Is(err, ErrNotFound) {
		t.Errorf("restored what never was: %v", err)
	}
	for _, text := range []string{"", strings.Repeat("x", MaxLegalText+1)} {
		if _, err := a.SaveTexts(t.Context(), boss, fifth.ID, "en", Texts{"terms.en": text}, newest); !errors.Is(err, ErrInvalid) {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
	sixth, err := a.RestoreTexts(t.Context(), boss, fifth.ID, OfProgram, newest)
	if err != nil || sixth.Own || sixth.Texts.hash() != newest.hash() {
		t.Fatalf("back to the program's: %+v, %v", sixth, err)
	}
	list, err := a.TextsVersions(t.Context(), 10)
	if err != nil || len(list) != 6 || list[0].ID != sixth.ID || list[5].ID != first.ID {
		t.Fatalf("list %+v, %v", list, err)
	}
	for _, v := range []TextsVersion{first, second, third, fourth, fifth, sixth} {
		if read, err := a.TextsVersion(t.Context(), v.ID); err != nil || read.Texts.hash() != v.Texts.hash() {
			t.Errorf("version %s reads differently: %v", v.ID, err)
		}
	}
	for _, statement := range []string{
		"UPDATE text_versions SET author = 'x'", "DELETE FROM text_versions", "UPDATE version_texts SET text = 'x'",
		"DELETE FROM version_texts", "UPDATE office_changes SET account = 'x'", "DELETE FROM office_changes",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "only added to") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

// TestManyReadersMakeOneVersion: whoever looks first after a change makes the
// version, and nobody else another.
func TestManyReadersMakeOneVersion(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	ids := make(chan string, 8)
	for range cap(ids) {
		go func() {
			v, err := a.CurrentTexts(t.Context(), testFacts, ours)
			if err != nil {
				t.Error(err)
			}
			ids <- v.ID
		}()
	}
	seen := map[string]bool{}
	for range cap(ids) {
		seen[<-ids] = true
	}
	if len(seen) != 1 {
		t.Errorf("versions %v", seen)
	}
}
