package device

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"consento/protocol"
)

const (
	// maxQuestions bounds what one device asks while signing in.
	maxQuestions = 20
	// maxBanners bounds how often it may greet.
	maxBanners = 20
)

// login is one connection's signing in.
type login struct {
	k        *Connection
	conn     net.Conn
	key      string // fingerprint
	method   protocol.LoginMethod
	banner   string
	banners  int
	asked    int
	answered protocol.LoginMethod // with what the device tries us at present; "" nothing was entered for it
	partial  int                  // methods that it took, of several
	noAsk    bool                 // it asks nothing after all
	cause    protocol.DeviceCause // why a prompt comes again
}

// signIn connects again, to the same address and the same key, and signs in.
func (k *Connection) signIn(at netip.AddrPort, key ssh.PublicKey, method protocol.LoginMethod) (*ssh.Client, error) {
	l := &login{k: k, key: ssh.FingerprintSHA256(key), method: method}
	client, err := l.try(at, key)
	var f failure
	if err == nil || errors.As(err, &f) || k.ctx.Err() != nil {
		return client, err
	}
	if l.answered != "" { // it hung up: on who errs, or on who takes long
		if err := l.wasWrong(); err != nil {
			return nil, err
		}
	}
	return nil, failure(causeOf(err, protocol.DeviceClosed))
}

func (l *login) try(at netip.AddrPort, key ssh.PublicKey) (*ssh.Client, error) {
	k := l.k
	conn, _, err := k.connect([]netip.AddrPort{at})
	if err != nil {
		return nil, err
	}
	l.conn, l.banner, l.banners, l.answered, l.partial, l.noAsk = conn, "", 0, "", 0, false
	fixed := ssh.FixedHostKey(key)
	seen := false
	config := k.config(func(host string, remote net.Addr, is ssh.PublicKey) error {
		seen = true
		if fixed(host, remote, is) != nil {
			return failure(protocol.DeviceKeyChanged)
		}
		return nil
	})
	config.HostKeyAlgorithms = slices.DeleteFunc(config.HostKeyAlgorithms, func(a string) bool { return !fits(a, key.Type()) })
	config.BannerCallback = l.greet
	config.AuthCallback = l.choose
	c, channels, requests, err := ssh.NewClientConn(conn, k.consent.config.Device.Address(), config)
	if err != nil {
		_ = conn.Close()
		var f failure
		if !seen && !errors.As(err, &f) {
			return nil, handshake(err)
		}
		return nil, err
	}
	return ssh.NewClient(c, channels, requests), nil // which refuses every channel that the device would open
}

// fits reports whether algorithm a signs with a key of this type.
func fits(a, keyType string) bool {
	if keyType == ssh.KeyAlgoRSA {
		return a == ssh.KeyAlgoRSA || a == ssh.KeyAlgoRSASHA256 || a == ssh.KeyAlgoRSASHA512
	}
	return a == keyType
}

// greet keeps what the device says before signing in; a person sees it with the first prompt.
func (l *login) greet(text string) error {
	if l.banners++; l.banners > maxBanners {
		return failure(protocol.DeviceNoSSH)
	}
	l.banner = protocol.DeviceText(l.banner+text, protocol.MaxPrompt/2)
	return nil
}

// choose says how to go on, after none or another try.
func (l *login) choose(a *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	took := len(a.PartialSuccessMethods) > l.partial
	l.partial = len(a.PartialSuccessMethods)
	if l.answered != "" && !took {
		if err := l.wasWrong(); err != nil {
			return nil, err
		}
	} else if took {
		l.cause = ""
	}
	has := func(method string) bool {
		return slices.Contains(a.AllowedMethods, method) && !(took && slices.Contains(a.PartialSuccessMethods, method))
	}
	switch {
	case has("publickey") && l.method == protocol.LoginKey && !slices.Contains(a.PartialSuccessMethods, "publickey"):
		return l.withKey()
	case has("keyboard-interactive") && !l.noAsk:
		l.noAsk = true // until it asks something
		return ssh.KeyboardInteractive(l.questions), nil
	case has("password"):
		e, err := l.prompt(protocol.LoginPassword, "", true)
		if err != nil {
			return nil, err
		}
		return ssh.Password(e.Text), nil
	}
	return nil, failure(protocol.DeviceMethods)
}

// wasWrong counts a wrong answer, and says whether it was the last.
func (l *login) wasWrong() error {
	l.answered, l.cause = "", protocol.DeviceWrong
	l.k.consent.wrong()
	if l.k.consent.tries() == 0 {
		return failure(protocol.DeviceLocked)
	}
	return nil
}

// withKey asks for a private key until one can be read.
func (l *login) withKey() (ssh.AuthMethod, error) {
	for {
		e, err := l.prompt(protocol.LoginKey, "", true)
		if err != nil {
			return nil, err
		}
		signer, err := e.signer(l.k.consent.config.Device.Old)
		if err == nil {
			return ssh.PublicKeys(signer), nil
		}
		l.answered, l.cause = "", protocol.DeviceUnreadable
	}
}

// questions puts what the device asks, one by one.
func (l *login) questions(name, instruction string, questions []string, echos []bool) ([]string, error) {
	var answers []string
	for i, q := range questions {
		l.noAsk = false
		if i == 0 {
			q = name + "\n" + instruction + "\n" + q
		}
		e, err := l.prompt(protocol.LoginQuestion, q, !echos[i])
		if err != nil {
			return nil, err
		}
		answers = append(answers, e.Text)
	}
	return answers, nil
}

// prompt asks the technician. The device waits meanwhile, or closes.
func (l *login) prompt(method protocol.LoginMethod, text string, hidden bool) (entered, error) {
	k := l.k
	for {
		if l.asked++; l.asked > maxQuestions {
			return entered{}, failure(protocol.DeviceNoSSH)
		}
		k.mu.Lock()
		k.ask++
		ask := k.ask
		k.mu.Unlock()
		m := protocol.Terminal{Kind: protocol.TerminalPrompt, Ask: ask, Method: method, Hidden: hidden, Left: k.consent.tries(), Cause: l.cause,
			Text: lines(l.banner + "\n" + text)}
		if err := l.conn.SetDeadline(time.Now().Add(personTime + stepTime)); err != nil {
			return entered{}, err
		}
		k.tell(m)
		answer, err := k.wait(k.secrets)
		if err != nil {
			return entered{}, failure(causeOf(err, protocol.DeviceClosed))
		}
		if err := l.conn.SetDeadline(time.Now().Add(stepTime)); err != nil {
			return entered{}, err
		}
		e, err := open(k.consent.key, answer.Sealed, k.consent.info(k.run, ask, l.key))
		if err != nil {
			l.cause = protocol.DeviceUnreadable
			continue
		}
		l.banner, l.cause, l.answered = "", "", method
		return e, nil
	}
}

// lines is text without empty lines around it, as it may be shown.
func lines(s string) string { return strings.Trim(protocol.DeviceText(s, protocol.MaxPrompt), "\n") }
