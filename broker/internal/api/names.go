package api

import (
	"encoding/json"
	"fmt"
	"slices"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/protocol"
)

// Impact, Urgency and Priority are numbers within the broker and words here.
type (
	Impact   string
	Urgency  string
	Priority string
)

// scale names the numbers from 1.
type scale []string

var (
	impacts    = scale{"user", "business", "everyone"}
	urgencies  = scale{"low", "medium", "high"}
	priorities = scale{"critical", "high", "medium", "low"}
)

func names(s scale) []string { return s }

func (s scale) name(n int) string {
	if n < 1 || n > len(s) {
		return ""
	}
	return s[n-1]
}

// number is 0 for "", and for what is none of the names -1, which the desk refuses.
func (s scale) number(name string) int {
	if name == "" {
		return 0
	}
	if i := slices.Index(s, name); i >= 0 {
		return i + 1
	}
	return -1
}

// closed are the values of types that have a closed set of them.
func closed(of any) []string {
	switch of.(type) {
	case desk.Type:
		return values(desk.Types())
	case desk.State:
		return values(desk.States())
	case desk.Channel:
		return values(desk.Channels())
	case desk.Waiting:
		return values(desk.Waitings())
	case desk.Resolution:
		return values(desk.Resolutions())
	case desk.Standing:
		return []string{string(desk.OnTime), string(desk.Warned), string(desk.Breached)}
	case access.Level:
		return values(access.Levels())
	case access.Role:
		return values(access.Roles())
	case access.TokenScope:
		return values(access.TokenScopes())
	case protocol.State:
		return values(protocol.States())
	case Impact:
		return impacts
	case Urgency:
		return urgencies
	case Priority:
		return priorities
	}
	return nil
}

// decodeOwn reads what the broker wrote itself.
func decodeOwn(raw json.RawMessage, to any) error {
	if err := json.Unmarshal(raw, to); err != nil {
		return fmt.Errorf("api: history: %w", err)
	}
	return nil
}
