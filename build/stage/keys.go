package stage

import "github.com/chromedp/cdproto/input"

// Raw makes a key event one of a keyboard's: its character is dropped when the page
// has taken the key, wherever the focus is by then.
func Raw(k *input.DispatchKeyEventParams) {
	if k.Type == input.DispatchKeyEventTypeKeyDown {
		k.Type = input.DispatchKeyEventTypeRawKeyDown
	}
}
