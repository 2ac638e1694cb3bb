package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"consento/recordings"
)

type policyCommands struct {
	Make policyMake `cmd:"" help:"Write the text of a recipient policy, to be looked at and signed."`
	Sign policySign `cmd:"" help:"Sign the text with the auditors' root key."`
	Show policyShow `cmd:"" help:"Show a policy and check its signature."`
}

type policyMake struct {
	Out        string   `required:"" placeholder:"FILE" help:"The text, not signed yet."`
	Root       string   `required:"" placeholder:"FILE" help:"Public key of the root that will sign it (auditors.pub)."`
	After      string   `placeholder:"FILE" help:"The signed policy before this one; without it this is number 1."`
	Team       []string `sep:"none" placeholder:"TEAM@TERRITORY=FILE,..." help:"Whose sessions which public keys read, each alone. TEAM, TERRITORY or both may be empty: all."`
	DualTeam   []string `sep:"none" placeholder:"TEAM@TERRITORY=FILE,..." help:"As --team, but any two of the keys together."`
	Escrow     []string `placeholder:"FILE" help:"The three public keys of the escrow."`
	NoCustomer bool     `help:"No copy for the customer."`
}

// Run writes the text.
func (m *policyMake) Run(out io.Writer) error {
	root, err := readRoot(m.Root)
	if err != nil {
		return failure{exitUsage, err}
	}
	p := recordings.Policy{Number: 1, Made: time.Now().UTC().Truncate(time.Millisecond), Root: root, Customer: !m.NoCustomer}
	if m.After != "" {
		before, err := recordings.ReadPolicy(m.After)
		if err != nil {
			return failure{exitUsage, err}
		}
		p.Number, p.Prev = before.Number+1, before.Hash()
	}
	for dual, teams := range map[bool][]string{false: m.Team, true: m.DualTeam} {
		for _, t := range teams {
			team, err := parseTeam(t, dual)
			if err != nil {
				return failure{exitUsage, err}
			}
			p.Teams = append(p.Teams, team)
		}
	}
	if p.Escrow, err = readRecipients(m.Escrow); err != nil {
		return failure{exitUsage, err}
	}
	text, err := p.Text()
	if err != nil {
		return failure{exitUsage, err}
	}
	if err := writeNew(m.Out, append(text, '\n'), 0o644); err != nil {
		return failure{exitUsage, err}
	}
	return printPolicy(out, p)
}

func parseTeam(s string, dual bool) (recordings.PolicyTeam, error) {
	who, files, ok := strings.Cut(s, "=")
	team, territory, at := strings.Cut(who, "@")
	if !ok || !at {
		return recordings.PolicyTeam{}, fmt.Errorf("%q is not TEAM@TERRITORY=FILE,... (both names may be empty)", s)
	}
	to, err := readRecipients(strings.Split(files, ","))
	return recordings.PolicyTeam{Name: team, Territory: territory, Dual: dual, Recipients: to}, err
}

func readRecipients(paths []string) ([]recordings.Recipient, error) {
	var to []recordings.Recipient
	for _, path := range paths {
		r, err := recordings.ReadRecipient(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		to = append(to, r)
	}
	return to, nil
}

type policySign struct {
	File    string `arg:"" help:"The text that make wrote."`
	Root    string `required:"" placeholder:"FILE" help:"Private root key."`
	OldRoot string `placeholder:"FILE" help:"Private root key before, when the policy brings a new one."`
	Out     string `required:"" placeholder:"DIR" help:"Folder for the signed policy, N.policy."`
}

// Run signs and writes N.policy.
func (s *policySign) Run(out io.Writer) error {
	b, err := readSmall(s.File)
	if err != nil {
		return failure{exitUsage, err}
	}
	p, err := recordings.ParsePolicyText([]byte(strings.TrimSuffix(string(b), "\n")))
	if err != nil {
		return failure{exitUsage, err}
	}
	root, err := readRootKey(s.Root)
	if err != nil {
		return failure{exitUsage, err}
	}
	var old ed25519.PrivateKey
	if s.OldRoot != "" {
		if old, err = readRootKey(s.OldRoot); err != nil {
			return failure{exitUsage, err}
		}
	}
	signed, err := p.Sign(root, old)
	if err != nil {
		return failure{exitUsage, err}
	}
	if err := recordings.WritePolicy(s.Out, signed); err != nil {
		return failure{exitUsage, err}
	}
	_, err = fmt.Fprintf(out, "signed: %s, hash %x\n", recordings.PolicyFile(p.Number), signed.Hash())
	return err
}

type policyShow struct {
	File string `arg:"" help:"A signed policy, or a folder of all of them with auditors.pub."`
}

// Run shows what is signed; of a folder, the policies must follow one from the
// other from the root key on.
func (s *policyShow) Run(out io.Writer, code *int) error {
	st, err := os.Stat(s.File)
	if err != nil {
		return failure{exitUsage, err}
	}
	if st.IsDir() {
		p, err := readPolicies(s.File)
		if err != nil {
			return err
		}
		var current recordings.SignedPolicy
		ok := p != nil
		if ok {
			current, ok = p.Current()
		}
		if !ok {
			return failure{exitUnverifiable, errors.New("no auditors.pub, or no policy, in this folder")}
		}
		if _, err := fmt.Fprintf(out, "%d policies, each following from the one before, from the root key on; the last:\n", p.Len()); err != nil {
			return err
		}
		return printSigned(out, current)
	}
	p, err := recordings.ReadPolicy(s.File)
	if err != nil {
		return err
	}
	*code = exitUnverifiable // whose root key it is nobody said
	if err := printSigned(out, p); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "Signed by the root key that it names. Whether that is the office's, show of the folder with auditors.pub tells.")
	return err
}

func printSigned(out io.Writer, p recordings.SignedPolicy) error {
	_, err := fmt.Fprintf(out, "hash               %x\n", p.Hash())
	return errors.Join(err, printPolicy(out, p.Policy))
}

func printPolicy(out io.Writer, p recordings.Policy) error {
	var b strings.Builder
	fmt.Fprintf(&b, "policy             number %d, made %s\nroot key           %x\n", p.Number, p.Made.Format("2006-01-02 15:04 UTC"), p.Root)
	for _, t := range p.Teams {
		rule := "each of"
		if t.Dual {
			rule = "any two of"
		}
		fmt.Fprintf(&b, "team               %s in %s: %s %s\n", orAll(t.Name), orAll(t.Territory), rule, ids(t.Recipients))
	}
	escrow := "none: who loses the auditors' keys loses the contents"
	if len(p.Escrow) > 0 {
		escrow = "any two of " + ids(p.Escrow)
	}
	customer := "no"
	if p.Customer {
		customer = "yes"
	}
	fmt.Fprintf(&b, "escrow             %s\ncustomer's copy    %s\n", escrow, customer)
	_, err := io.WriteString(out, b.String())
	return err
}

func orAll(name string) string {
	if name == "" {
		return "(all)"
	}
	return name
}

func ids(to []recordings.Recipient) string {
	s := make([]string, len(to))
	for i, r := range to {
		s[i] = r.ID()
	}
	return strings.Join(s, ", ")
}

// writeNew makes a file that is not there yet.
func writeNew(path string, b []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
