package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"consento/recordings"
)

type keygen struct {
	Out string `required:"" placeholder:"DIR" help:"Folder for the two files; they must not exist."`
}

// Run makes the key pair and says what to do with it.
func (k *keygen) Run(out io.Writer) error {
	id, err := recordings.NewIdentity()
	if err != nil {
		return err
	}
	if err := recordings.WriteKeyPair(k.Out, id); err != nil {
		if errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("there is a key already, and it is not replaced: %w", err)
		}
		return failure{exitUsage, err}
	}
	_, err = fmt.Fprintf(out, `%s
    The private key. Whoever has it can read every recording made for it.
    Keep it on the auditors' own machine, with a copy in a safe place; without
    it these recordings can be verified, but never be read again.
%s
    The public key. Give it to the administrator, who names it to the broker
    before the first session:
    consento-broker recipient add --data DIR --public-key %[2]s
%[3]s
`, filepath.Join(k.Out, recordings.IdentityFile), filepath.Join(k.Out, recordings.RecipientFile), id.Recipient())
	return err
}
