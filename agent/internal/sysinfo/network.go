package sysinfo

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
)

// gateway is where the default route leads to.
type gateway struct{ device, address string }

// gateways reads the default routes of /proc/net/route (IPv4: hexadecimal numbers in
// the host's byte order, which is little-endian on all systems that an agent has).
func gateways(table string) (found []gateway) {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[1] != "00000000" {
			continue
		}
		raw, err := hex.DecodeString(fields[2])
		if err != nil || len(raw) != 4 {
			continue
		}
		var address [4]byte
		binary.BigEndian.PutUint32(address[:], binary.LittleEndian.Uint32(raw))
		found = append(found, gateway{fields[0], netip.AddrFrom4(address).String()})
	}
	return found
}

// nameServers reads those of resolv.conf(5).
func nameServers(text string) (found []string) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		if address, err := netip.ParseAddr(fields[1]); err == nil {
			found = append(found, address.String())
		}
	}
	return found
}
