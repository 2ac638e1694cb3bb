package web_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"consento/broker/internal/session"
	"consento/protocol"
)

// TestEndingsInChromium goes through what comes after a session, with the
// keyboard: rating, log, saved log, and what is said when the log has gone.
func TestEndingsInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := builtHouse(t)
			b := newChromium(t, h, language)
			downloads := t.TempDir()
			command(b, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
				Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: downloads})
			command(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Tokyo"})
			id := h.desk.issue(goodKey, protocol.Person{Name: "דוד לוי", Team: "צוות א", Office: office.Name, Phone: office.Phone})
			h.desk.set(id, func(s *protocol.Session) { s.Reason = "מדפסת HP 2" })
			b.open("/k/ACDEFGH", "#key")
			b.look("1-key-first")
			b.click("button.primary")
			b.until(`document.querySelector(".person")`)
			b.look("2-name-first")
			b.click(`button[value=yes]`)
			b.until(newest("Joined"))
			h.desk.set(id, step(protocol.StateActive, protocol.StepAgentStarted))
			b.until(newest("Active"))
			b.look("4-active-why")
			yes := true
			h.desk.log(id, session.Log{})
			h.desk.set(id, ended(protocol.StateClosed, protocol.EndTechnician, &yes))
			b.until(`document.querySelector(".rating")`) // where the page goes on by itself
			b.look("5-rating")

			evaluate[bool](b, `document.querySelector("input[name=stars]").focus(); true`)
			b.do(chromedp.KeyEvent(kb.ArrowDown + kb.ArrowDown + kb.ArrowDown))
			b.write("#words", "12345")
			b.until(`document.querySelector("#words-left").textContent.includes("495")`)
			b.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
			b.until(`document.querySelector(".rating .notice.good")`)
			b.look("5-rated")
			if s := h.desk.sessions[id].value.Stars; s != 4 {
				t.Errorf("%d stars", s)
			}
			if kept := evaluate[bool](b, `document.querySelector("#words").value === "12345" && document.querySelector("input[value='4']").checked`); !kept {
				t.Error("what was sent cannot be changed")
			}

			log := everyEvent()
			h.desk.log(id, logOf(log))
			b.click(`a[href="/session/log"]`)
			b.until(`new URL(location).searchParams.get("zone") === "Asia/Tokyo" && document.querySelectorAll("tr[data-code]").length === ` + strconv.Itoa(len(log)))
			b.look("6-log")
			b.click(`a[href^="/session/log.html"]`)
			b.click(`a[href="/session/log.json"]`)
			var saved []string
			until(t, "both files are saved", func() bool {
				saved, _ = filepath.Glob(filepath.Join(downloads, "consento-*.*"))
				return len(saved) == 2 && !strings.Contains(saved[0]+saved[1], "crdownload")
			})
			for _, file := range saved {
				if data, err := os.ReadFile(file); err != nil || !strings.Contains(string(data), id) {
					t.Errorf("%s: %v", file, err)
				}
				if strings.HasSuffix(file, ".html") {
					b.visit("file://" + file)
					b.until(`document.querySelectorAll("tr[data-code]").length === ` + strconv.Itoa(len(log)))
					b.look("6-log-saved")
				}
			}
			h.desk.mu.Lock()
			delete(h.desk.logs, id)
			h.desk.mu.Unlock()
			b.open("/session/log", "code")
			b.look("6-log-gone")
			b.visit(b.url + "/log/wrong")
			b.until(`location.pathname === "/log/wrong" && document.querySelector("h1")`)
			b.look("6-log-link")
		})
	}
}
