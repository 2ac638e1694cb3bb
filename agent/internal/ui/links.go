package ui

import (
	"fmt"
	"net/url"
	"os/exec"
	"time"
)

// checkURL lets only web pages through: the desktop would open other schemes in whatever program
// wants them.
func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%w: link address is not a web page", ErrText)
	}
	return nil
}

// linkPatience is how long a failure to open a page is waited for. xdg-open fails at once where
// there is no browser, and stays as long as the browser where it became one.
const linkPatience = 3 * time.Second

// openLink shows a page in the person's browser.
func openLink(address string) error {
	cmd := exec.Command("xdg-open", address)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("ui: open link: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // lives as long as the browser; nobody may wait for that
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("ui: open link: %w", err)
		}
	case <-time.After(linkPatience):
	}
	return nil
}
