package main

import (
	"io/fs"
	"os"
	"path/filepath"

	"consento/recordings/translog"
)

// readKeys reads public keys (PEM, PKIX, Ed25519): from a file the log's, from a
// folder those in log.pub, log-*.pub and witness-*.pub.
func readKeys(path string) (translog.Keys, error) {
	if path == "" {
		return translog.Keys{}, nil
	}
	st, err := os.Stat(path)
	if err != nil {
		return translog.Keys{}, failure{exitUsage, err}
	}
	if st.IsDir() {
		keys, err := translog.ReadKeys(os.DirFS(path))
		if err != nil {
			return keys, failure{exitUsage, err}
		}
		return keys, nil
	}
	b, err := readSmall(path)
	if err != nil {
		return translog.Keys{}, failure{exitUsage, err}
	}
	keys, err := translog.ParseKeys(b)
	if err != nil {
		return translog.Keys{}, failure{exitUsage, &fs.PathError{Op: "read", Path: path, Err: err}}
	}
	return translog.Keys{Log: keys, Quorum: 1}, nil
}

// readSmall reads a key, checkpoint or proof.
func readSmall(path string) ([]byte, error) {
	return translog.ReadFile(os.DirFS(filepath.Dir(path)), filepath.Base(path))
}
