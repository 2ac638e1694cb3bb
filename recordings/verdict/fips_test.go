package verdict

import (
	"testing"

	"consento/recordings/fipstest"
)

func TestFIPS(t *testing.T) {
	fipstest.Run(t)
}
