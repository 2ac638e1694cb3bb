package sfu

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// decodes is the offer of a console that decodes this: a codec and its format each.
func decodes(t *testing.T, codecs ...[2]string) string {
	t.Helper()
	media := &webrtc.MediaEngine{}
	for i, c := range codecs {
		must(0, media.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: webrtc.PayloadType(100 + i),
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: c[0], ClockRate: 90000, SDPFmtpLine: c[1]}}, webrtc.RTPCodecTypeVideo))(t)
	}
	pc := must(webrtc.NewAPI(webrtc.WithMediaEngine(media)).NewPeerConnection(webrtc.Configuration{}))(t)
	t.Cleanup(func() { _ = pc.Close() })
	must(pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}))(t)
	return offerOf(t, pc)
}

// TestWish: the picture is coded as everybody who watches can decode it, and as
// before when who could not is gone.
func TestWish(t *testing.T) {
	main, high, vp9 := [2]string{webrtc.MimeTypeAV1, "level-idx=5;profile=0;tier=0"}, [2]string{webrtc.MimeTypeAV1, "level-idx=5;profile=1;tier=0"}, [2]string{webrtc.MimeTypeVP9, "profile-id=0"}
	room, rec := newRoom(t, newSFU(t))
	wishes := 0
	view := func(offer string) *Viewer {
		t.Helper()
		v, _, err := room.View(context.Background(), offer, func() {}, nil)
		return must(v, err)(t)
	}
	expect := func(what string, want Wish, told bool) {
		t.Helper()
		if got := room.Wish(); got != want {
			t.Errorf("%s: %v instead of %v", what, got, want)
		}
		rec.mu.Lock()
		defer rec.mu.Unlock()
		if told != (rec.wishes > wishes) {
			t.Errorf("%s: told of it: %t", what, rec.wishes > wishes)
		}
		wishes = rec.wishes
	}
	expect("nobody", Wish{AV1, false}, false)
	view(decodes(t, vp9, main, high))
	expect("a browser that decodes all", Wish{AV1, false}, false)
	room.SetCrisp(true)
	expect("crisp", Wish{AV1, true}, true)
	plain := view(decodes(t, vp9, main))
	expect("crisp is not for all", Wish{AV1, false}, true)
	old := view(decodes(t, vp9))
	expect("one without AV1", Wish{VP9, false}, true)
	old.Close()
	expect("it left", Wish{AV1, false}, true)
	plain.Close()
	expect("the other left", Wish{AV1, true}, true)
	room.SetCrisp(false)
	expect("not crisp", Wish{AV1, false}, true)
	_, _, err := room.View(context.Background(), decodes(t, [2]string{webrtc.MimeTypeVP8, ""}), func() {}, nil)
	if !errors.Is(err, ErrOffer) {
		t.Errorf("a browser that decodes nothing: %v", err)
	}
	expect("it was refused", Wish{AV1, false}, false)
}

// TestCodecChanges: an agent goes from one codec to the other and back in one
// stream; each begins with a key frame, and nothing is lost or told to be.
func TestCodecChanges(t *testing.T) {
	av1, vp9 := units(t), vp9Frames(t)
	var got []Frame
	f := newFrames(AV1, func(x Frame) { got = append(got, x) }, func(bool) { t.Error("a loss") }, func() { t.Error("a frame without a key frame") })
	number, stamp := uint16(65000), uint32(0)
	push := func(codec Codec, frames [][]byte) {
		list := packets(frames, 0)
		if codec == VP9 {
			list = vp9Packets(frames, false)
		}
		base := list[0].Timestamp
		last := base
		for _, p := range list {
			p.SequenceNumber, p.PayloadType = number, uint8(codec)
			last = p.Timestamp - base
			p.Timestamp = stamp + last
			number++
			f.push(p, time.Now())
		}
		stamp += last + 3000
	}
	push(AV1, av1)
	push(VP9, vp9)
	push(AV1, av1)
	if want := 2*len(av1) + len(vp9); len(got) != want {
		t.Fatalf("%d frames of %d", len(got), want)
	}
	for i, g := range got {
		want := AV1
		if i >= len(av1) && i < len(av1)+len(vp9) {
			want = VP9
		}
		if g.Codec != want || g.Key != (i == 0 || i == len(av1) || i == len(av1)+len(vp9)) {
			t.Errorf("frame %d: %v, key %t", i, g.Codec, g.Key)
		}
	}
}
