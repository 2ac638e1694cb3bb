package ui

// gtkChat is the chat's window made of GTK's widgets.
type gtkChat struct {
	*gtkTop
	text                           ChatText
	list, scroller, nothing, entry uintptr
	head                           uintptr
	rows                           []gtkRow
	follow                         bool // the newest line stays in view
	filled                         bool // lines were shown before: what comes now is news
}

// gtkRow is one line; what stands in its box is made anew when it changes.
type gtkRow struct {
	line         ChatLine
	box, content uintptr
}

func (g *gtk) openChat(t ChatText, front bool, tell func(event)) (chatWindow, error) {
	var w *gtkChat
	if err := g.do(func() { w = g.buildChat(t, front, tell) }); err != nil {
		return nil, err
	}
	return w, nil
}

func (g *gtk) buildChat(t ChatText, front bool, tell func(event)) *gtkChat {
	g.direction(directionLTR)
	if rightToLeft(t.Heading) {
		g.direction(directionRTL)
	}
	w := &gtkChat{gtkTop: g.newTop(windowToplevel, "consento", t.Title, tell), text: t, follow: true}
	g.setResizable(w.window, 1)
	g.setAbove(w.window, 1)
	if !front {
		g.focusOnMap(w.window, 0)
	}
	page := w.class(g.newBox(vertical, 10), "page", "chat")
	g.add(w.window, page)
	w.head = w.label(t.Heading, "heading")
	w.setAccRole(w.accessible(w.head), w.roleFor("heading"))
	g.packStart(page, w.head, 0, 0, 0)
	w.log(page)
	w.writing(page)
	end := w.button(t.Close)
	w.halign(end, alignEnd)
	w.when(end, "clicked", func() bool { w.tell(pressed(refused, "")); return false })
	g.packStart(page, end, 0, 0, 0)

	w.keys()
	w.place()
	g.showAll(page)
	g.grabFocus(w.entry)
	w.appear()
	return w
}

// log is where the lines are.
func (w *gtkChat) log(page uintptr) {
	w.scroller = w.newScroller(0, 0)
	w.policy(w.scroller, policyNever, policyAutomatic)
	w.overlay(w.scroller, 0)
	w.canFocus(w.scroller, 0) // its keys work from everywhere
	w.list = w.class(w.newBox(vertical, 10), "log")
	acc := w.accessible(w.list)
	w.setAccRole(acc, w.roleFor("log"))
	w.setName(acc, w.text.Heading)
	if w.text.Hint != "" { // it scrolls with the lines, so that a small screen has room for them
		w.packStart(w.list, w.label(w.text.Hint, "quiet"), 0, 0, 0)
	}
	w.nothing = w.label(w.text.Empty, "quiet")
	w.packStart(w.list, w.nothing, 0, 0, 0)
	w.add(w.scroller, w.list)
	w.packStart(page, w.scroller, 1, 1, 0)
	adj := w.vadjust(w.scroller)
	w.when(adj, "changed", func() bool {
		if w.follow {
			w.setAdj(adj, w.adjUpper(adj))
		}
		return false
	})
	w.when(adj, "value-changed", func() bool {
		w.follow = w.adjValue(adj) >= w.adjUpper(adj)-w.adjPage(adj)-40
		return false
	})
}

// writing is the field and its button.
func (w *gtkChat) writing(page uintptr) {
	label := w.label(w.text.Label, "fieldlabel")
	w.packStart(page, label, 0, 0, 0)
	row := w.newBox(horizontal, 8)
	w.entry = w.newEntry()
	w.maxLength(w.entry, int32(w.text.Most))
	w.mnemonic(label, w.entry)
	w.setName(w.accessible(w.entry), w.text.Label)
	w.packStart(row, w.entry, 1, 1, 0)
	send := w.class(w.button(w.text.Send), "accept")
	say := func() bool {
		w.tell(pressed(sending, w.entryText(w.entry)))
		w.setEntry(w.entry, "")
		w.grabFocus(w.entry)
		return false
	}
	w.when(w.entry, "activate", say)
	w.when(send, "clicked", say)
	w.packStart(row, send, 0, 0, 0)
	w.packStart(page, row, 0, 0, 0)
}

// keys are those of the whole window.
func (w *gtkChat) keys() {
	w.on(w.window, "delete-event", func(uintptr) bool { w.tell(pressed(refused, "")); return true })
	w.on(w.window, "key-press-event", func(ev uintptr) bool {
		var key uint32
		if w.eventKey(ev, &key) == 0 {
			return false
		}
		adj := w.vadjust(w.scroller)
		at, page := w.adjValue(adj), w.adjPage(adj)
		switch key {
		case keyEscape:
			w.tell(pressed(refused, ""))
		case keyUp, keyPadUp:
			w.setAdj(adj, at-48)
		case keyDown, keyPadDown:
			w.setAdj(adj, at+48)
		case keyPageUp, keyPadPageUp:
			w.setAdj(adj, at-page*0.9)
		case keyPageDown, keyPadPageDown:
			w.setAdj(adj, at+page*0.9)
		default:
			return false
		}
		return true
	})
}

// place puts the window into the corner in which no question comes up.
func (w *gtkChat) place() {
	scale := int(max(1, w.scale(w.window)))
	m := w.desk.monitor()
	width, height := min(chatWidth, m.Dx()/scale-2*chatEdge), min(chatHeight, m.Dy()/scale-4*chatEdge)
	w.defaultSize(w.window, int32(width), int32(height))
	w.move(w.window, int32(m.Max.X/scale-width-chatEdge), int32(m.Max.Y/scale-height-3*chatEdge))
}

func (w *gtkChat) show(lines []ChatLine) { w.change(func() { w.fill(lines) }) }

func (w *gtkChat) rename(heading string) { w.change(func() { w.setText(w.head, heading) }) }

// fill keeps the rows of lines that are as they were: what a screen reader is at stays.
func (w *gtkChat) fill(lines []ChatLine) {
	if len(w.rows) > len(lines) || len(w.rows) > 0 && w.rows[0].line.Key != lines[0].Key {
		for _, r := range w.rows {
			w.destroy(r.box)
		}
		w.rows = nil
	}
	news := w.filled
	for i, l := range lines {
		if i == len(w.rows) {
			r := gtkRow{box: w.newBox(vertical, 0)}
			w.packStart(w.list, r.box, 0, 0, 0)
			w.rows = append(w.rows, r)
			if news && !l.Own { // a screen reader says it
				w.setAccRole(w.accessible(r.box), w.roleFor("notification"))
			}
		}
		if r := &w.rows[i]; r.content == 0 || !r.line.same(l) {
			w.write(r, l)
		}
	}
	w.filled = true
	if len(lines) == 0 {
		w.gtk.show(w.nothing)
	} else {
		w.hide(w.nothing)
	}
}

// write makes what stands in a row.
func (w *gtkChat) write(r *gtkRow, l ChatLine) {
	if r.content != 0 {
		w.destroy(r.content)
	}
	r.line = l
	r.content = w.class(w.newBox(vertical, 2), "line")
	if l.Own {
		w.class(r.content, "own")
	}
	w.packStart(r.content, w.label(l.Head, "quiet"), 0, 0, 0)
	text := w.label(l.Text) // Pango finds the direction of each paragraph
	if rightToLeft(l.Text) {
		w.xalign(text, 1)
	}
	w.packStart(r.content, text, 0, 0, 0)
	for _, link := range l.Links {
		b := w.class(w.newLink(link.URL, link.Label), "link")
		w.halign(b, alignStart)
		w.ellipsize(w.childOf(b), ellipsizeEnd)
		w.setDesc(w.accessible(b), link.URL)
		address := link.URL
		w.when(b, "activate-link", func() bool { w.tell(pressed(followed, address)); return true })
		w.packStart(r.content, b, 0, 0, 0)
	}
	if l.State != "" {
		state := w.label(l.State, "quiet")
		if l.Again {
			w.class(state, "fault")
			w.setAccRole(w.accessible(state), w.roleFor("alert"))
		}
		w.packStart(r.content, state, 0, 0, 0)
	}
	if l.Again {
		b := w.button(w.text.Again)
		w.halign(b, alignStart)
		key := l.Key
		w.when(b, "clicked", func() bool { w.tell(pressed(again, key)); w.grabFocus(w.entry); return false })
		w.packStart(r.content, b, 0, 0, 0)
	}
	w.packStart(r.box, r.content, 0, 0, 0)
	w.setName(w.accessible(r.box), l.Head+": "+l.Text)
	w.showAll(r.box)
}
