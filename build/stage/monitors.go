package stage

import (
	"context"
	"fmt"
	"image"
)

// xrandr changes the display as a person does in the settings of the desktop.
func (s *Screen) xrandr(ctx context.Context, args ...string) error {
	if out, err := s.Command(ctx, "xrandr", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("xrandr %q: %w: %s", args, err, out)
	}
	return nil
}

// Monitor makes a monitor of a part of the screen. The first one made takes the
// place of the only one there was.
func (s *Screen) Monitor(ctx context.Context, name string, r image.Rectangle, first bool) error {
	output := "none"
	if first {
		output = "screen"
	}
	return s.xrandr(ctx, "--setmonitor", name, fmt.Sprintf("%d/%dx%d/%d+%d+%d", r.Dx(), r.Dx(), r.Dy(), r.Dy(), r.Min.X, r.Min.Y), output)
}

// Unplug takes a monitor away.
func (s *Screen) Unplug(ctx context.Context, name string) error {
	return s.xrandr(ctx, "--delmonitor", name)
}

// Resolution gives the screen another size, not larger than it began with.
func (s *Screen) Resolution(ctx context.Context, size image.Point) error {
	mode := fmt.Sprintf("%dx%d", size.X, size.Y)
	w, h := size.X, size.Y
	for _, args := range [][]string{
		{"--newmode", mode, "60", fmt.Sprint(w), fmt.Sprint(w + 24), fmt.Sprint(w + 48), fmt.Sprint(w + 64), fmt.Sprint(h), fmt.Sprint(h + 3), fmt.Sprint(h + 6), fmt.Sprint(h + 9)},
		{"--addmode", "screen", mode},
		{"--output", "screen", "--mode", mode},
	} {
		if err := s.xrandr(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// Minimise hides a window, as its own button does.
func (s *Screen) Minimise(ctx context.Context, title string) error {
	window, err := s.Window(ctx, title)
	if err != nil {
		return err
	}
	_, err = s.xdotool(ctx, "windowminimize", "--sync", window)
	return err
}

// Restore shows a minimised window again, as the taskbar does.
func (s *Screen) Restore(ctx context.Context, title string) error {
	window, err := s.xdotool(ctx, "search", "--name", title)
	if err != nil {
		return err
	}
	_, err = s.xdotool(ctx, "windowactivate", "--sync", window)
	return err
}
