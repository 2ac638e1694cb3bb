package protocol

import "errors"

// Codec names how the picture is coded.
type Codec string

// The codecs. An unknown one is refused.
const (
	CodecAV1 Codec = "AV1"
	CodecVP9 Codec = "VP9"
)

// Codecs lists the codecs, the best first.
func Codecs() []Codec { return []Codec{CodecAV1, CodecVP9} }

// Picture tells the agent how the picture is to be coded, so that everybody who
// watches can decode it. It allows nothing: what is shown stays the same.
type Picture struct {
	Codec Codec `json:"codec"`
	Crisp bool  `json:"crisp"` // a picture that rests becomes exact, 4:4:4 and lossless
}

func (*Picture) MessageType() string { return "picture" }

// Validate implements Message.
func (m *Picture) Validate() error {
	known := false
	for _, c := range Codecs() {
		known = known || m.Codec == c
	}
	return errors.Join(check(known, "codec"), check(!m.Crisp || m.Codec == CodecAV1, "crisp"))
}

// Crisp says whether the technician wishes a picture that is exact at rest.
type Crisp struct {
	Session string `json:"session"`
	On      bool   `json:"on"`
}

func (*Crisp) MessageType() string { return "crisp" }

// Validate implements Message.
func (m *Crisp) Validate() error {
	return check(m.Session != "" && len(m.Session) <= 64, "session")
}
