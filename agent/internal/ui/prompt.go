package ui

import "context"

// maxEntry is the longest text that a person can enter, in bytes and in characters.
const maxEntry = 256

// Prompt asks for one line of text. It returns the text as it was typed and true, or "" and false
// if the person cancelled. When ctx ends, the window closes and ctx.Err() is returned.
func (u *UI) Prompt(ctx context.Context, p Prompt) (string, bool, error) {
	if err := p.check(); err != nil {
		return "", false, err
	}
	e, err := u.tell(ctx, dialog{title: p.Title, heading: p.Heading, body: p.Body, fault: p.Error,
		field: &field{label: p.Label, hint: p.Hint, value: p.Value}, refuse: p.Cancel, accept: p.Continue})
	if err != nil || e.kind != accepted {
		return "", false, err
	}
	return e.text, true, nil
}

// Notice tells something and returns when the person has pressed OK or closed the window. When ctx
// ends, the window closes and ctx.Err() is returned.
func (u *UI) Notice(ctx context.Context, n Notice) error {
	if err := n.check(); err != nil {
		return err
	}
	_, err := u.tell(ctx, dialog{title: n.Title, heading: n.Heading, body: n.Body, details: n.Details,
		links: n.Links, accept: n.OK})
	return err
}

// tell shows a dialog in which nothing is consented to, and returns the first decision.
func (u *UI) tell(ctx context.Context, d dialog) (event, error) {
	if err := ctx.Err(); err != nil {
		return event{}, err
	}
	if err := u.enter(); err != nil {
		return event{}, err
	}
	defer u.work.Done()
	c, err := u.converse(d)
	if err != nil {
		return event{}, err
	}
	defer c.close()
	for {
		e, err := c.next(ctx, nil)
		if err != nil || e.kind == accepted || e.kind == refused {
			return e, err
		}
	}
}
