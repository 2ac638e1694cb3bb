package sfu

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// vp9Frames reads a real VP9 stream (160x96, made by libvpx; only the first is a
// key frame).
func vp9Frames(t testing.TB) (all [][]byte) {
	t.Helper()
	b := must(os.ReadFile("../../../recordings/testdata/small-vp9.ivf"))(t)
	for b = b[32:]; len(b) >= 12; {
		n := int(binary.LittleEndian.Uint32(b))
		all = append(all, b[12:12+n])
		b = b[12+n:]
	}
	return all
}

// vp9Packets packs frames as browsers do, in small packets and with the payload
// type of the room.
func vp9Packets(frames [][]byte, flexible bool) (all []*rtp.Packet) {
	payloader := codecs.VP9Payloader{FlexibleMode: flexible}
	number := uint16(65530)
	for i, frame := range frames {
		payloads := payloader.Payload(200, frame)
		for j, payload := range payloads {
			all = append(all, &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: uint8(VP9), SequenceNumber: number, Timestamp: uint32(9000 * i),
				Marker: j == len(payloads)-1}, Payload: payload})
			number++
		}
	}
	return all
}

// TestVP9Frames: the packets of a real stream make its frames again, in both modes
// of RFC 9628, and only the first packet of a key frame begins a sequence.
func TestVP9Frames(t *testing.T) {
	want := vp9Frames(t)
	for _, flexible := range []bool{false, true} {
		var got []Frame
		f := newFrames(VP9, func(x Frame) { got = append(got, x) }, func(bool) {}, func() {})
		starts := 0
		for _, p := range vp9Packets(want, flexible) {
			if startsSequence(p) {
				starts++
			}
			f.push(p, time.Now())
		}
		if len(got) != len(want) || starts != 1 {
			t.Fatalf("flexible %t: %d frames of %d, %d begin a sequence", flexible, len(got), len(want), starts)
		}
		for i := range got {
			if !bytes.Equal(got[i].Data, want[i]) || got[i].Key != (i == 0) || got[i].Codec != VP9 {
				t.Errorf("flexible %t: frame %d: %d bytes of %d, key %t", flexible, i, len(got[i].Data), len(want[i]), got[i].Key)
			}
		}
	}
}

// TestVP9AfterALoss: nothing is emitted before the next key frame.
func TestVP9AfterALoss(t *testing.T) {
	frames := vp9Frames(t)
	list := vp9Packets(append(append([][]byte{}, frames[:5]...), frames[:3]...), false)
	missing := -1
	for i, p := range list {
		if p.Timestamp == 2*9000 {
			missing = i
			break
		}
	}
	var got []Frame
	lost := 0
	f := newFrames(VP9, func(x Frame) { got = append(got, x) }, func(bool) { lost++ }, func() {})
	now := time.Now()
	for i, p := range list {
		if i != missing {
			f.push(p, now)
		}
		if p.Timestamp >= 5*9000 {
			now = now.Add(reorderWait + time.Millisecond) // long enough to give the packet up
		}
	}
	if len(got) != 5 || !got[2].Key || lost == 0 {
		t.Errorf("%d frames, %d losses", len(got), lost)
	}
}

// FuzzVP9Frames: packets of anybody's making.
func FuzzVP9Frames(f *testing.F) {
	for _, p := range vp9Packets(vp9Frames(f)[:2], true) {
		f.Add(p.Payload, true)
	}
	f.Fuzz(func(t *testing.T, payload []byte, marker bool) {
		frames := newFrames(VP9, func(x Frame) {
			if len(x.Data) == 0 {
				t.Fatal("an empty frame")
			}
		}, func(bool) {}, func() {})
		p := &rtp.Packet{Header: rtp.Header{PayloadType: uint8(VP9), Marker: marker}, Payload: payload}
		startsSequence(p)
		frames.push(p, time.Now())
		frames.push(&rtp.Packet{Header: rtp.Header{PayloadType: uint8(VP9), SequenceNumber: 1, Marker: true}, Payload: payload}, time.Now())
	})
}
