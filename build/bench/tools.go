package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"consento/build/stage"
)

const (
	shellScene  = "shell"
	systemScene = "system"
	echoes      = 60
	echoPause   = 100 * time.Millisecond
	floodBytes  = 16 << 20
	followed    = 20 * time.Second
)

// aside plays a scene in a session of its own, before a technician with a browser of
// their own; what is measured of the picture is not measured here.
func (b *bench) aside(ctx context.Context, scene string, play func(context.Context, *session) error) (err error) {
	say(scene)
	email := scene + "@comune.example"
	if err := b.broker.AddSupporter(ctx, email, "Piera Galli", stage.Team); err != nil {
		return err
	}
	o := *b.office
	if o.console, err = o.technician.Browser(ctx, o.broker, "en-US"); err != nil {
		return err
	}
	defer o.console.Close()
	if err := o.console.SignInAs(o.broker, email); err != nil {
		return err
	}
	s, err := o.prepare(ctx)
	if err != nil {
		return err
	}
	if _, err := s.allow(ctx); err != nil {
		return err
	}
	if err := s.live(); err != nil {
		return err
	}
	if err := play(ctx, s); err != nil {
		return s.failed(err)
	}
	if _, err := s.redX(ctx); err != nil {
		return err
	}
	return s.over(ctx)
}

// allowTool asks for a tool, and the customer allows it.
func (s *session) allowTool(ctx context.Context, button string) error {
	if err := s.console.Click(button); err != nil {
		return err
	}
	brief, cancel := stage.Briefly(ctx)
	defer cancel()
	return s.customer.Accept(brief, "one thing more")
}

// shellFigures is how quick the command line is, all the way from the browser to the
// customer's shell and back.
type shellFigures struct {
	echo  []time.Duration // from the key's event to its character painted
	flood time.Duration   // until the last of floodBytes is on the screen
}

// watchEcho notes, in ms, how long after a key its character was on the page: the
// terminal draws in a frame, and the message comes when that is painted. It notes as
// well when what a command puts out has come to its end.
const watchEcho = `(() => {
	const rows = document.querySelector('[data-testid="terminal"] .xterm-rows');
	const count = () => (rows.textContent.match(/x/g) ?? []).length;
	window.benchEcho = [];
	window.benchFlood = 0;
	let key = 0, enter = 0, was = 0;
	const painted = (then) => {
		const c = new MessageChannel();
		c.port1.onmessage = then;
		c.port2.postMessage(0);
	};
	addEventListener("keydown", (e) => {
		if (e.key === "x") [key, was] = [e.timeStamp, count()];
		if (e.key === "Enter") enter = e.timeStamp;
	}, true);
	new MutationObserver(() => {
		if (key > 0 && count() > was) {
			const from = key;
			key = 0;
			painted(() => benchEcho.push(performance.now() - from));
		}
		if (benchFlood === 0 && rows.textContent.includes("all-is-out")) painted(() => (benchFlood ||= performance.now() - enter));
	}).observe(rows, {subtree: true, childList: true, characterData: true});
	return true;
})()`

// playShell types at a real shell, and has it put out much.
func (b *bench) playShell(ctx context.Context, s *session) error {
	err := errors.Join(s.allowTool(ctx, `[data-testid="shell"]`),
		s.console.Until("a shell", `document.querySelector('[data-testid="shell-panel"]')?.dataset.phase === "live" && document.activeElement?.closest('[data-testid="terminal"]') !== null`),
		s.console.Key("exec bash --norc --noprofile"+stage.Enter), s.console.Key("PS1='$ '; clear"+stage.Enter),
		s.console.Until("a clear screen", `document.querySelector('[data-testid="terminal"] .xterm-rows').textContent.trim() === "$"`))
	if err != nil {
		return err
	}
	if _, err := stage.Eval[bool](s.console, watchEcho); err != nil {
		return err
	}
	for n := range echoes {
		err := errors.Join(s.console.Key("x"), s.console.Until("echoed", fmt.Sprintf(`benchEcho.length > %d`, n)), wait(ctx, echoPause))
		if err != nil {
			return err
		}
	}
	times, err := stage.Eval[[]float64](s.console, `benchEcho`)
	if err != nil {
		return err
	}
	for _, t := range times {
		b.shell.echo = append(b.shell.echo, time.Duration(t*float64(time.Millisecond)))
	}
	flood := fmt.Sprintf(`head -c %d /dev/zero | tr '\0' 'y' | fold -w 79; echo; echo 'all-is''-out'`, floodBytes)
	if err := errors.Join(s.console.Key(stage.Enter), s.console.Key(flood+stage.Enter)); err != nil {
		return err
	}
	began := time.Now()
	for took := 0.0; took == 0; {
		if took, err = stage.Eval[float64](s.console, `benchFlood`); err != nil {
			return err
		}
		if b.shell.flood = time.Duration(took * float64(time.Millisecond)); time.Since(began) > 5*time.Minute {
			return errors.New("the shell's output does not come to its end")
		}
		if err := wait(ctx, time.Second); err != nil {
			return err
		}
	}
	return nil
}

func (f shellFigures) rows(t *table) {
	if len(f.echo) == 0 {
		return
	}
	note := fmt.Sprintf("%d keys, from the browser's event to the character painted there; agent, broker with recording and a real bash between", len(f.echo))
	t.atMost("command line: key to its echo, median", "ms", ms(quantile(f.echo, 0.5)), 0, note)
	t.atMost("command line: key to its echo, p95", "ms", ms(quantile(f.echo, 0.95)), 0, "")
	t.atLeast("command line: output", "MB/s", floodBytes/1e6/f.flood.Seconds(), 0, "16 MiB of lines of 79 characters, recorded, until the last is on the screen")
}

// systemFigures is what following the processes costs the customer, in per cent of a core.
type systemFigures struct{ before, following float64 }

// playSystem follows the customer's processes.
func (b *bench) playSystem(ctx context.Context, s *session) (err error) {
	cost := func() (float64, error) {
		before, err := cpuOf(s.agent.PID())
		if err != nil {
			return 0, err
		}
		began := time.Now()
		if err := wait(ctx, followed); err != nil {
			return 0, err
		}
		after, err := cpuOf(s.agent.PID())
		return 100 * (after - before).Seconds() / time.Since(began).Seconds(), err
	}
	err = errors.Join(s.console.Click(`[data-testid="system"]`), s.allowTool(ctx, `[data-testid="system-ask"]`),
		s.console.Until("allowed", `document.querySelector('[data-testid="system-panel"]')?.dataset.state === "given"`), s.console.Click("#system-tab-processes"), wait(ctx, 2*time.Second))
	if err != nil {
		return err
	}
	if b.system.before, err = cost(); err != nil {
		return err
	}
	err = errors.Join(s.console.Click(`[data-testid="system-live"]`), s.console.Until("followed", `document.querySelectorAll('[data-testid="system-table"] tbody tr').length > 3`))
	if err != nil {
		return err
	}
	b.system.following, err = cost()
	return err
}

func (f systemFigures) rows(t *table) {
	if f.following == 0 {
		return
	}
	t.atMost("processes followed: agent CPU", "% of a core", f.following, 0, fmt.Sprintf("%.0f s, a list every two seconds; without it %s %%", followed.Seconds(), number(f.before)))
}
