package house

import (
	"debug/elf"
	"fmt"
	"strings"
	"testing"
)

// TestOldestGlibc: the agent starts on systems as old as the README says. It
// fails where it is built on a newer system than the one that it is shipped from.
func TestOldestGlibc(t *testing.T) {
	program, err := built["consento-agent"]()
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	newest := 0
	for _, s := range symbols {
		var minor int
		if n, _ := fmt.Sscanf(s.Version, "GLIBC_2.%d", &minor); n == 1 {
			newest = max(newest, minor)
		}
	}
	if want := fmt.Sprintf("needs glibc 2.%d ", newest); !strings.Contains(read(t, "README.md"), want) {
		t.Errorf("the agent as built here %sor newer; the README says something else", want)
	}
	libraries, err := f.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range libraries {
		if l != "libc.so.6" && l != "libm.so.6" {
			t.Errorf("the agent needs %s on the customer's computer: link it statically, or open it at run time", l)
		}
	}
}
