package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/ops"
	"consento/protocol"
	"consento/recordings"
)

// maxInputFile bounds password and key files, in bytes.
const maxInputFile = 1 << 16

// dataFlag names the data folder. The commands work while the broker runs.
type dataFlag struct {
	Data string `required:"" placeholder:"DIR" help:"The broker's data folder." type:"path"`
}

// access opens what the management commands need.
func (d dataFlag) access(ctx context.Context) (*access.Access, func() error, error) {
	db, err := ops.OpenDatabase(ctx, d.Data)
	if err != nil {
		return nil, nil, err
	}
	a, err := access.New(ctx, access.Config{DB: db, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return a, db.Close, nil
}

// onAccount does something with the account of an e-mail address, and returns it.
func (d dataFlag) onAccount(ctx context.Context, email string, do func(*access.Access, access.Account) error) (access.Account, error) {
	a, done, err := d.access(ctx)
	if err != nil {
		return access.Account{}, err
	}
	account, err := a.ByEmail(ctx, email)
	if err == nil {
		err = do(a, account)
	}
	return account, errors.Join(err, done())
}

func readInput(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxInputFile+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	if len(data) > maxInputFile {
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxInputFile)
	}
	return string(data), nil
}

type accountCommand struct {
	Add          accountAddCommand     `cmd:"" help:"Make an account."`
	ResetFactors accountResetCommand   `cmd:"" name:"reset-factors" help:"Take authenticator app, passkeys and recovery codes from an account whose owner lost them; every sign-in of theirs ends. For the last administrator, whom nobody else can help."`
	Disable      accountDisableCommand `cmd:"" help:"End an account for good: its sign-ins, tokens and live sessions end within seconds."`
}

type accountDisableCommand struct {
	dataFlag
	Email string `required:"" help:"E-mail address of the account."`
}

func (c accountDisableCommand) Run(ctx context.Context) error {
	account, err := c.onAccount(ctx, c.Email, func(a *access.Access, account access.Account) error { return a.Disable(ctx, account.ID) })
	if err != nil {
		return err
	}
	fmt.Printf("account %s: ended\n", account.Email)
	return nil
}

type accountResetCommand struct {
	dataFlag
	Email string `required:"" help:"E-mail address of the account."`
}

func (c accountResetCommand) Run(ctx context.Context) error {
	account, err := c.onAccount(ctx, c.Email, func(a *access.Access, account access.Account) error { return a.ResetFactors(ctx, account.ID) })
	if err != nil {
		return err
	}
	fmt.Printf("account %s: signs in with the password alone\n", account.Email)
	return nil
}

type accountAddCommand struct {
	dataFlag
	Email        string `required:"" help:"E-mail address to sign in with."`
	Name         string `required:"" help:"Name and surname, as customers read it."`
	Role         string `required:"" enum:"technician,lead,auditor,administrator,maintainer,dpo" help:"One of ${enum}."`
	Team         string `help:"Team; made if there is none of that name. Needed for technicians and leads."`
	Territory    string `help:"Territory of the team, or what an auditor is limited to."`
	Level        string `enum:",L1,L2,L3,LX" default:"" help:"L1, L2, L3 or LX. Needed for technicians and leads (L1 if nothing is said)."`
	Profile      string `help:"Profile of a technician or lead (View only if nothing is said)."`
	PasswordFile string `required:"" placeholder:"FILE" type:"existingfile" help:"File with the password in its first line."`
}

func (c accountAddCommand) Run(ctx context.Context) error {
	text, err := readInput(c.PasswordFile)
	if err != nil {
		return err
	}
	password, _, _ := strings.Cut(text, "\n")
	a, done, err := c.access(ctx)
	if err != nil {
		return err
	}
	n := access.NewAccount{Email: c.Email, Name: c.Name, Role: access.Role(c.Role), Team: c.Team, Territory: c.Territory,
		Level: access.Level(c.Level), Profile: c.Profile, Password: strings.TrimSuffix(password, "\r")}
	if n.Role == access.Technician || n.Role == access.Lead {
		if n.Level == "" {
			n.Level = access.L1
		}
		if n.Profile == "" {
			n.Profile = protocol.ProfileViewOnly
		}
	}
	account, err := a.Add(ctx, n)
	if err := errors.Join(err, done()); err != nil {
		return err
	}
	fmt.Printf("account %s: %s, %s\n", account.Email, account.Name, account.Role)
	return nil
}

type profileCommand struct {
	SSH profileSSHCommand `cmd:"" name:"ssh" help:"Let a profile's technicians ask for devices of the customers' networks by SSH, and say which."`
}

type profileSSHCommand struct {
	dataFlag
	Profile string   `required:"" help:"Name of the profile."`
	Off     bool     `help:"Take the permission away."`
	Hosts   []string `arg:"" optional:"" help:"Networks (10.2.0.0/16), addresses, names, *.names that may be reached. None: private addresses."`
}

func (c profileSSHCommand) Run(ctx context.Context) error {
	a, done, err := c.access(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(a.SetSSH(ctx, c.Profile, !c.Off, c.Hosts), done()); err != nil {
		return err
	}
	fmt.Printf("profile %s: set\n", c.Profile)
	return nil
}

type recipientCommand struct {
	Add recipientAddCommand `cmd:"" help:"Name an auditor's public key (from consento-verify keygen)."`
}

type recipientAddCommand struct {
	dataFlag
	PublicKey string `required:"" placeholder:"FILE" type:"existingfile" help:"File with the public key."`
	Name      string `default:"Auditors" help:"Whose key it is."`
	Team      string `help:"Only sessions of this team."`
	Territory string `help:"Only sessions of this territory."`
}

func (c recipientAddCommand) Run(ctx context.Context) error {
	signed, err := evidence.HasPolicy(filepath.Join(c.Data, "keys"))
	if err != nil {
		return err
	}
	if signed {
		return errors.New("the auditors' signed policy says who reads recordings, and no command of this machine: the auditors sign the next one (page \"Who may read\", or consento-verify policy), then consento-broker policy add")
	}
	text, err := readInput(c.PublicKey)
	if err != nil {
		return err
	}
	a, done, err := c.access(ctx)
	if err != nil {
		return err
	}
	r, err := a.AddRecipient(ctx, access.NewRecipient{Name: c.Name, Team: c.Team, Territory: c.Territory, PublicKey: text})
	if err := errors.Join(err, done()); err != nil {
		return err
	}
	fmt.Printf("recipient %s: %s\n", r.Key.ID(), r.Name)
	return nil
}

type policyCommand struct {
	Add policyAddCommand `cmd:"" help:"Take the next recipient policy that the auditors signed (from their page, or consento-verify policy sign)."`
}

type policyAddCommand struct {
	dataFlag
	File string `arg:"" type:"existingfile" help:"The signed policy, N.policy."`
}

// Run leaves the policy for the broker that serves, or the next one: only it
// writes the log, and a policy counts from its leaf on.
func (c policyAddCommand) Run(context.Context) error {
	signed, err := recordings.ReadPolicy(c.File)
	if err != nil {
		return err
	}
	folder, err := ops.OpenFolder(c.Data)
	if err != nil {
		return err
	}
	if _, err := evidence.LeavePolicy(folder.Keys(), signed.Bytes()); err != nil {
		return err
	}
	fmt.Printf("policy %d, root key %x: counts as soon as the broker has it on the log\n", signed.Number, signed.Root)
	return nil
}

type agentsCommand struct {
	Prepare agentsPrepareCommand `cmd:"" help:"Fill the office section of the agents, once per office, before they are signed."`
}

type agentsPrepareCommand struct {
	dataFlag
	In        string   `required:"" placeholder:"DIR" type:"existingdir" help:"Folder with the agents as built (consento-agent-SYSTEM-ARCHITECTURE)."`
	Out       string   `placeholder:"DIR" type:"path" help:"Where the prepared agents go; the data folder's agents if nothing is said."`
	PublicURL []string `required:"" placeholder:"URL" help:"Addresses of the office's brokers, the first is the default."`
	Office    string   `help:"Name of the office; the stored one if nothing is said."`
}

func (c agentsPrepareCommand) Run(ctx context.Context) error {
	folder, err := ops.OpenFolder(c.Data)
	if err != nil {
		return err
	}
	trust, err := ops.OpenTrust(folder)
	if err != nil {
		return err
	}
	section := protocol.OfficeSection{V: 1, Office: c.Office, Root: trust.Root()}
	for _, address := range c.PublicURL {
		u, err := protocol.ParseBrokerURL(address)
		if err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
		section.Brokers = append(section.Brokers, u.String())
	}
	if section.Office == "" {
		if section.Office, err = c.storedOffice(ctx, section.Brokers[0]); err != nil {
			return err
		}
	}
	if c.Out == "" {
		c.Out = folder.Agents()
	}
	if err := os.MkdirAll(c.Out, 0o700); err != nil {
		return err
	}
	programs, err := filepath.Glob(filepath.Join(c.In, "consento-agent-*"))
	if err != nil {
		return err
	}
	if len(programs) == 0 {
		return fmt.Errorf("%s holds no consento-agent-*: make agents builds them", c.In)
	}
	for _, program := range programs {
		data, err := os.ReadFile(program)
		if err != nil {
			return err
		}
		prepared, err := protocol.PrepareAgent(data, section)
		if err != nil {
			return fmt.Errorf("%s: %w", program, err)
		}
		out := filepath.Join(c.Out, filepath.Base(program))
		if err := replace(out, prepared); err != nil {
			return err
		}
		// Compressed once, for every customer's download.
		var packed bytes.Buffer
		z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := z.Write(prepared); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		if err := replace(out+".gz", packed.Bytes()); err != nil {
			return err
		}
		fmt.Printf("prepared %s for %s\n", out, strings.Join(section.Brokers, ", "))
	}
	return nil
}

// replace writes a file under a name of its own first, so that a broker never
// serves half a program.
func replace(file string, data []byte) error {
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func (c agentsPrepareCommand) storedOffice(ctx context.Context, broker string) (string, error) {
	a, done, err := c.access(ctx)
	if err != nil {
		return "", err
	}
	office, err := officeOf(ctx, a, broker)
	return office.Name, errors.Join(err, done())
}
