package protocol

import (
	_ "embed"
	"encoding/json"
	"slices"
)

// Script is a check that reads and changes nothing. The list is closed and part of
// every program: nobody who has a consent to scripts alone can have another run.
type Script struct {
	ID      string `json:"id"`
	Command string `json:"command"` // for sh(1), on Linux
}

//go:embed scripts.json
var scriptList []byte

var scripts = func() (list []Script) {
	if err := json.Unmarshal(scriptList, &list); err != nil {
		panic(err) // tested
	}
	return list
}()

// ScriptList lists the scripts in the order in which people are shown them.
func ScriptList() []Script { return slices.Clone(scripts) }

// ScriptOf returns a script by its id.
func ScriptOf(id string) (Script, bool) {
	i := slices.IndexFunc(scripts, func(s Script) bool { return s.ID == id })
	if i < 0 {
		return Script{}, false
	}
	return scripts[i], true
}
