// Package legal is the terms of use and the privacy notice: those that come with the program,
// those that the office wrote instead, and each version that ever held.
package legal

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
	"consento/protocol"
	"consento/protocol/lang"
)

//go:embed texts/*.txt
var legalFiles embed.FS

// Versions keeps the terms and the privacy notice, each version for ever.
type Versions interface {
	// CurrentTexts returns what holds; the first call after a change makes the version.
	CurrentTexts(ctx context.Context, facts access.Facts, ours access.Texts) (access.TextsVersion, error)
	// TextsVersion returns access.ErrNotFound for a version that never was.
	TextsVersion(ctx context.Context, id string) (access.TextsVersion, error)
}

// Documents is the terms of use and the privacy notice in every language. It stands
// apart from the pages because agents are shown the terms too.
type Documents struct {
	texts    *lang.Catalog
	url      string
	Versions Versions
	Ours     access.Texts // that come with the program
}

// New reads the embedded texts. publicURL is the address that customers are
// given, without a path.
func New(texts *lang.Catalog, publicURL string, versions Versions) (*Documents, error) {
	base, err := page.BaseURL(publicURL)
	if err != nil {
		return nil, err
	}
	if versions == nil {
		return nil, errors.New("legal: the texts need a place where versions are kept")
	}
	l := &Documents{texts: texts, url: base + "/terms", Versions: versions, Ours: access.Texts{}}
	for _, tag := range texts.Tags() {
		for _, name := range []string{"terms", "privacy"} {
			data, err := legalFiles.ReadFile("texts/" + name + "." + tag + ".txt")
			if err != nil {
				return nil, fmt.Errorf("legal: %s in %s: %w", name, tag, err)
			}
			clean, wrong, _ := Clean(name, string(data), "")
			if len(wrong) > 0 {
				return nil, fmt.Errorf("legal: %s in %s: %v", name, tag, wrong)
			}
			l.Ours[name+"."+tag] = clean
		}
	}
	return l, nil
}

// Current returns the version that holds.
func (l *Documents) Current(ctx context.Context, o page.Office) (access.TextsVersion, error) {
	return l.Versions.CurrentTexts(ctx, o.Facts(), l.Ours)
}

// Terms returns the terms of use as the agent shows them, in the best language of
// those that the office offers for a BCP 47 tag or POSIX locale.
func (l *Documents) Terms(ctx context.Context, language string, o page.Office) (protocol.Terms, error) {
	texts := l.texts.Only(o.Languages...).Match(language)
	v, err := l.Current(ctx, o)
	if err != nil {
		return protocol.Terms{}, err
	}
	text := Parse(v.Texts["terms."+texts.Tag]).About(v.Facts, texts).text()
	return protocol.Terms{Version: v.ID, Language: texts.Tag, Text: text,
		URL: l.url + "?" + url.Values{"version": {v.ID}, "language": {texts.Tag}}.Encode()}, nil
}

// Starting reports whether a language's texts in v are those that came with the
// program.
func (l *Documents) Starting(v access.TextsVersion, tag string) bool {
	part := func(t access.Texts) access.Texts {
		t = maps.Clone(t)
		maps.DeleteFunc(t, func(name, _ string) bool { return !strings.HasSuffix(name, "."+tag) })
		return t
	}
	return maps.Equal(part(v.Texts), part(l.Ours))
}
