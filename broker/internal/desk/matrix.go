package desk

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"

	"github.com/google/uuid"
)

// Matrix is what each level does for each category.
type Matrix struct {
	Categories []Category `json:"categories"`
}

// Category is what a ticket is about. One that is retired is not on offer any more; the
// tickets that have it keep it.
type Category struct {
	ID      string                `json:"id"`
	Words   map[string]Words      `json:"words"`           // by BCP 47 tag
	Alert   bool                  `json:"alert,omitempty"` // the data-protection officer is told at once
	Retired bool                  `json:"retired,omitempty"`
	Cells   map[access.Level]Cell `json:"cells"`
}

// Words name a category.
type Words struct {
	Name  string `json:"name"`
	About string `json:"about"` // what belongs here, one sentence
}

// Cell is what one level does for one category.
type Cell struct {
	Team  string          `json:"team,omitempty"`  // who gets it from here; "": any team of the next level
	After int             `json:"after,omitempty"` // minutes of service time after which it is to be handed on; 0: no time is set
	Words map[string]Work `json:"words"`           // by BCP 47 tag
}

// Work is what is to be done, in one language.
type Work struct {
	Steps []string `json:"steps"`
	When  string   `json:"when"` // when to hand on; of LX when it comes back
}

// Limits of a matrix.
const (
	maxCategories = 100
	maxSteps      = 20
	maxAfter      = 30 * 24 * 60 // minutes
)

//go:embed matrix/*.json
var startingTexts embed.FS

// StartingMatrix is the one that comes with the program, in all its languages.
func StartingMatrix() (Matrix, error) {
	files, err := startingTexts.ReadDir("matrix")
	if err != nil {
		return Matrix{}, fmt.Errorf("desk: %w", err)
	}
	var m Matrix
	for _, id := range []string{"software", "network", "breach", "cloud"} {
		c := Category{ID: id, Alert: id == "breach", Words: map[string]Words{}, Cells: map[access.Level]Cell{}}
		for _, level := range access.Levels() {
			c.Cells[level] = Cell{Words: map[string]Work{}}
		}
		for _, f := range files {
			tag := f.Name()[:len(f.Name())-len(".json")]
			raw, err := startingTexts.ReadFile("matrix/" + f.Name())
			if err != nil {
				return Matrix{}, fmt.Errorf("desk: %w", err)
			}
			var all map[string]struct {
				Words
				L1, L2, L3, LX Work
			}
			if err := json.Unmarshal(raw, &all); err != nil {
				return Matrix{}, fmt.Errorf("desk: %s: %w", f.Name(), err)
			}
			t := all[id]
			c.Words[tag] = t.Words
			for level, work := range map[access.Level]Work{access.L1: t.L1, access.L2: t.L2, access.L3: t.L3, access.LX: t.LX} {
				c.Cells[level].Words[tag] = work
			}
		}
		m.Categories = append(m.Categories, c)
	}
	return m, nil
}

// Find returns a category, a retired one too.
func (m Matrix) Find(id string) (Category, bool) {
	i := slices.IndexFunc(m.Categories, func(c Category) bool { return c.ID == id })
	if i < 0 {
		return Category{}, false
	}
	return m.Categories[i], true
}

// In is how the category is named in a language, or in another one that it has.
func (c Category) In(tag string) Words { return inLanguage(c.Words, tag) }

// Name is the category's name, likewise.
func (c Category) Name(tag string) string { return c.In(tag).Name }

// About is what belongs to it, likewise.
func (c Category) About(tag string) string { return inLanguage(c.Words, tag).About }

// Work is what is to be done in a language, or in another one that the cell has.
func (c Cell) Work(tag string) Work { return inLanguage(c.Words, tag) }

// inLanguage takes what there is: in that language, in English, in any.
func inLanguage[T any](words map[string]T, tag string) T {
	for _, t := range []string{tag, "en"} {
		if w, ok := words[t]; ok {
			return w
		}
	}
	for _, t := range slices.Sorted(maps.Keys(words)) {
		return words[t]
	}
	var none T
	return none
}

// Clean returns the matrix as it is stored, or an *access.Invalid. Levels are known with
// their teams: who gets a ticket from a level stands above it, so that no ticket goes in
// a circle.
func (m Matrix) Clean(teams map[string]access.Level) (Matrix, error) { return m.clean(teams, Matrix{}) }

// clean is Clean, where a team that a cell had before is not looked at: it may be gone by
// now, and that must not forbid to change something else. MatrixProblems tells of it.
func (m Matrix) clean(teams map[string]access.Level, before Matrix) (Matrix, error) {
	if len(m.Categories) > maxCategories {
		return m, wrong("categories", "too_many")
	}
	m.Categories = slices.Clone(m.Categories)
	seen := map[string]bool{}
	for i := range m.Categories {
		c := &m.Categories[i]
		if c.ID == "" {
			c.ID = uuid.NewString()
		}
		if seen[c.ID] || len(c.ID) > 64 {
			return m, wrong("category", "twice")
		}
		seen[c.ID] = true
		words := map[string]Words{}
		for tag, w := range c.Words {
			var err error
			if w.Name, err = ops.CleanLine(w.Name, 80); err != nil || len(tag) > 35 {
				return m, wrong("name", "malformed")
			}
			if w.About, err = cleanText("about", w.About); err != nil {
				return m, err
			}
			words[tag] = w
		}
		if c.Words = words; len(words) == 0 {
			return m, wrong("name", "missing")
		}
		cells := map[access.Level]Cell{}
		was, _ := before.Find(c.ID)
		for level, cell := range c.Cells {
			var err error
			if cells[level], err = cell.clean(level, teams, was.Cells[level].Team); err != nil {
				return m, err
			}
		}
		c.Cells = cells
	}
	return m, nil
}

func (c Cell) clean(level access.Level, teams map[string]access.Level, before string) (Cell, error) {
	order := access.Levels()
	if !slices.Contains(order, level) {
		return c, wrong("level", "unknown")
	}
	if c.After < 0 || c.After > maxAfter {
		return c, wrong("after", "range")
	}
	if c.Team != "" && c.Team != before {
		above, known := teams[c.Team]
		if !known {
			return c, wrong("team", "unknown")
		}
		if slices.Index(order, above) <= slices.Index(order, level) {
			return c, wrong("team", "not_above")
		}
	}
	words := map[string]Work{}
	for tag, w := range c.Words {
		if len(w.Steps) > maxSteps || len(tag) > 35 {
			return c, wrong("steps", "too_many")
		}
		var clean Work
		var err error
		for _, s := range w.Steps {
			if s, err = cleanText("steps", s); err != nil {
				return c, err
			}
			if s != "" {
				clean.Steps = append(clean.Steps, s)
			}
		}
		if clean.When, err = cleanText("when", w.When); err != nil {
			return c, err
		}
		words[tag] = clean
	}
	c.Words = words
	return c, nil
}

// Matrix returns the one in force.
func (d *Desk) Matrix(ctx context.Context) (Matrix, Version, error) {
	var m Matrix
	v, err := newest(ctx, d.db, ofMatrix, &m)
	return m, v, err
}

// MatrixAt returns a version; the zero Version if there is none of that number.
func (d *Desk) MatrixAt(ctx context.Context, number int64) (Matrix, Version, error) {
	var m Matrix
	v, err := numbered(ctx, d.db, ofMatrix, number, &m)
	return m, v, err
}

// MatrixVersions lists the newest versions, the newest first.
func (d *Desk) MatrixVersions(ctx context.Context, limit int) ([]Version, error) {
	return d.versions(ctx, ofMatrix, limit)
}

// SaveMatrix makes a matrix the one in force after version base. A category that tickets
// may have is retired, not left out. It returns ErrStale, ErrForbidden, an
// *access.Invalid.
func (d *Desk) SaveMatrix(ctx context.Context, by access.Account, base int64, m Matrix) (Version, error) {
	teams, err := d.teams(ctx)
	if err != nil {
		return Version{}, err
	}
	before, _, err := d.MatrixAt(ctx, base)
	if err != nil {
		return Version{}, err
	}
	if m, err = m.clean(teams, before); err != nil {
		return Version{}, err
	}
	for _, c := range before.Categories {
		if _, kept := m.Find(c.ID); !kept {
			return Version{}, wrong("category", "left_out")
		}
	}
	v, err := d.add(ctx, by, ofMatrix, base, m)
	if err == nil {
		d.changed("")
	}
	return v, err
}

// teams lists the teams with their levels.
func (d *Desk) teams(ctx context.Context) (map[string]access.Level, error) {
	var rows []struct {
		Name  string
		Level access.Level
	}
	if err := d.db.NewSelect().Table("teams").Column("name", "level").Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("desk: teams: %w", err)
	}
	teams := map[string]access.Level{}
	for _, r := range rows {
		teams[r.Name] = r.Level
	}
	return teams, nil
}
