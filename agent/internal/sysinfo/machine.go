package sysinfo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/net"
)

const dmi = "/sys/class/dmi/id/"

// hardware reads what the computer is made of. Serial numbers are left out: they are
// of no use for help, and tell one computer from all others.
func hardware(ctx context.Context, t *Table) error {
	for _, of := range []struct{ item, file string }{{"vendor", "sys_vendor"}, {"model", "product_name"}, {"bios", "bios_version"}} {
		t.item(of.item, small(dmi+of.file))
	}
	t.item("model", small("/proc/device-tree/model")) // where there is no DMI
	processors, cpuErr := cpu.InfoWithContext(ctx)
	if len(processors) > 0 {
		t.item("processor", processors[0].ModelName)
		if processors[0].Mhz > 0 {
			t.item("frequency", number(uint64(processors[0].Mhz*1e6)))
		}
	}
	if n, err := cpu.CountsWithContext(ctx, false); err == nil && n > 0 {
		t.item("cores", number(uint64(n)))
	}
	if n, err := cpu.CountsWithContext(ctx, true); err == nil && n > 0 {
		t.item("threads", number(uint64(n)))
	}
	memory, memErr := mem.VirtualMemoryWithContext(ctx)
	if memErr == nil {
		t.item("memory", number(memory.Total))
		t.item("memory_free", number(memory.Available))
	}
	if swap, err := mem.SwapMemoryWithContext(ctx); err == nil {
		t.item("swap", number(swap.Total))
		t.item("swap_free", number(swap.Free))
	}
	supplies, _ := filepath.Glob("/sys/class/power_supply/*/capacity") // none is not an error
	for _, s := range supplies {
		t.item("battery", small(s))
	}
	return worst(t, cpuErr, memErr)
}

// system reads what runs on it.
func system(ctx context.Context, t *Table) error {
	release := assignments(firstOf("/etc/os-release", "/usr/lib/os-release"))
	name := release["PRETTY_NAME"]
	if name == "" {
		name = runtime.GOOS
	}
	t.item("name", name)
	kernel, err := host.KernelVersionWithContext(ctx)
	t.item("kernel", kernel)
	if arch, err := host.KernelArch(); err == nil {
		t.item("architecture", arch)
	}
	if host, err := os.Hostname(); err == nil {
		t.item("host", host)
	}
	if boot, err := host.BootTimeWithContext(ctx); err == nil && boot > 0 {
		t.item("boot", number(boot))
	}
	if l, err := load.AvgWithContext(ctx); err == nil {
		t.item("load", decimal(l.Load1)+" / "+decimal(l.Load5)+" / "+decimal(l.Load15))
	}
	if kind, role, err := host.VirtualizationWithContext(ctx); err == nil && role == "guest" {
		t.item("virtual", kind)
	}
	t.item("desktop", strings.ReplaceAll(os.Getenv("XDG_CURRENT_DESKTOP"), ":", " "))
	t.item("display", os.Getenv("XDG_SESSION_TYPE"))
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} { // as setlocale(3) looks
		if value := os.Getenv(name); value != "" {
			t.item("language", value)
			break
		}
	}
	zone := small("/etc/timezone")
	if zone == "" {
		if to, err := os.Readlink("/etc/localtime"); err == nil {
			_, zone, _ = strings.Cut(to, "zoneinfo/")
		}
	}
	t.item("time_zone", zone)
	if small("/proc/sys/kernel/random/boot_id") != "" {
		_, err := os.Stat("/var/run/reboot-required")
		t.item("restart", map[bool]string{true: "yes", false: "no"}[err == nil])
	}
	return worst(t, err)
}

// network reads interfaces, gateways and name servers.
func network(ctx context.Context, t *Table) error {
	interfaces, err := net.InterfacesWithContext(ctx)
	counters := map[string]net.IOCountersStat{}
	if list, err := net.IOCountersWithContext(ctx, true); err == nil {
		for _, c := range list {
			counters[c.Name] = c
		}
	}
	for _, i := range interfaces {
		var addresses []string
		for _, a := range i.Addrs {
			addresses = append(addresses, a.Addr)
		}
		state := "down"
		if slices.Contains(i.Flags, "up") {
			state = "up"
		}
		received, sent := "", ""
		if c, ok := counters[i.Name]; ok {
			received, sent = number(c.BytesRecv), number(c.BytesSent)
		}
		t.add("interface/"+i.Name, "interface", i.Name, strings.Join(addresses, ", "), state, i.HardwareAddr, received, sent)
	}
	for _, g := range gateways(small("/proc/net/route")) {
		t.add("gateway/"+g.device, "gateway", g.device, g.address, "", "", "", "")
	}
	for _, server := range nameServers(small("/etc/resolv.conf")) {
		t.add("dns/"+server, "dns", "", server, "", "", "", "")
	}
	return worst(t, err)
}

// disks reads the file systems on disks. Those of networks are left out: a server
// that does not answer holds whoever asks.
func disks(ctx context.Context, t *Table) error {
	partitions, err := disk.PartitionsWithContext(ctx, false)
	if !slices.ContainsFunc(partitions, func(p disk.PartitionStat) bool { return p.Mountpoint == "/" }) {
		partitions = append([]disk.PartitionStat{{Mountpoint: "/"}}, partitions...)
	}
	seen := map[string]bool{}
	for _, p := range partitions {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if seen[p.Mountpoint] || strings.HasPrefix(p.Mountpoint, "/snap/") {
			continue
		}
		seen[p.Mountpoint] = true
		size, used, percent := "", "", ""
		if u, err := disk.UsageWithContext(ctx, p.Mountpoint); err == nil {
			size, used, percent = number(u.Total), number(u.Used), decimal(u.UsedPercent)
			if p.Fstype == "" {
				p.Fstype = u.Fstype
			}
		}
		if !t.add(p.Mountpoint, p.Mountpoint, p.Device, p.Fstype, size, used, percent) {
			break
		}
	}
	return worst(t, err)
}

// worst is the first error, unless something was read all the same: a part that one
// system lacks is no problem of the section.
func worst(t *Table, errs ...error) error {
	if len(t.Rows) > 0 {
		return nil
	}
	return errors.Join(errs...)
}
