package desk

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"consento/broker/internal/access"
)

// Parts of what the office decides are changed one by one. What others change elsewhere
// meanwhile stays; who changes the same part second gets ErrStale and loses nothing.

// maxEdits is how often a part is saved anew because another one was saved meanwhile.
const maxEdits = 8

// same reports whether two values are stored alike.
func same(a, b any) bool {
	x, err := json.Marshal(a)
	if err != nil {
		return false
	}
	y, err := json.Marshal(b)
	return err == nil && string(x) == string(y)
}

// again does an edit until nobody else was faster.
func again(edit func() (Version, error)) (v Version, err error) {
	for range maxEdits {
		if v, err = edit(); !errors.Is(err, errMeanwhile) {
			return v, err
		}
	}
	return v, ErrStale
}

// errMeanwhile: another part was saved between reading and saving.
var errMeanwhile = errors.New("desk: saved meanwhile")

func meanwhile(v Version, err error) (Version, error) {
	if errors.Is(err, ErrStale) {
		err = errMeanwhile
	}
	return v, err
}

// EditCell changes what one level does for one category, as it was at version base. It
// returns ErrStale, ErrForbidden, an *access.Invalid.
func (d *Desk) EditCell(ctx context.Context, by access.Account, base int64, category string, level access.Level, cell Cell) (Version, error) {
	return d.editCategory(ctx, by, base, category, func(c, was *Category) error {
		if !same(c.Cells[level], was.Cells[level]) {
			return ErrStale
		}
		cells := map[access.Level]Cell{}
		for l, o := range c.Cells {
			cells[l] = o
		}
		cells[level] = cell
		c.Cells = cells
		return nil
	})
}

// EditCategory changes a category but for its cells, likewise.
func (d *Desk) EditCategory(ctx context.Context, by access.Account, base int64, after Category) (Version, error) {
	return d.editCategory(ctx, by, base, after.ID, func(c, was *Category) error {
		if !same(c.Words, was.Words) || c.Alert != was.Alert || c.Retired != was.Retired {
			return ErrStale
		}
		c.Words, c.Alert, c.Retired = after.Words, after.Alert, after.Retired
		return nil
	})
}

func (d *Desk) editCategory(ctx context.Context, by access.Account, base int64, id string, change func(now, was *Category) error) (Version, error) {
	before, v, err := d.MatrixAt(ctx, base)
	if err != nil {
		return Version{}, err
	}
	was, known := before.Find(id)
	if v.Number == 0 || !known {
		return Version{}, wrong("category", "unknown")
	}
	return again(func() (Version, error) {
		m, v, err := d.Matrix(ctx)
		if err != nil {
			return Version{}, err
		}
		i := slices.IndexFunc(m.Categories, func(c Category) bool { return c.ID == id })
		if i < 0 {
			return Version{}, wrong("category", "unknown")
		}
		if err := change(&m.Categories[i], &was); err != nil {
			return Version{}, err
		}
		return meanwhile(d.SaveMatrix(ctx, by, v.Number, m))
	})
}

// AddCategory adds one; its id is made.
func (d *Desk) AddCategory(ctx context.Context, by access.Account, c Category) (Version, error) {
	c.ID = ""
	return again(func() (Version, error) {
		m, v, err := d.Matrix(ctx)
		if err != nil {
			return Version{}, err
		}
		m.Categories = append(m.Categories, c)
		return meanwhile(d.SaveMatrix(ctx, by, v.Number, m))
	})
}

// RestoreMatrix makes an older version the one in force after version base. Categories
// that came later stay, retired: tickets may have them.
func (d *Desk) RestoreMatrix(ctx context.Context, by access.Account, base, number int64) (Version, error) {
	old, v, err := d.MatrixAt(ctx, number)
	if err != nil {
		return Version{}, err
	}
	now, _, err := d.MatrixAt(ctx, base)
	if err != nil {
		return Version{}, err
	}
	if v.Number == 0 {
		return Version{}, wrong("version", "unknown")
	}
	for _, c := range now.Categories {
		if _, there := old.Find(c.ID); !there {
			c.Retired = true
			old.Categories = append(old.Categories, c)
		}
	}
	return d.SaveMatrix(ctx, by, base, old)
}

// SetCalendar changes zone and opening hours as they were at version base; its holidays
// are not looked at. Errors: ErrStale, ErrForbidden, and those of ServiceHours.Clean.
func (d *Desk) SetCalendar(ctx context.Context, by access.Account, base int64, c Calendar) (Version, error) {
	apart := func(c Calendar) any {
		c.Holidays = nil
		return ServiceHours{Calendar: c}
	}
	return d.editHours(ctx, by, base, func(now, was *ServiceHours) error {
		if !same(apart(now.Calendar), apart(was.Calendar)) {
			return ErrStale
		}
		c.Holidays = now.Calendar.Holidays
		now.Calendar = c
		return nil
	})
}

// SetTargets changes everything but the calendar, likewise.
func (d *Desk) SetTargets(ctx context.Context, by access.Account, base int64, h ServiceHours) (Version, error) {
	apart := func(h ServiceHours) any {
		h.Calendar = Calendar{}
		return h
	}
	return d.editHours(ctx, by, base, func(now, was *ServiceHours) error {
		if !same(apart(*now), apart(*was)) {
			return ErrStale
		}
		now.Targets, now.Average, now.Breach, now.Keep = h.Targets, h.Average, h.Breach, h.Keep
		return nil
	})
}

// AddHoliday adds one; one that is there already is not added again.
func (d *Desk) AddHoliday(ctx context.Context, by access.Account, h Holiday) (Version, error) {
	return d.editHours(ctx, by, 0, func(now, _ *ServiceHours) error {
		if !slices.Contains(now.Calendar.Holidays, h) {
			now.Calendar.Holidays = append(slices.Clone(now.Calendar.Holidays), h)
			slices.SortFunc(now.Calendar.Holidays, func(a, b Holiday) int {
				if a.Yearly != b.Yearly {
					if a.Yearly {
						return -1
					}
					return 1
				}
				if a.Yearly {
					return a.First.inYear() - b.First.inYear()
				}
				return a.First.compare(b.First)
			})
		}
		return nil
	})
}

// RemoveHoliday takes one away; one that is gone already is gone.
func (d *Desk) RemoveHoliday(ctx context.Context, by access.Account, h Holiday) (Version, error) {
	return d.editHours(ctx, by, 0, func(now, _ *ServiceHours) error {
		now.Calendar.Holidays = slices.DeleteFunc(slices.Clone(now.Calendar.Holidays), func(o Holiday) bool { return o == h })
		return nil
	})
}

// RestoreHours makes an older version the one in force after version base.
func (d *Desk) RestoreHours(ctx context.Context, by access.Account, base, number int64) (Version, error) {
	old, v, err := d.HoursAt(ctx, number)
	if err != nil {
		return Version{}, err
	}
	if v.Number == 0 {
		return Version{}, wrong("version", "unknown")
	}
	return d.SaveHours(ctx, by, base, old)
}

// editHours changes the hours in force; was is version base, nothing for base 0.
func (d *Desk) editHours(ctx context.Context, by access.Account, base int64, change func(now, was *ServiceHours) error) (Version, error) {
	var was ServiceHours
	if base != 0 {
		var v Version
		var err error
		if was, v, err = d.HoursAt(ctx, base); err != nil {
			return Version{}, err
		}
		if v.Number == 0 {
			return Version{}, wrong("version", "unknown")
		}
	}
	return again(func() (Version, error) {
		now, v, err := d.Hours(ctx)
		if err != nil {
			return Version{}, err
		}
		if err := change(&now, &was); err != nil {
			return Version{}, err
		}
		return meanwhile(d.SaveHours(ctx, by, v.Number, now))
	})
}
