package ui

import (
	"io"
	"os"
	"testing"

	"github.com/jezek/xgb"
)

// TestMain silences xgb, which writes to stderr that a display without authority has none.
func TestMain(m *testing.M) {
	xgb.Logger.SetOutput(io.Discard)
	os.Exit(m.Run())
}
