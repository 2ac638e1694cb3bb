// Package sample has one of everything that the generator knows.
package sample

import (
	"encoding/json"
	"time"
)

// Limit is a number. It ends no comment: */
const Limit = 3 << 4

const (
	Wait    = 90 * time.Second // how long
	Label   = "a \"label\""
	hidden  = "not exported"
	Enabled = true
)

// Colour is a closed set.
type Colour string

// The colours.
const (
	Red  Colour = "red"
	Blue Colour = "blue"
)

// Name is any text.
type Name string

// Message is a message.
type Message interface {
	MessageType() string
	Validate() error
}

// First is reached by being a message.
type First struct {
	ID       uint64          `json:"id"` // counts from 1
	Colour   Colour          `json:"colour"`
	Name     Name            `json:"name,omitempty"`
	At       time.Time       `json:"at,omitzero"`
	Data     []byte          `json:"data"`
	Raw      json.RawMessage `json:"raw"`
	Inner    *Inner          `json:"inner"`
	Maybe    *bool           `json:"maybe,omitempty"`
	Colours  []Colour        `json:"colours"`
	Pointers []*Inner        `json:"pointers"`
	Set      Set             `json:"set"`
	Plain    float64
	Left     string `json:"-"`
	private  int
}

func (*First) MessageType() string { return "first" }

// Validate implements Message.
func (*First) Validate() error { return nil }

const secondName = "sec" + "ond"

// Second has nothing.
type Second struct{}

func (Second) MessageType() string { return secondName }

// Validate implements Message.
func (Second) Validate() error { return nil }

// Inner is reached through a field.
type Inner struct {
	Again *Inner `json:"again,omitempty"`
}

// Set maps.
type Set map[Colour]bool

// Root is no message, and reached by name.
type Root struct {
	OK bool `json:"ok"`
}

// Unreached stays out.
type Unreached struct{ X chan int }

// Half has the name of a message, but does not validate.
type Half struct{}

func (Half) MessageType() string { return "half" }

var _ = First{}.private + len(hidden)
