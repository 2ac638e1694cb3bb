package mirror

import (
	"testing"

	"consento/recordings/fipstest"
)

func TestFIPS(t *testing.T) {
	fipstest.Only(t, "TestAppend", "TestForkRefused", "TestBagRules")
}
