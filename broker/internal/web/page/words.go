package page

import (
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Plain takes out of a name what people do not see but what changes what they
// see: control characters and the marks that turn the direction of text
// (Unicode TR 36, section 2.5). Letters that run from right to left stay, and
// the templates isolate them.
func Plain(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, name)
}

// Isolate keeps a name from changing the direction of the sentence around it
// (Unicode UAX 9, first strong isolate).
func Isolate(name string) string { return "\u2068" + Plain(name) + "\u2069" }

// Telephone makes a tel: address (RFC 3966) of a number as people write it, ""
// if there is no number in it.
func Telephone(number string) template.URL {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, number)
	if digits == "" {
		return ""
	}
	if strings.HasPrefix(strings.TrimSpace(number), "+") {
		digits = "+" + digits
	}
	return template.URL("tel:" + digits) // digits only, so it is safe
}

// Day is a date as people of the page's language write it.
func Day(p *Page, at time.Time) string {
	return p.T("log.date", "year", at.Format("2006"), "month", at.Format("01"), "day", at.Format("02"))
}

// Minute is a moment for administrators, who sit in several places.
func Minute(p *Page, at time.Time) string {
	return Day(p, at.UTC()) + " " + at.UTC().Format("15:04") + " UTC"
}

// Size writes bytes in the unit that leaves up to four digits.
func Size(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	for n >= 10_000 && len(units) > 1 {
		n, units = (n+500)/1000, units[1:]
	}
	return strconv.FormatInt(n, 10) + " " + units[0]
}

// Span is a time in words.
func Span(p *Page, d time.Duration) string {
	h, m := strconv.Itoa(int(d/time.Hour)), strconv.Itoa(int(d%time.Hour/time.Minute))
	switch {
	case d < time.Hour:
		return p.T("levels.span.m", "m", m)
	case m == "0":
		return p.T("levels.span.h", "h", h)
	}
	return p.T("levels.span.hm", "h", h, "m", m)
}

// Zone tells a zone by name, where it has one that people know, and offset.
func Zone(zone *time.Location, now time.Time) string {
	offset := "UTC" + now.In(zone).Format("-07:00")
	if name := zone.String(); name != "Local" && name != "UTC" && name != "" {
		return strings.ReplaceAll(name, "_", " ") + " (" + offset + ")"
	}
	return offset
}
