package evidence

import (
	"testing"

	"consento/recordings/fipstest"
)

func TestFIPS(t *testing.T) {
	fipstest.Only(t, "TestErasure", "TestHold", "TestBagOnBothStores", "TestMakeShare", "TestPolicy")
}
