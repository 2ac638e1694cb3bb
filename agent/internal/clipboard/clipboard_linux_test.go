package clipboard

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"go.uber.org/goleak"

	"consento/agent/internal/xtest"
	"consento/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// owner is another program that has the clipboard, by a connection of its own. give
// says what it gives for a target: false refuses it.
type owner struct {
	*desk
	t    *testing.T
	give func(target string, e xproto.SelectionRequestEvent) ([]byte, bool)
	// parts has each answer go by parts of so many bytes; the last one, of none, is
	// put there after as many as there are, or never when endless.
	parts   int
	endless bool
	silent  bool // it answers nothing
	names   map[xproto.Atom]string
	done    chan struct{}
}

// own runs such a program until the test ends, or stop is called.
func own(t *testing.T, display string, o *owner) (stop func()) {
	t.Helper()
	d, err := connect(display)
	if err != nil {
		t.Fatal(err)
	}
	o.desk, o.t, o.done, o.names = d, t, make(chan struct{}), map[xproto.Atom]string{}
	for name, atom := range d.atoms {
		o.names[atom] = name
	}
	xproto.SetSelectionOwner(d.conn, d.window, d.atoms[selection], xproto.TimeCurrentTime)
	if has, err := d.owner(); err != nil || has != d.window {
		t.Fatal("it does not own the clipboard", err)
	}
	go o.serve()
	over := false
	stop = func() {
		if !over {
			over = true
			d.conn.Close()
			<-o.done
		}
	}
	t.Cleanup(stop)
	return stop
}

func (o *owner) serve() {
	defer close(o.done)
	rest := map[taker][]byte{}
	for e := range o.events {
		switch e := e.(type) {
		case xproto.SelectionRequestEvent:
			if o.silent {
				continue
			}
			target := o.names[e.Target]
			data, ok := o.give(target, e)
			switch {
			case !ok:
				e.Property = 0
			case target == targetList:
				xproto.ChangeProperty(o.conn, xproto.PropModeReplace, e.Requestor, e.Property, xproto.AtomAtom, 32, uint32(len(data)/4), data)
			case o.parts > 0:
				xproto.ChangeWindowAttributes(o.conn, e.Requestor, xproto.CwEventMask, []uint32{xproto.EventMaskPropertyChange})
				xproto.ChangeProperty(o.conn, xproto.PropModeReplace, e.Requestor, e.Property, o.atoms[byParts], 32, 1, []byte{0, 0, 0, 0})
				rest[taker{e.Requestor, e.Property}] = data
			default:
				xproto.ChangeProperty(o.conn, xproto.PropModeReplace, e.Requestor, e.Property, e.Target, 8, uint32(len(data)), data)
			}
			answer := xproto.SelectionNotifyEvent{Time: e.Time, Requestor: e.Requestor, Selection: e.Selection, Target: e.Target, Property: e.Property}
			xproto.SendEvent(o.conn, false, e.Requestor, 0, string(answer.Bytes()))
		case xproto.PropertyNotifyEvent:
			data, ok := rest[taker{e.Window, e.Atom}]
			if !ok || e.State != xproto.PropertyDelete {
				continue
			}
			part := data[:min(o.parts, len(data))]
			if !o.endless {
				data = data[len(part):]
			}
			rest[taker{e.Window, e.Atom}] = data
			xproto.ChangeProperty(o.conn, xproto.PropModeReplace, e.Window, e.Atom, o.atoms[targetUTF8], 8, uint32(len(part)), part)
		}
	}
}

// gives is an owner's way to give fixed things.
func (o *owner) gives(things map[string][]byte) {
	o.give = func(target string, _ xproto.SelectionRequestEvent) ([]byte, bool) {
		if target == targetList {
			var list []byte
			for name := range things {
				list = append(list, 0, 0, 0, 0)
				xgb.Put32(list[len(list)-4:], uint32(o.atoms[name]))
			}
			return list, true
		}
		data, ok := things[target]
		return data, ok
	}
}

// noise is a PNG that does not compress.
func noise(t *testing.T, width, height int) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(img.Pix)
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 255
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestRead reads what other programs have: at once and in parts, text before images, and
// nothing that is secret, too large, or not what it says.
func TestRead(t *testing.T) {
	display := xtest.Server(t, 200, 100)
	text, picture := "perch\u00e9 \u6f22\u5b57 \U0001f600\n", noise(t, 300, 200)
	long := strings.Repeat(text, 40_000)
	for name, c := range map[string]struct {
		o    owner
		have map[string][]byte
		want string             // the text, or "image"
		not  protocol.ClipCause // why not
	}{
		"text":               {have: map[string][]byte{targetUTF8: []byte(text)}, want: text},
		"ended as in C":      {have: map[string][]byte{targetUTF8: []byte(text + "\x00")}, want: text},
		"by its other name":  {have: map[string][]byte{targetPlain: []byte(text)}, want: text},
		"in parts":           {o: owner{parts: 10_000}, have: map[string][]byte{targetUTF8: []byte(long)}, want: long},
		"an image":           {have: map[string][]byte{targetPNG: picture}, want: "image"},
		"an image in parts":  {o: owner{parts: 30_000}, have: map[string][]byte{targetPNG: picture}, want: "image"},
		"both":               {have: map[string][]byte{targetPNG: picture, targetUTF8: []byte(text)}, want: text},
		"no text":            {have: map[string][]byte{targetPNG: picture, targetUTF8: {}}, want: "image"},
		"no secret":          {have: map[string][]byte{targetUTF8: []byte(text), secretHint: []byte("public")}, want: text},
		"a password":         {have: map[string][]byte{targetUTF8: []byte("hunter2"), secretHint: []byte("secret")}, not: protocol.ClipSecret},
		"a password's image": {have: map[string][]byte{targetPNG: picture, secretHint: []byte("secret\x00")}, not: protocol.ClipSecret},
		"10 MB of text":      {o: owner{parts: 100_000}, have: map[string][]byte{targetUTF8: bytes.Repeat([]byte("a"), 10<<20)}, not: protocol.ClipSize},
		"without end":        {o: owner{parts: 50_000, endless: true}, have: map[string][]byte{targetUTF8: bytes.Repeat([]byte("a"), 50_000)}, not: protocol.ClipSize},
		"not UTF-8":          {have: map[string][]byte{targetUTF8: []byte("a\xffb")}, not: protocol.ClipBadText},
		"a bomb":             {have: map[string][]byte{targetPNG: append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x06\x00\x00\x00"), 0x0c, 0xa2, 0x39, 0x6f)}, not: protocol.ClipBadImage},
		"half an image":      {have: map[string][]byte{targetPNG: picture[:len(picture)/2]}, not: protocol.ClipBadImage},
		"nothing we carry":   {have: map[string][]byte{targetTime: {1, 2, 3, 4}}, not: protocol.ClipOther},
		"an empty one":       {have: map[string][]byte{targetUTF8: {}}, not: protocol.ClipEmpty},
	} {
		t.Run(name, func(t *testing.T) {
			o := c.o
			o.gives(c.have)
			defer own(t, display, &o)()
			got, err := Read(t.Context(), display)
			if c.not != "" {
				if err == nil || CauseOf(err) != c.not {
					t.Fatalf("%s of %d bytes, %v; want %s", got.Type, len(got.Data), err, c.not)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.want != "image" {
				if got.Type != protocol.ClipText || string(got.Data) != c.want {
					t.Errorf("%s of %d bytes", got.Type, len(got.Data))
				}
				return
			}
			was, _ := png.Decode(bytes.NewReader(picture))
			is, err := png.Decode(bytes.NewReader(got.Data))
			if err != nil || got.Type != protocol.ClipImage || is.Bounds() != was.Bounds() || is.At(7, 9) != was.At(7, 9) {
				t.Errorf("%s, %v", got.Type, err)
			}
		})
	}
	if _, err := Read(t.Context(), display); CauseOf(err) != protocol.ClipEmpty {
		t.Errorf("nothing there: %v", err)
	}
}

// TestOwnerThatNeverAnswers costs no more than our patience, and less where nobody waits
// any more.
func TestOwnerThatNeverAnswers(t *testing.T) {
	display := xtest.Server(t, 200, 100)
	o := owner{silent: true}
	stop := own(t, display, &o)
	if _, err := Read(t.Context(), display); CauseOf(err) != protocol.ClipSilent {
		t.Errorf("%v", err)
	}
	stop()
	asked := make(chan struct{}, 8)
	o = owner{give: func(string, xproto.SelectionRequestEvent) ([]byte, bool) { asked <- struct{}{}; return nil, false }}
	own(t, display, &o)
	if _, err := Read(t.Context(), display); CauseOf(err) != protocol.ClipOther {
		t.Errorf("one that gives nothing: %v", err)
	}
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, display); err == nil {
		t.Error("read although nobody waits")
	}
}

// TestAnotherTakesItMeanwhile: what is read is of the one that was asked whether it is a
// secret.
func TestAnotherTakesItMeanwhile(t *testing.T) {
	display := xtest.Server(t, 200, 100)
	second := owner{}
	second.gives(map[string][]byte{targetUTF8: []byte("hunter2"), secretHint: []byte("secret")})
	first := owner{}
	took := false
	first.gives(map[string][]byte{targetUTF8: []byte("harmless")})
	give := first.give
	first.give = func(target string, e xproto.SelectionRequestEvent) ([]byte, bool) {
		if target == targetUTF8 && !took {
			took = true
			own(t, display, &second)
		}
		return give(target, e)
	}
	own(t, display, &first)
	if got, err := Read(t.Context(), display); err == nil {
		t.Errorf("%q was read", got.Data)
	}
	if got, err := Read(t.Context(), display); CauseOf(err) != protocol.ClipSecret {
		t.Errorf("%q, %v", got.Data, err)
	}
}

// TestPut: other programs get what was put there, at once or in parts, until another one
// has the clipboard, or it is closed.
func TestPut(t *testing.T) {
	display := xtest.Server(t, 200, 100)
	o, err := Own(display)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := Read(t.Context(), display); CauseOf(err) != protocol.ClipEmpty {
		t.Errorf("before anything was put there: %v", err)
	}
	for _, c := range []Content{{protocol.ClipText, []byte("perch\u00e9")}, {protocol.ClipText, bytes.Repeat([]byte("long "), 150_000)}, {protocol.ClipImage, noise(t, 400, 300)}} {
		if err := o.Put(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		got, err := Read(t.Context(), display)
		if err != nil || got.Type != c.Type || c.Type == protocol.ClipText && !bytes.Equal(got.Data, c.Data) {
			t.Fatalf("%s of %d bytes came as %s of %d, %v", c.Type, len(c.Data), got.Type, len(got.Data), err)
		}
	}
	other := owner{}
	other.gives(map[string][]byte{targetUTF8: []byte("the customer's")})
	stop := own(t, display, &other)
	if got, err := Read(t.Context(), display); err != nil || string(got.Data) != "the customer's" {
		t.Errorf("%q, %v", got.Data, err)
	}
	stop()
	if err := o.Put(t.Context(), Content{protocol.ClipText, []byte("again")}); err != nil {
		t.Fatal(err)
	}
	o.Close()
	if _, err := Read(t.Context(), display); CauseOf(err) != protocol.ClipEmpty {
		t.Errorf("after it was closed: %v", err)
	}
	if err := o.Put(t.Context(), Content{protocol.ClipText, []byte("late")}); err == nil {
		t.Error("put there after it was closed")
	}
}

// TestTakersThatTakeNothing: whoever asks for something in parts, and never takes any,
// keeps nobody else from it for long.
func TestTakersThatTakeNothing(t *testing.T) {
	display := xtest.Server(t, 200, 100)
	o, err := Own(display)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := o.Put(t.Context(), Content{protocol.ClipText, bytes.Repeat([]byte("x"), 500_000)}); err != nil {
		t.Fatal(err)
	}
	greedy, err := connect(display)
	if err != nil {
		t.Fatal(err)
	}
	defer greedy.close()
	refused := 0
	for n := range 3 * maxTakers {
		at, err := xproto.InternAtom(greedy.conn, false, 2, string([]byte{'P', byte('a' + n)})).Reply()
		if err != nil {
			t.Fatal(err)
		}
		xproto.ConvertSelection(greedy.conn, greedy.window, greedy.atoms[selection], greedy.atoms[targetUTF8], at.Atom, xproto.TimeCurrentTime)
		answer, err := await(t.Context(), greedy, func(e xgb.Event) (xproto.Atom, bool) {
			s, ok := e.(xproto.SelectionNotifyEvent)
			return s.Property, ok
		})
		if err != nil {
			t.Fatal(err)
		}
		if answer == 0 {
			refused++
		}
	}
	if refused != 2*maxTakers {
		t.Errorf("%d were refused", refused)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		got, err := Read(t.Context(), display)
		if err == nil && len(got.Data) == 500_000 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody else gets it: %v", err)
		}
	}
}

// TestNormalLeavesNothingBehind: an image goes as pixels, without what else its file had.
func TestNormalLeavesNothingBehind(t *testing.T) {
	img := image.NewPaletted(image.Rect(0, 0, 2, 2), color.Palette{color.Black, color.White})
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	data := append(out.Bytes(), "and a secret behind it"...)
	c, err := Normal(Content{protocol.ClipImage, data})
	if err != nil || bytes.Contains(c.Data, []byte("secret")) {
		t.Errorf("%q, %v", c.Data, err)
	}
}

// FuzzNormal: whatever comes, what is let through is what it says.
func FuzzNormal(f *testing.F) {
	var out bytes.Buffer
	_ = png.Encode(&out, image.NewGray(image.Rect(0, 0, 3, 3)))
	f.Add(true, out.Bytes())
	f.Add(false, []byte("perch\u00e9\x00"))
	f.Fuzz(func(t *testing.T, picture bool, data []byte) {
		kind := protocol.ClipText
		if picture {
			kind = protocol.ClipImage
		}
		c, err := Normal(Content{kind, data})
		if err != nil {
			if CauseOf(err) == "" {
				t.Error(err)
			}
			return
		}
		if _, _, problem := protocol.ClipProblem(c.Type, c.Data); problem != "" {
			t.Errorf("%s: %s", kind, problem)
		}
	})
}
