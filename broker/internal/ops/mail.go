package ops

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"os"
	"strconv"
	"strings"
)

// MailConfig is the server that the office's mail goes out by (RFC 6409). Without a
// host no mail is sent.
type MailConfig struct {
	Host         string `toml:"host"`
	Port         int    `toml:"port"`          // 0: 587, with tls 465
	Security     string `toml:"security"`      // starttls, tls, none (to this machine only)
	User         string `toml:"user"`          // "": without signing in
	PasswordFile string `toml:"password_file"` // readable by its owner only
	From         string `toml:"from"`          // the office's address
	CA           string `toml:"ca"`            // PEM; "": the system's authorities
}

// How the way to a mail server is protected.
const (
	MailStartTLS = "starttls"
	MailTLS      = "tls"
	MailPlain    = "none"
)

func (m MailConfig) check() error {
	if m.Host == "" {
		if m.User != "" || m.PasswordFile != "" || m.From != "" || m.CA != "" || m.Port != 0 {
			return errors.New("host is missing")
		}
		return nil
	}
	switch m.Security {
	case MailStartTLS, MailTLS:
	case MailPlain:
		if !isLoopback(m.Host) {
			return fmt.Errorf("security %q is for a server on this machine only", MailPlain)
		}
	default:
		return fmt.Errorf("security %q is not one of starttls, tls, none", m.Security)
	}
	if net.ParseIP(m.Host) == nil {
		if ascii, err := CleanHost(m.Host); err != nil || ascii != m.Host {
			return fmt.Errorf("host %q is not a name in ASCII lower case or an IP address", m.Host)
		}
	}
	if m.Port < 0 || m.Port > 65535 {
		return fmt.Errorf("port %d is not between 1 and 65535", m.Port)
	}
	if (m.User == "") != (m.PasswordFile == "") {
		return errors.New("user and password_file are needed together, or neither")
	}
	if a, err := mail.ParseAddress(m.From); err != nil || a.Address != m.From {
		return fmt.Errorf("from %q is not an e-mail address", m.From)
	}
	return nil
}

// Address is HOST:PORT.
func (m MailConfig) Address() string {
	port := m.Port
	switch {
	case port != 0:
	case m.Security == MailTLS:
		port = 465
	default:
		port = 587
	}
	return net.JoinHostPort(m.Host, strconv.Itoa(port))
}

// Password reads the file of the password, without the end of its line. It is read for
// each connection, so that it can be changed without a restart.
func (m MailConfig) Password() (string, error) {
	if m.PasswordFile == "" {
		return "", nil
	}
	info, err := os.Stat(m.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("mail password: %w", plain(err))
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("mail password: others can read %s: chmod 600", m.PasswordFile)
	}
	raw, err := os.ReadFile(m.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("mail password: %w", plain(err))
	}
	return strings.TrimRight(string(raw), "\r\n"), nil
}
