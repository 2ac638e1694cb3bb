package recordings

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// stillName is the name of the n-th picture for the record in an export.
func stillName(n int) string { return fmt.Sprintf("picture-%d.png", n) }

// stillContent is the form of the event that holds a picture (PROTOCOL.md,
// still.content).
type stillContent struct {
	Code string `json:"code"`
	AtMs int64  `json:"at_ms"`
	Data struct {
		Epoch  uint32 `json:"epoch"`
		Still  uint32 `json:"still"`
		SHA256 string `json:"sha256"`
		Width  int    `json:"width"`
		Height int    `json:"height"`
		Data   []byte `json:"data,omitempty"`
		File   string `json:"file"`   // of an export alone: where the picture is
		Intact bool   `json:"intact"` // of an export alone: it has that SHA-256
	} `json:"data"`
}

// still writes a picture into a file of its own, and what is said of it into
// events.json. What has another form stays what it is.
func (e *exporter) still(i Item) error {
	var p stillContent
	if json.Unmarshal(i.Body, &p) != nil || p.Code != "still.content" || len(p.Data.Data) == 0 {
		return e.event(i)
	}
	e.out.Stills++
	name := stillName(e.out.Stills)
	f, err := createIn(e.dir, name)
	if err != nil {
		return err
	}
	if _, err = f.Write(p.Data.Data); err != nil {
		return fmt.Errorf("%w, %w", err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	sum := sha256.Sum256(p.Data.Data)
	p.Data.Intact = hex.EncodeToString(sum[:]) == p.Data.SHA256
	p.Data.Data, p.Data.File = nil, name
	if i.Body, err = json.Marshal(p); err != nil {
		return err
	}
	return e.event(i)
}
