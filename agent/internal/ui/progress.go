package ui

import (
	"context"
	"errors"
	"sync"
)

// Progress is a small window with a sign of work and a button to cancel.
type Progress struct {
	c         *conversation
	cancelled chan struct{}
	stop      context.CancelFunc
	done      chan struct{}
	err       error
	once      sync.Once
}

// Progress shows what is being done until it is closed.
func (u *UI) Progress(t ProgressText) (*Progress, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if err := u.enter(); err != nil {
		return nil, err
	}
	c, err := u.converse(dialog{title: t.Title, heading: t.Heading, body: t.Text, busy: true, refuse: t.Cancel, quiet: t.Quiet})
	if err != nil {
		u.work.Done()
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &Progress{c: c, cancelled: make(chan struct{}), stop: stop, done: make(chan struct{})}
	go func() {
		defer u.work.Done()
		defer close(p.done)
		p.wait(ctx)
	}()
	return p, nil
}

// wait takes the window away when the person cancels, the caller closes, or the display is lost.
func (p *Progress) wait(ctx context.Context) {
	defer p.c.close()
	for {
		e, err := p.c.next(ctx, nil)
		switch {
		case errors.Is(err, context.Canceled):
			return
		case err != nil:
			p.err = err
			return
		case e.kind == refused:
			close(p.cancelled)
			return
		}
	}
}

// Cancelled is closed when the person cancels, with the button, Escape, or by closing the window.
func (p *Progress) Cancelled() <-chan struct{} { return p.cancelled }

// Update changes the text. An unusable text leaves the old one.
func (p *Progress) Update(s string) error {
	if err := checkTexts(text{"text", s, maxBody, true}); err != nil {
		return err
	}
	p.c.w.set(partBody, s)
	return nil
}

// Close takes the window away. It returns [ErrDisplayLost] if the window was lost before.
func (p *Progress) Close() error {
	p.once.Do(p.stop)
	<-p.done
	return p.err
}
