package web_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestSettingsInChromium goes an administrator's way in every language, in a
// browser that runs no script, and looks at every page of it.
func TestSettingsInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := builtHouse(t, unset)
			known(t, h)
			administrator(t, h)
			b := newChromium(t, h, language)
			b.open("/settings", "h1")
			b.look("10-settings-forbidden")
			b.click("a.button.primary")
			b.until(`document.querySelector("#email")`)
			b.signInWith("carla@esempio.example", goodPassword)
			b.until(`location.pathname === "/settings" && document.querySelector(".settings")`)
			file := filepath.Join(t.TempDir(), "logo.png")
			if err := os.WriteFile(file, logoFile(t), 0o600); err != nil {
				t.Fatal(err)
			}
			b.do(chromedp.SetUploadFiles("#logo", []string{file}))
			b.click(`form[action="/settings/logo"] button`)
			b.until(`document.querySelector("header img")?.naturalWidth === 200 && document.querySelector("[role=status]")`)
			b.look("10-settings")
			b.do(chromedp.SetValue(`[id="office.phone"]`, "nothing"), chromedp.SetValue("#log_months", "0"))
			b.click(`button[value=check]`)
			b.until(`document.querySelector("[aria-invalid]")`)
			b.look("10-settings-errors")
			b.do(chromedp.SetValue(`[id="office.phone"]`, "+39 0471 222 222"), chromedp.SetValue("#log_months", "12"))
			b.click(`button[value=check]`)
			b.until(`document.querySelector(".differences")`)
			b.look("10-settings-confirm")
			b.click(`button[value=save]`)
			b.until(`document.querySelector("[role=status]")`)

			b.open("/settings/texts/"+language, "#terms")
			b.look("10-texts")
			b.do(chromedp.SetValue("#terms", "Nothing at all\n{ofice}"))
			b.click(`button[value=preview]`)
			b.until(`document.querySelector("[aria-invalid]")`)
			b.look("10-texts-errors")
			b.do(chromedp.SetValue("#terms", "1. Help\nThe help of {office} is free.\nYou can stop at any time.\n\n2. Questions\nCall {phone}."))
			b.click(`button[value=preview]`)
			b.until(`document.querySelector("button[value=save]")`)
			b.look("10-texts-preview")
			b.click(`button[value=save]`)
			b.until(`document.querySelector("[role=status]")`)
			b.look("10-settings-texts")
			b.open("/terms", ".legal")
			if got := evaluate[string](b, `document.querySelector(".legal").innerText`); !strings.Contains(got, "The help of Comune di Esempio is free.") || !strings.Contains(got, "+39 0471 222 222") {
				t.Errorf("the terms say %s", got)
			}
			b.look("10-terms")
			first := evaluate[string](b, `fetch("/settings").then(r => r.text()).then(t => t.match(/settings\/restore\/([-0-9]+)/)[1])`)
			b.open("/terms?version="+first, ".legal .notice")
			b.look("10-terms-old")
			b.open("/settings/restore/"+first, "h1")
			b.look("10-restore")
			b.click(".settings .actions button.primary")
			b.until(`document.querySelector("[role=status]")`)
		})
	}
}

// TestSettingsWithoutJavaScript: the whole way again without a script.
func TestSettingsWithoutJavaScriptInChromium(t *testing.T) {
	h := builtHouse(t, unset)
	known(t, h)
	administrator(t, h)
	b := newChromium(t, h, "en")
	b.withoutScripts()
	b.open("/signin?next=%2Fsettings", "#email")
	b.signInWith("carla@esempio.example", goodPassword)
	b.until(`location.pathname === "/settings" && document.querySelector(".settings")`)
	b.do(chromedp.SetValue("#recording_days", "45"))
	b.click(`button[value=check]`)
	b.until(`document.querySelector(".differences")`)
	b.click(`button[value=save]`)
	b.until(`document.querySelector("[role=status]")`)
	b.open("/privacy", ".legal")
	if got := evaluate[string](b, `document.querySelector(".legal").innerText`); !strings.Contains(got, "45 days") {
		t.Errorf("the notice says %s", got)
	}
}
