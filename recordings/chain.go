package recordings

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// ErrMissingSegment: a segment between two others is not there.
var ErrMissingSegment = errors.New("a segment is missing")

var segmentName = regexp.MustCompile(`^(.*)-(\d{1,7})\.rec$`)

// Segments returns path and, when it is named "<name>-<n>.rec", the files beside
// it that go on from it, in order. A file of another name stands alone.
func Segments(path string) ([]string, error) {
	dir, name := filepath.Split(path)
	m := segmentName.FindStringSubmatch(name)
	if m == nil {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(cmp.Or(dir, "."))
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	first, _ := strconv.Atoi(m[2]) // at most seven digits
	byNumber := map[int]string{}
	for _, e := range entries {
		k := segmentName.FindStringSubmatch(e.Name())
		if k == nil || k[1] != m[1] {
			continue
		}
		if n, _ := strconv.Atoi(k[2]); n > first {
			byNumber[n] = dir + e.Name()
		}
	}
	paths := []string{path}
	numbers := make([]int, 0, len(byNumber))
	for n := range byNumber {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		paths = append(paths, byNumber[n])
	}
	return paths, nil
}

// Continues checks that next goes on where prev ended.
//
// Errors: [ErrMissingSegment], [ErrTampered] (it is of another session, or
// continues another head than the last of prev).
func Continues(prev, next Report) error {
	p, n := prev.Open, next.Open
	switch {
	case p.Session != n.Session:
		return fmt.Errorf("%w: segment %d is of another session", ErrTampered, n.Segment)
	case n.Segment <= p.Segment:
		return fmt.Errorf("%w: segment %d stands where one after %d belongs", ErrTampered, n.Segment, p.Segment)
	case n.Segment > p.Segment+1:
		return fmt.Errorf("%w: number %d", ErrMissingSegment, p.Segment+1)
	case !prev.Final:
		// Its last head is not known; that it has none is a finding of its own.
		return nil
	case !n.Continues.Same(prev.Head):
		return fmt.Errorf("%w: segment %d continues another head than the last of segment %d", ErrTampered, n.Segment, p.Segment)
	}
	return nil
}
