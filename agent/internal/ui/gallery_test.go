package ui

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"consento/agent/internal/xtest"
)

// TestGallery takes pictures of every window for people to look at, and checks that each lies wholly
// on its screen. Without -artifacts nobody looks, so one language does: the longest.
func TestGallery(t *testing.T) {
	for _, kit := range kits(t) {
		for _, size := range []image.Point{{1024, 600}, {1920, 1080}} {
			for _, theme := range []string{"Adwaita", "Adwaita:dark"} {
				for lang, words := range languages {
					if !looking() && (lang != "long" || size.X != 1024 || theme != "Adwaita") {
						continue
					}
					t.Run(fmt.Sprintf("%v/%d/%s/%s", kit, size.X, theme, lang), func(t *testing.T) {
						if kit == Drawn && lang == "ar" {
							t.Skip("CanShow says no")
						}
						t.Setenv("GTK_THEME", theme)
						display := xtest.Server(t, size.X, size.Y)
						xtest.Manage(t, display)
						paint := xtest.NewPainter(t, display)
						paint.Fill(t, 0x8090a0, image.Rectangle{Max: size})
						u := open(t, Config{Display: display, Toolkit: kit, Language: lang})
						pictures(t, u, display, words)
					})
				}
			}
		}
	}
}

func pictures(t *testing.T, u *UI, display string, words texts) {
	shoot := func(name, title string, show func(context.Context)) {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); show(ctx) }()
		win := find(t, display, title)
		settle(t, display)
		onScreen(t, display, win)
		save(t, display, name)
		stop()
		<-done
	}
	shoot("name", words.name.Title, func(ctx context.Context) { u.Ask(ctx, words.name) })
	shoot("question", words.question.Title, func(ctx context.Context) { u.Ask(ctx, words.question) })
	shoot("choose", words.choose.Title, func(ctx context.Context) { u.Choose(ctx, words.choose) })
	shoot("mark", words.mark.Title, func(ctx context.Context) { u.Mark(ctx, words.mark) })
	late := words.question
	late.Timeout = 20 * time.Second
	shoot("warning", late.Title, func(ctx context.Context) { u.Ask(ctx, late) })
	shoot("tool", words.tool.Title, func(ctx context.Context) { u.Ask(ctx, words.tool) })
	shoot("terms", words.terms.Title, func(ctx context.Context) { u.Ask(ctx, words.terms) })
	shoot("prompt", words.prompt.Title, func(ctx context.Context) { u.Prompt(ctx, words.prompt) })
	shoot("notice", words.notice.Title, func(ctx context.Context) { u.Notice(ctx, words.notice) })
	shoot("progress", words.progress.Title, func(ctx context.Context) {
		p, err := u.Progress(words.progress)
		if err != nil {
			t.Error(err)
			return
		}
		<-ctx.Done()
		p.Close()
	})
	shoot("chat", words.chat.Title, func(ctx context.Context) {
		c, err := u.Chat(words.chat, true)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		if err := c.Show(words.someLines()); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
	})
	for name, bar := range map[string]BarText{"bar": words.bar, "bar-control": words.controlled} {
		shoot(name, bar.Title, func(ctx context.Context) {
			b, err := u.Bar(bar)
			if err != nil {
				t.Error(err)
				return
			}
			<-ctx.Done()
			b.Close()
		})
	}
}

// save writes a picture of the screen into the test's artifacts.
func save(t *testing.T, display, name string) {
	t.Helper()
	out, err := exec.Command("import", "-display", display, "-window", "root", "png:-").Output()
	if err != nil {
		t.Fatalf("import: %v", err)
	}
	if _, err := png.DecodeConfig(bytes.NewReader(out)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), out, 0o600); err != nil {
		t.Fatal(err)
	}
}

func looking() bool { return flag.Lookup("test.artifacts").Value.String() == "true" }
