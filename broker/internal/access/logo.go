package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"time"

	"github.com/uptrace/bun"
	scale "golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

// What a logo may be, as it comes.
const (
	MaxLogo       = 1 << 20 // bytes
	maxLogoSide   = 4000    // pixels
	minLogoSide   = 16
	maxLogoPixels = 4 << 20 // in all: bounds what decoding takes
)

// How large it is kept: twice as fine as pages show it.
const (
	logoWidth  = 640
	logoHeight = 160
)

// Logo is a picture that this program drew itself from what was uploaded: nothing
// of the file but its colours is left.
type Logo struct {
	PNG  []byte
	Hash string // of PNG, 16 hex characters
}

// CleanLogo reads a PNG, JPEG or WebP picture, told by its first bytes and by
// nothing else, and draws it anew, no larger than 640 by 160 pixels. What it does
// not take is an *Invalid of the field logo with the code too_large (bytes),
// kind, side (too small or too large in pixels) or broken.
func CleanLogo(file []byte) (Logo, error) {
	if len(file) > MaxLogo {
		return Logo{}, invalid("logo", "too_large", "has %d bytes, at most %d are taken", len(file), MaxLogo)
	}
	kind, ok := kindOf(file)
	if !ok {
		return Logo{}, invalid("logo", "kind", "is no PNG, JPEG or WebP picture")
	}
	// The size stands in front: nothing large is ever drawn.
	size, err := kind.size(bytes.NewReader(file))
	if err != nil {
		return Logo{}, invalid("logo", "broken", "%s", err)
	}
	if min(size.Width, size.Height) < minLogoSide || max(size.Width, size.Height) > maxLogoSide || size.Width*size.Height > maxLogoPixels {
		return Logo{}, invalid("logo", "side", "has %d by %d pixels", size.Width, size.Height)
	}
	picture, err := kind.decode(bytes.NewReader(file))
	if err != nil {
		return Logo{}, invalid("logo", "broken", "%s", err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, fitted(picture)); err != nil {
		return Logo{}, fmt.Errorf("logo: %w", err)
	}
	sum := sha256.Sum256(out.Bytes())
	return Logo{PNG: out.Bytes(), Hash: hex.EncodeToString(sum[:8])}, nil
}

type logoKind struct {
	begins string // ? stands for any byte
	size   func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func kindOf(file []byte) (logoKind, bool) {
kinds:
	for _, k := range []logoKind{
		{"\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
		{"\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode},
		{"RIFF????WEBPVP8", webp.DecodeConfig, webp.Decode},
	} {
		if len(file) < len(k.begins) {
			continue
		}
		for i := range k.begins {
			if k.begins[i] != '?' && k.begins[i] != file[i] {
				continue kinds
			}
		}
		return k, true
	}
	return logoKind{}, false
}

// fitted draws a picture anew, smaller where it is too large.
func fitted(from image.Image) image.Image {
	w, h := from.Bounds().Dx(), from.Bounds().Dy()
	if w > logoWidth {
		w, h = logoWidth, max(1, h*logoWidth/w)
	}
	if h > logoHeight {
		w, h = max(1, w*logoHeight/h), logoHeight
	}
	to := image.NewNRGBA(image.Rect(0, 0, w, h))
	if to.Rect.Size() == from.Bounds().Size() {
		draw.Draw(to, to.Rect, from, from.Bounds().Min, draw.Src)
	} else {
		scale.CatmullRom.Scale(to, to.Rect, from, from.Bounds(), draw.Src, nil)
	}
	return to
}

// Logo returns the office's logo as PNG, nil if it has none.
func (a *Access) Logo(ctx context.Context) (Logo, error) {
	var row settingsRow
	err := a.db.NewSelect().Model(&row).Column("logo", "logo_hash").Where("id = ?", officeID).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Logo{}, nil
	}
	if err != nil {
		return Logo{}, fmt.Errorf("logo: %w", err)
	}
	data, err := base64.StdEncoding.DecodeString(row.Logo)
	if err != nil {
		return Logo{}, fmt.Errorf("logo: %w", err)
	}
	return Logo{PNG: data, Hash: row.LogoHash}, nil
}

// SetLogo stores what CleanLogo makes of a file; an empty file takes the logo away.
func (a *Access) SetLogo(ctx context.Context, by Account, file []byte) error {
	if !Can(by, ManageOffice, Scope{}) {
		return ErrForbidden
	}
	var logo Logo
	if len(file) > 0 {
		var err error
		if logo, err = CleanLogo(file); err != nil {
			return err
		}
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		before, err := a.settings(ctx, tx)
		if err != nil {
			return err
		}
		if before.Logo == logo.Hash {
			return nil
		}
		if err := storeSettings(ctx, tx, before); err != nil { // so that there is a row
			return err
		}
		if err := logo.store(ctx, tx); err != nil {
			return err
		}
		return a.noteChange(ctx, tx, by, "logo", before.Logo, logo.Hash)
	})
	if err != nil {
		return fmt.Errorf("set logo: %w", err)
	}
	return nil
}

func (l Logo) store(ctx context.Context, tx bun.Tx) error {
	_, err := tx.NewUpdate().Model((*settingsRow)(nil)).Set("logo = ?", base64.StdEncoding.EncodeToString(l.PNG)).
		Set("logo_hash = ?", l.Hash).Set("changed_at = ?", time.Now()).Where("id = ?", officeID).Exec(ctx)
	return err
}
