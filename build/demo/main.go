// Command demo plays one whole attended session on two virtual screens, with
// the real programs, and leaves in ./demo a picture of every step, the
// recording, what an auditor opens of it, and the verifier's verdict.
//
// With -tools the technician uses every tool on the way, as in a case of its own;
// -language plays it in another language, -small on small screens.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"consento/build/stage"
	"consento/protocol/lang"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	d := &demo{technicianSize: image.Pt(1440, 900)}
	tools := flag.Bool("tools", false, "use every tool")
	language := flag.String("language", "en", "of the pages: en, it, fr, de, es, ja")
	flag.StringVar(&d.out, "out", "demo", "where pictures and evidence go; what is there is removed")
	small := flag.Bool("small", false, "the technician has a small screen")
	flag.Parse()
	if d.tools = *tools; *small {
		d.technicianSize = image.Pt(1024, 640)
	}
	if err := d.play(ctx, *language); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demo is one run.
type demo struct {
	ctx        context.Context
	out        string
	tools      bool
	texts      lang.Texts
	broker     *stage.Broker
	customer   *stage.Screen
	technician *stage.Screen
	page       *stage.Browser
	console    *stage.Browser
	step       int

	technicianSize image.Point
}

func (d *demo) play(ctx context.Context, language string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	d.ctx = ctx
	catalog, err := lang.Load()
	if err != nil {
		return err
	}
	d.texts = catalog.Match(language)
	bin, err := stage.Bin()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "consento-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := errors.Join(os.RemoveAll(d.out), os.MkdirAll(d.out, 0o755)); err != nil {
		return err
	}
	if d.broker, err = stage.NewBroker(ctx, bin, dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.broker.Stop()) }()
	if d.customer, err = stage.NewScreen(ctx, image.Pt(1280, 800), filepath.Join(dir, "customer")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.customer.Close()) }()
	if d.technician, err = stage.NewScreen(ctx, d.technicianSize, filepath.Join(dir, "technician")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.technician.Close()) }()
	if d.page, err = d.customer.Browser(ctx, d.broker, d.texts.Tag); err != nil {
		return err
	}
	defer d.page.Close()
	if d.console, err = d.technician.Browser(ctx, d.broker, d.texts.Tag); err != nil {
		return err
	}
	defer d.console.Close()
	if err := d.session(); err != nil {
		return fmt.Errorf("%w\nbroker:\n%s", err, d.broker.Log())
	}
	return d.evidence()
}

// show tells what happens and takes a picture of it.
func (d *demo) show(s *stage.Screen, name, what string) error {
	d.step++
	file := fmt.Sprintf("%02d-%s.png", d.step, name)
	fmt.Printf("%-34s %s\n", filepath.Join(d.out, file), what)
	// What was just opened has to be painted.
	time.Sleep(settle)
	return s.Save(d.ctx, filepath.Join(d.out, file))
}

const settle = 700 * time.Millisecond

// first returns the first error of what is done in order.
func first(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) session() error {
	var key, command string
	var agent *stage.Agent
	window := func(title string) func() error {
		return func() error { _, err := d.customer.Window(d.ctx, d.texts.T(title)); return err }
	}
	picture := func(s *stage.Screen, name, what string) func() error {
		return func() error { return d.show(s, name, what) }
	}
	return first(
		d.signIn,
		picture(d.technician, "technician-console", "the technician has signed in"),
		func() (err error) { key, err = d.console.NewSession(); return err },
		picture(d.technician, "technician-key", "New session: the key to read out on the phone"),
		func() error { return d.page.Open(d.broker.URL + "/") },
		picture(d.customer, "customer-portal", "the customer opens the support address"),
		func() error { return d.page.EnterKey(d.broker, key) },
		func() error { return d.page.Until("name", `document.querySelector('form[action="/session/name"]')`) },
		picture(d.customer, "customer-name", "and confirms the technician's name"),
		func() error { return d.page.ConfirmName(true) },
		func() error { return d.page.Until("program", `document.querySelector("a[download]")`) },
		picture(d.customer, "customer-before-sharing", "reads what will happen"),
		func() (err error) { command, err = d.page.FetchAgent(d.ctx, d.customer); return err },
		picture(d.customer, "customer-program", "and gets the help program with one click"),
		func() (err error) { agent, err = d.customer.StartAgent(d.ctx, command); return err },
		window("agent.terms.title"),
		picture(d.customer, "agent-terms", "the program asks for the terms"),
		func() error { return d.customer.Accept(d.ctx, d.texts.T("agent.terms.title")) },
		window("agent.consent.title"),
		picture(d.customer, "agent-consent", "and for consent to show the screen"),
		func() error { return d.customer.Accept(d.ctx, d.texts.T("agent.consent.title")) },
		func() error { return d.console.State("Active") },
		func() error {
			return d.console.Until("picture", `document.querySelector('[data-testid="remote-screen"]').videoWidth > 0`)
		},
		d.atWork,
		picture(d.customer, "customer-shares", "the customer works on, the bar tells who looks"),
		picture(d.technician, "technician-sees", "the technician sees the screen"),
		func() error { return d.console.Click(`[data-testid="end-session"]`) },
		window("agent.removed.title"),
		picture(d.customer, "agent-removed", "the technician has ended it; the program is removed"),
		func() error { return d.customer.Confirm(d.ctx, d.texts.T("agent.removed.title")) },
		func() error { _, err := agent.Exit(d.ctx); return err },
		func() error { return d.console.State("Closed") },
		func() error {
			return d.page.Until("over", `[...document.querySelectorAll('[data-testid="session-state"]')].at(-1).dataset.state === "Closed"`)
		},
		picture(d.customer, "customer-over", "the portal confirms it"),
		picture(d.technician, "technician-over", "and so does the console"),
		func() error {
			if !agent.Gone() {
				return errors.New("the program is still on the customer's disk")
			}
			return nil
		},
	)
}

func (d *demo) signIn() error {
	if !d.tools {
		return d.console.SignIn(d.broker)
	}
	const email = "full.support@comune.example"
	if err := d.broker.AddSupporter(d.ctx, email, "Piera Galli", stage.Team); err != nil {
		return err
	}
	return d.console.SignInAs(d.broker, email)
}

func (d *demo) atWork() error {
	if d.tools {
		return d.useTools()
	}
	return d.work()
}

// work keeps the customer's screen busy for ten seconds.
func (d *demo) work() error {
	program, err := d.customer.Start("xterm", "-fa", "DejaVu Sans Mono", "-fs", "11", "-geometry", "84x24+330+280", "-T", "Letters", "-e", "bash", "-c",
		`for i in $(seq 60); do printf '%3d  Dear office, the printer on the second floor does not answer.\n' "$i"; sleep 0.15; done; read -r _`)
	if err != nil {
		return err
	}
	_ = program // it stays on the screen until the screen closes
	frames, err := stage.Eval[int](d.console, `new Promise((resolve) => {
		const video = document.querySelector('[data-testid="remote-screen"]');
		const before = video.getVideoPlaybackQuality().totalVideoFrames;
		setTimeout(() => resolve(video.getVideoPlaybackQuality().totalVideoFrames - before), 10000);
	})`)
	if err == nil && frames == 0 {
		err = errors.New("no frame in ten seconds")
	}
	return err
}

// evidence copies the recording and its keys, and has them verified and opened.
func (d *demo) evidence() error {
	files, err := d.broker.Recordings()
	if err != nil || len(files) != 1 {
		return errors.Join(err, fmt.Errorf("%d recordings instead of one", len(files)))
	}
	bag := filepath.Join(d.broker.Data, "bags", strings.TrimSuffix(filepath.Base(files[0]), ".rec")+".key")
	keys := filepath.Join(d.out, "keys")
	if err := os.MkdirAll(keys, 0o755); err != nil {
		return err
	}
	for from, to := range map[string]string{
		files[0]: "session.rec", bag: "session.key", d.broker.Identity: "identity",
		filepath.Join(d.broker.Data, "keys", "log.pub"):                 "keys/log.pub",
		filepath.Join(d.broker.Data, "keys", "root.pub"):                "keys/root.pub",
		filepath.Join(filepath.Dir(d.broker.Identity), "recipient.pub"): "keys/recipient.pub",
		strings.TrimSuffix(files[0], "-0.rec") + ".proof":               "proof",
	} {
		if err := copyFile(from, filepath.Join(d.out, to)); err != nil {
			return err
		}
	}
	witnesses, err := filepath.Glob(filepath.Join(d.broker.Data, "keys", "witness-*.pub"))
	if err != nil {
		return err
	}
	for _, w := range witnesses {
		if err := copyFile(w, filepath.Join(keys, filepath.Base(w))); err != nil {
			return err
		}
	}
	against := []string{"--proof", filepath.Join(d.out, "proof"), "--policy", keys}
	code, verdict, err := d.broker.Verify(d.ctx, append([]string{"session", filepath.Join(d.out, "session.rec")}, against...)...)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.out, "verdict.txt"), []byte(verdict), 0o644); err != nil {
		return err
	}
	fmt.Printf("\n%s", verdict)
	if code != 0 {
		return fmt.Errorf("consento-verify session: exit code %d", code)
	}
	code, said, err := d.broker.Verify(d.ctx, append([]string{"open", filepath.Join(d.out, "session.rec"), "--identity", filepath.Join(d.out, "identity"),
		"--out", filepath.Join(d.out, "opened")}, against...)...)
	if err != nil || code != 0 {
		return errors.Join(err, fmt.Errorf("consento-verify open: exit code %d\n%s", code, said))
	}
	duration, err := stage.Probe(d.ctx, filepath.Join(d.out, "opened", "video.mp4"))
	if err != nil {
		return err
	}
	fmt.Printf("\nopened with the auditor's identity: %s, %.1f s of video\n", filepath.Join(d.out, "opened"), duration)
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
