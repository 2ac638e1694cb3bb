//go:build !linux

package capture

func open(_ string, s *Source) (backend, error) { return openPortable(s) }
