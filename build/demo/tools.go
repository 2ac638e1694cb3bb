package main

import (
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"

	"consento/build/stage"
)

func byID(id string) string { return fmt.Sprintf(`[data-testid=%q]`, id) }

// becomes waits until an element of the console has this written to its data.
func (d *demo) becomes(selector, what, is string) error {
	return d.console.Until(selector+": "+what+" is "+is, fmt.Sprintf(`(document.querySelector(%q)?.dataset.%s ?? "") === %q`, selector, what, is))
}

// ask has the technician press a button that asks the customer, who says yes.
func (d *demo) ask(button, selector string) error {
	return first(
		func() error { return d.console.Click(byID(button)) },
		func() error { return d.becomes(selector, "state", "asked") },
		func() error { _, err := d.customer.Window(d.ctx, d.texts.T("agent.tool.title")); return err },
		func() error { return d.show(d.customer, "asked-"+button, "the customer is asked: "+button) },
		func() error { return d.customer.Accept(d.ctx, d.texts.T("agent.tool.title")) },
		func() error { return d.becomes(selector, "state", "given") },
	)
}

// both takes a picture of each side.
func (d *demo) both(name, what string) error {
	return errors.Join(d.show(d.technician, name+"-technician", what), d.show(d.customer, name+"-customer", what+", on the other side"))
}

// useTools is a case: a printer does not print. The technician looks at it with every
// tool there is.
func (d *demo) useTools() error {
	documents := filepath.Join(d.customer.Home, "Documents")
	return first(
		func() error {
			return errors.Join(os.MkdirAll(filepath.Join(documents, "Scans"), 0o755), os.WriteFile(filepath.Join(documents, "error.txt"), []byte("lp0 on fire\n"), 0o644))
		},
		func() error {
			_, err := d.customer.Start("xterm", "-T", "Letter", "-fa", "DejaVu Sans Mono", "-fs", "11", "-geometry", "80x20+300+260", "-e", "sh", "-c", "cat > "+filepath.Join(d.customer.Home, "letter"))
			return err
		},
		d.talk, d.read, d.shell, d.files, d.clipboard, d.picture, d.draw, d.summary, d.control,
	)
}

func (d *demo) talk() error {
	return first(
		func() error { return d.console.Click(byID("chat")) },
		func() error { return d.console.Type("#chat-input", "Buongiorno: https://example.org/help\r") },
		func() error { _, err := d.customer.Window(d.ctx, d.texts.T("agent.chat.title")); return err },
		func() error { return d.both("chat", "they write to each other") },
		func() error {
			id, err := d.customer.Window(d.ctx, d.texts.T("agent.chat.title"))
			if err != nil {
				return err
			}
			return errors.Join(d.customer.Activate(d.ctx, d.texts.T("agent.chat.title")), d.customer.PressIn(d.ctx, id, "Escape"))
		},
		func() error { return d.console.Click(byID("chat")) },
	)
}

func (d *demo) read() error {
	return first(
		func() error { return d.console.Click(byID("system")) },
		func() error { return d.ask("system-ask", byID("system-panel")) },
		func() error { return d.console.Click(byID("system-read-all")) },
		func() error {
			return d.console.Until("all is read", `document.querySelectorAll('[role="tab"]:is([data-read="yes"], [data-read="problem"])').length === 8`)
		},
		func() error { return d.both("system", "the computer's facts are read") },
		func() error { return d.console.Click("#system-tab-processes") },
		func() error { return d.show(d.technician, "system-processes", "what runs") },
		func() error { return d.console.Click(byID("system")) },
	)
}

func (d *demo) shell() error {
	panel := byID("shell-panel")
	return first(
		func() error { return d.console.Click(byID("shell")) },
		func() error { _, err := d.customer.Window(d.ctx, d.texts.T("agent.tool.title")); return err },
		func() error { return d.show(d.customer, "asked-shell", "the customer is asked: command line") },
		func() error { return d.customer.Accept(d.ctx, d.texts.T("agent.tool.title")) },
		func() error { return d.becomes(panel, "phase", "live") },
		func() error {
			return d.console.Until("it has the keyboard", `document.activeElement?.closest('[data-testid="terminal"]') !== null`)
		},
		func() error { return d.console.Key("ls --color=always /; uname -a; echo do''ne" + stage.Enter) },
		func() error {
			return d.console.Until("the terminal shows it", `document.querySelector('[data-testid="terminal"] .xterm-rows').textContent.includes("done")`)
		},
		func() error { return d.both("shell", "the command line is used") },
	)
}

func (d *demo) files() error {
	consent := func(p string) string { return fmt.Sprintf(`[data-testid="files-panel"] [data-permission=%q]`, p) }
	file := filepath.Join(d.customer.Home, "..", "driver-2.1.zip")
	return first(
		func() error { return os.WriteFile(file, make([]byte, 3<<20), 0o644) },
		func() error { return d.ask("send_files", consent("send_files")) },
		func() error { return d.console.Choose(byID("files-choose"), file) },
		func() error {
			return d.console.Until("it arrived", `document.querySelector('[data-testid="files-jobs"] li[data-state="done"]') !== null`)
		},
		func() error { return d.ask("fetch_files", consent("fetch_files")) },
		func() error { return d.both("files", "files go both ways") },
	)
}

func (d *demo) control() error {
	strip := byID("control-strip")
	return first(
		func() error { return d.ask("control", strip) },
		func() error { return d.console.Click(byID("remote-screen")) },
		func() error {
			return d.console.Until("the remote side has the keyboard", `document.activeElement?.dataset.testid === "remote-keys"`)
		},
		func() error { return d.console.Key("Dear office, it prints again." + stage.Enter) },
		func() error { return d.both("control", "mouse and keyboard are used") },
		func() error { return d.customer.Move(d.ctx, image.Pt(60, 500)) },
	)
}

func (d *demo) clipboard() error {
	consent := `[data-testid="clip-panel"] [data-permission="send_clipboard"]`
	return first(
		func() error { return d.console.Allow("clipboard-read") },
		func() error { return d.ask("send_clipboard", consent) },
		func() error {
			_, err := stage.Eval[bool](d.console, `navigator.clipboard.writeText("lpadmin -p floor2 -E").then(() => true)`)
			return err
		},
		func() error { return d.console.Click(byID("clip-send")) },
		func() error {
			return d.console.Until("it is shown first", `document.querySelector('[data-testid="clip-look"]') !== null`)
		},
		func() error {
			return d.show(d.technician, "clipboard-look", "what goes to the clipboard is shown first")
		},
		func() error { return d.console.Click(byID("clip-confirm")) },
		func() error {
			return d.console.Until("it was sent", `document.querySelector('[data-testid="clip-look"]') === null`)
		},
		func() error { return d.both("clipboard", "it is on the customer's clipboard") },
	)
}

func (d *demo) picture() error {
	return first(
		func() error { return d.console.Click(byID("stills")) },
		func() error { return d.console.Type("#still-caption", "E17") },
		func() error { return d.console.Click(byID("take-still")) },
		func() error {
			return d.console.Until("a picture is sealed", `document.querySelector('[data-still="1"]')?.dataset.state === "sealed"`)
		},
		func() error { return d.both("still", "a picture for the record") },
		func() error { return d.console.Key(stage.Escape) },
	)
}

func (d *demo) draw() error {
	return first(
		func() error { return d.ask("annotate", byID("draw-strip")) },
		func() error { return d.console.Click(`[data-tool="box"]`) },
		func() error {
			return d.console.Until("the surface has the keyboard", `document.activeElement?.dataset.testid === "draw-surface"`)
		},
		func() error {
			for _, key := range []string{" ", stage.Right, stage.Right, stage.Right, stage.Right, stage.Down, stage.Down, stage.Down, " "} {
				if err := d.console.Key(key); err != nil {
					return err
				}
			}
			return nil
		},
		func() error { return d.both("draw", "the technician marks something, by keys") },
	)
}

func (d *demo) summary() error {
	return first(
		func() error { return d.console.Click(`[aria-keyshortcuts="W"]`) },
		func() error { return d.show(d.technician, "summary", "and writes the summary") },
		func() error { return d.console.Click(`[aria-keyshortcuts="W"]`) },
	)
}
