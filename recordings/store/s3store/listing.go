package s3store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"consento/recordings/store"
	"consento/recordings/translog"
)

// keyed is a key with all its versions, the newest first.
type keyed struct {
	key      string
	versions []store.Version // without locks
}

// versions goes through all keys below a prefix, in order.
func (s *Store) versions(ctx context.Context, prefix string) iter.Seq2[keyed, error] {
	return func(yield func(keyed, error) bool) {
		var now keyed
		give := func() bool {
			slices.SortStableFunc(now.versions, func(a, b store.Version) int {
				if a.Newest != b.Newest {
					if a.Newest {
						return -1
					}
					return 1
				}
				return b.At.Compare(a.At)
			})
			return now.key == "" || yield(now, nil)
		}
		next := func(key string, v store.Version) bool {
			if key != now.key {
				if !give() {
					return false
				}
				now = keyed{key: key}
			}
			now.versions = append(now.versions, v)
			return true
		}
		pages := s3.NewListObjectVersionsPaginator(s.api, &s3.ListObjectVersionsInput{Bucket: &s.c.Bucket, Prefix: &prefix})
		for pages.HasMorePages() {
			page, err := s.versionsPage(ctx, pages)
			if err != nil {
				yield(keyed{}, err)
				return
			}
			for _, v := range merged(page) {
				if !next(v.key, v.versions[0]) {
					return
				}
			}
		}
		give()
	}
}

func (s *Store) versionsPage(ctx context.Context, pages *s3.ListObjectVersionsPaginator) (*s3.ListObjectVersionsOutput, error) {
	ctx, cancel := s.within(ctx, 0)
	defer cancel()
	page, err := pages.NextPage(ctx)
	if err != nil {
		return nil, fmt.Errorf("s3: list versions: %w", explain(err))
	}
	return page, nil
}

// merged puts versions and markers of a page together, in order of keys.
func merged(page *s3.ListObjectVersionsOutput) []keyed {
	var all []keyed
	add := func(key, id *string, at *time.Time, newest *bool, v store.Version) {
		if key == nil || id == nil {
			return
		}
		v.ID, v.Newest = *id, newest != nil && *newest
		if at != nil {
			v.At = at.UTC()
		}
		all = append(all, keyed{*key, []store.Version{v}})
	}
	for _, v := range page.Versions {
		size := int64(0)
		if v.Size != nil {
			size = *v.Size
		}
		add(v.Key, v.VersionId, v.LastModified, v.IsLatest, store.Version{Size: size})
	}
	for _, m := range page.DeleteMarkers {
		add(m.Key, m.VersionId, m.LastModified, m.IsLatest, store.Version{Marker: true})
	}
	slices.SortStableFunc(all, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	return all
}

// Name implements [store.Place].
func (s *Store) Name() string { return s.c.String() }

// Place is the bucket as [store.Compare] and [store.CompareBags] look at it.
func (s *Store) Place() Place { return place{s} }

// Place is a bucket that is looked at.
type Place interface {
	store.Place
	store.BagPlace
}

// place reads of each recording the version that was written first: what was put
// over it later is a finding, and hides nothing.
type place struct{ s *Store }

func (p place) Name() string { return p.s.Name() }

func (p place) Recordings(ctx context.Context) ([]string, error) {
	seen := map[string]bool{}
	var names []string
	note := func(name string) {
		if strings.HasSuffix(name, ".rec") && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	prefix := p.s.recKey("")
	for o, err := range p.s.versions(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		note(strings.TrimPrefix(o.key, prefix))
	}
	live, err := p.s.live(ctx)
	for _, name := range live {
		note(name)
	}
	slices.Sort(names)
	return names, err
}

func (p place) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if !store.ValidName(name) {
		return nil, fmt.Errorf("%w: %.120q", store.ErrName, name)
	}
	key := p.s.recKey(name)
	for o, err := range p.s.versions(ctx, key) {
		if err != nil {
			return nil, err
		}
		for _, v := range slices.Backward(o.versions) {
			if o.key == key && !v.Marker {
				return p.s.get(ctx, key, v.ID, 0)
			}
		}
	}
	return p.live(ctx, name)
}

// live reads the parts of what is not closed.
func (p place) live(ctx context.Context, name string) (io.ReadCloser, error) {
	prefix := p.s.liveKey(name)
	q := &sequence{s: p.s, ctx: ctx, name: name}
	end := int64(0)
	for o, err := range p.s.versions(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		offset, err := strconv.ParseInt(strings.TrimPrefix(o.key, prefix), 10, 64)
		if err != nil || offset != end {
			break
		}
		for _, v := range slices.Backward(o.versions) {
			if !v.Marker {
				q.left = append(q.left, part{offset, v.Size, v.ID})
				end += v.Size
				break
			}
		}
	}
	if end == 0 {
		return nil, fmt.Errorf("s3: %s: %w", name, fs.ErrNotExist)
	}
	return q, nil
}

func (p place) Bags(ctx context.Context) ([]string, error) {
	var names []string
	for name, err := range p.s.ListBags(ctx) {
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

func (p place) BagSum(ctx context.Context, name string) (translog.Hash, error) {
	b, err := p.s.Bag(ctx, name)
	return sha256.Sum256(b), err
}

const lookers = 8 // requests at a time for locks

// Listing implements [store.Place].
func (p place) Listing(ctx context.Context) (*store.Listing, error) {
	s := p.s
	l := &store.Listing{Of: s.Name(), At: s.c.Now().UTC()}
	for _, of := range []struct {
		to     *[]store.Object
		prefix string
	}{{&l.Recordings, s.recKey("")}, {&l.Parts, s.c.Prefix + "live/"}, {&l.Bags, s.bagKey("")}} {
		for o, err := range s.versions(ctx, of.prefix) {
			if err != nil {
				return nil, err
			}
			name, part, _ := strings.Cut(strings.TrimPrefix(o.key, of.prefix), "/")
			*of.to = append(*of.to, store.Object{Key: o.key, Name: name, Part: strings.TrimLeft(part, "0"), Versions: o.versions})
			if last := &(*of.to)[len(*of.to)-1]; part != "" && last.Part == "" {
				last.Part = "0"
			}
		}
	}
	closed := map[string]bool{}
	for _, o := range l.Recordings {
		closed[o.Name] = true
	}
	// Parts of what lies there in one piece may go: their locks do not matter.
	l.Parts = slices.DeleteFunc(l.Parts, func(o store.Object) bool { return closed[o.Name] })
	var all sync.WaitGroup
	gate := make(chan struct{}, lookers)
	for _, objects := range [][]store.Object{l.Recordings, l.Parts, l.Bags} {
		for i := range objects {
			gate <- struct{}{}
			all.Go(func() {
				defer func() { <-gate }()
				s.locks(ctx, &objects[i])
			})
		}
	}
	all.Wait()
	return l, ctx.Err()
}

// locks fills in what locks the versions of an object.
func (s *Store) locks(ctx context.Context, o *store.Object) {
	for i := range o.Versions {
		v := &o.Versions[i]
		if v.Marker {
			continue
		}
		var err error
		if v.Mode, v.Until, err = s.lock(ctx, o.Key, v.ID); err == nil {
			v.Asked, err = s.asked(ctx, o.Key, v.ID)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			v.Broken = err.Error()
		}
	}
}

// asked is the end of the lock that a version was written with; zero when it does not
// say.
func (s *Store) asked(ctx context.Context, key, version string) (time.Time, error) {
	ctx, cancel := s.within(ctx, 0)
	defer cancel()
	out, err := s.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.c.Bucket, Key: &key, VersionId: &version})
	if err != nil {
		return time.Time{}, explain(err)
	}
	at, err := strconv.ParseInt(out.Metadata[metaUntil], 10, 64)
	if err != nil {
		return time.Time{}, nil
	}
	return time.Unix(at, 0).UTC(), nil
}
