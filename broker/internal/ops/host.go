package ops

import (
	"errors"
	"strings"

	"golang.org/x/net/idna"
)

// CleanHost returns the one spelling of a DNS name: ASCII (UTS #46), small
// letters, labels of 1 to 63 letters, digits and hyphens, 253 bytes at most, no dot
// at the end.
func CleanHost(s string) (string, error) {
	profile := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))
	ascii, err := profile.ToASCII(s)
	if err != nil || ascii == "" || strings.HasSuffix(ascii, ".") {
		return "", errors.New("is not a DNS name")
	}
	return ascii, nil
}
