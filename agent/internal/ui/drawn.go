package ui

import "fmt"

func openDrawn(desk *desktop, language string) (toolkit, error) {
	return nil, fmt.Errorf("%w", ErrNoToolkit)
}
