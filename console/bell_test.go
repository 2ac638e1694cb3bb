package console_test

import (
	"testing"
	"time"

	"consento/protocol"
)

// belfry stands in the place of the operating system's notifications.
const belfry = `
	globalThis.asked = 0; globalThis.notified = []; globalThis.tones = 0;
	globalThis.Notification = class {
		static permission = "default";
		static answer = "granted";
		static requestPermission() { asked++; Notification.permission = Notification.answer; return Promise.resolve(Notification.answer); }
		constructor(title, options) { notified.push({title, body: options.body, tag: options.tag}); globalThis.lastOne = this; }
		close() {}
	};
	const start = OscillatorNode.prototype.start;
	OscillatorNode.prototype.start = function (...a) { tones++; return start.apply(this, a); };
	true`

// TestBell: nobody is notified who did not switch it on, and who looks is not.
func TestBell(t *testing.T) {
	p := newPeer(t)
	now := time.Now()
	p.keep(scene("s1", protocol.StateJoined, now))
	p.keep(scene("s2", protocol.StateJoined, now.Add(-time.Hour)))
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	b.until("list", `document.querySelectorAll(".tab").length === 2`)
	eval[bool](b, belfry)
	b.key("2") // s1, the newer one
	b.focus(false)
	p.change(scene("s1", protocol.StateWaiting, now))
	b.until("said in the page", `[...document.querySelectorAll("[role=status]")].some((e) => e.textContent.includes("decides now"))`)
	if n := eval[int](b, `asked + notified.length + tones`); n != 0 {
		t.Errorf("%d notifications that nobody wanted", n)
	}

	b.focus(true)
	eval[bool](b, `(Notification.answer = "denied", true)`)
	b.key("?")
	b.until("settings", `document.querySelector("dialog.help").open`)
	b.click(`[data-setting=notify]`)
	b.until("told why not", `document.querySelector(".notify-refused").textContent.includes("does not allow") && !document.querySelector("[data-setting=notify]").checked`)
	b.axe("settings")
	b.shot("settings-denied")
	eval[bool](b, `(Notification.answer = "granted", Notification.permission = "default", true)`)
	b.click(`[data-setting=notify]`)
	b.click(`[data-setting=sound]`)
	b.until("on", `asked === 2 && document.querySelector("[data-setting=notify]").checked && tones === 2`)
	b.key("\x1b")
	b.until("closed", `!document.querySelector("dialog.help").open`)

	p.change(scene("s1", protocol.StateActive, now)) // in front: the page shows it
	state(b, protocol.StateActive)
	p.change(scene("s2", protocol.StateWaiting, now.Add(-time.Hour))) // in another tab
	b.until("one notification, one sound", `notified.length === 1 && notified[0].tag === "s2" && notified[0].body.includes("decides now") && tones === 4`)
	ended := scene("s2", protocol.StateClosed, now.Add(-time.Hour))
	p.change(ended)
	b.until("the end as well", `notified.length === 2 && notified[1].body.includes("customer ended")`)
	eval[bool](b, `(lastOne.onclick(), true)`)
	b.until("a press leads there", `document.querySelector(".ended") !== null`)
	own := scene("s1", protocol.StateClosed, now)
	own.EndReason = protocol.EndTechnician
	p.change(own)
	b.until("over", `document.querySelectorAll(".row[data-state=Closed]").length === 2`)
	if n := eval[int](b, `notified.length`); n != 2 {
		t.Errorf("%d notifications: one's own act is no news", n)
	}
}
