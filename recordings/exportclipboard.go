package recordings

import (
	"encoding/json"
	"fmt"
	"os"
)

// clipName is the name of the n-th thing that was transferred from a clipboard to
// another, in an export.
func clipName(n int, kind string) string {
	if kind == "image" {
		return fmt.Sprintf("clipboard-%d.png", n)
	}
	return fmt.Sprintf("clipboard-%d.txt", n)
}

// clipPart is the form of the event that holds some of the content (PROTOCOL.md,
// clipboard.content).
type clipPart struct {
	Code string `json:"code"`
	AtMs int64  `json:"at_ms"`
	Data struct {
		Epoch uint32 `json:"epoch"`
		Clip  uint32 `json:"clip"`
		Type  string `json:"type"`
		Part  int    `json:"part"`
		Last  bool   `json:"last"`
		Data  []byte `json:"data,omitempty"`
		File  string `json:"file"` // of an export alone: where the content is
	} `json:"data"`
}

// exportedClip is what is being written.
type exportedClip struct {
	segment     int
	epoch, clip uint32
	next        int // the part that is due
	file        *os.File
	name        string
}

// clipContent takes a part of the content: it goes into a file of its own, and what is
// said of it into events.json. What has another form stays what it is.
func (e *exporter) clipContent(i Item) error {
	var p clipPart
	if json.Unmarshal(i.Body, &p) != nil || p.Code != "clipboard.content" || p.Data.Type != "text" && p.Data.Type != "image" {
		return e.event(i)
	}
	d := &p.Data
	if d.Part == 0 {
		if err := e.endClip(); err != nil {
			return err
		}
		e.out.Clipboards++
		name := clipName(e.out.Clipboards, d.Type)
		f, err := createIn(e.dir, name)
		if err != nil {
			return err
		}
		e.clip = &exportedClip{segment: e.part.number, epoch: d.Epoch, clip: d.Clip, file: f, name: name}
	}
	c := e.clip
	if c == nil || c.segment != e.part.number || c.epoch != d.Epoch || c.clip != d.Clip || c.next != d.Part {
		return e.event(i)
	}
	if _, err := c.file.Write(d.Data); err != nil {
		return err
	}
	c.next++
	d.Data, d.File = nil, c.name
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	i.Body = body
	if err := e.event(i); err != nil || !d.Last {
		return err
	}
	return e.endClip()
}

// endClip ends the file at hand.
func (e *exporter) endClip() error {
	if e.clip == nil {
		return nil
	}
	f := e.clip.file
	e.clip = nil
	return f.Close()
}
