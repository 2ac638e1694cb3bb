package recordings

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ivf reads the frames of an IVF file.
func ivf(t testing.TB, path string) [][]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	if len(b) < 32 || string(b[:4]) != "DKIF" {
		t.Fatalf("%s is no IVF file", path)
	}
	var frames [][]byte
	for b = b[32:]; len(b) >= 12; {
		n := int(binary.LittleEndian.Uint32(b))
		frames = append(frames, b[12:12+n])
		b = b[12+n:]
	}
	return frames
}

// isKey: frames of libaom begin with a temporal delimiter, and key frames have a
// sequence header behind it.
func isKey(frame []byte) bool { return frame[0] == 0x12 && frame[2]>>3&15 == obuSequenceHeader }

// probe is what ffprobe finds in a file.
type probe struct {
	Streams []struct {
		CodecName  string `json:"codec_name"`
		Profile    string `json:"profile"`
		Width      int    `json:"width"`
		Height     int    `json:"height"`
		ColorSpace string `json:"color_space"`
		PixFmt     string `json:"pix_fmt"`
		Frames     string `json:"nb_read_frames"`
	} `json:"streams"`
	Format struct {
		Duration string `json:"duration"`
		Start    string `json:"start_time"`
	} `json:"format"`
	Frames []struct {
		Time string `json:"pts_time"`
		Key  int    `json:"key_frame"`
	} `json:"frames"`
}

// installed returns where a program is. Without it the test is skipped, but where
// everything is tested ($CI is set) it fails.
func installed(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil && os.Getenv("CONSENTO_ALL") == "" {
		t.Skip(err)
	}
	must(t, err)
	return path
}

// ffprobe decodes a whole file; any complaint fails the test.
func ffprobe(t *testing.T, path string) probe {
	t.Helper()
	bin := installed(t, "ffprobe")
	var out, complaints bytes.Buffer
	cmd := exec.Command(bin, "-v", "error", "-count_frames", "-show_streams", "-show_format", "-show_frames", "-of", "json", path)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		t.Fatalf("ffprobe %s: %v\n%s", filepath.Base(path), err, complaints.String())
	}
	var p probe
	must(t, json.Unmarshal(out.Bytes(), &p))
	if len(p.Streams) != 1 {
		t.Fatalf("%d streams", len(p.Streams))
	}
	return p
}

// film records frames at 10 a second from a time on, flushing each second as the
// owner does.
func film(t *testing.T, s *setup, w *Writer, v *Video, frames [][]byte, from time.Duration) time.Duration {
	t.Helper()
	flush := from.Truncate(time.Second) + time.Second
	at := from
	for _, f := range frames {
		for at >= flush {
			must(t, v.Flush(flush))
			s.clock.t = s.conf.Started.Add(flush)
			_, err := w.Seal()
			must(t, err)
			flush += time.Second
		}
		must(t, v.WriteFrame(at, f, isKey(f)))
		at += 100 * time.Millisecond
	}
	return at
}

func TestVideoIsExportedExactly(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	v := NewVideo(w, 0)
	frames := ivf(t, "testdata/small.ivf")
	if err := v.WriteFrame(0, frames[1], false); !errors.Is(err, ErrNoKeyFrame) {
		t.Fatalf("a first frame that is no key frame: %v", err)
	}
	// 3 s of picture from 4.25 s on; then stillness, one heartbeat at 9 s.
	end := film(t, s, w, v, frames[:29], 4250*time.Millisecond)
	must(t, v.Flush(end))
	must(t, v.Flush(end+time.Second)) // nothing new: writes nothing
	must(t, v.WriteFrame(9*time.Second, frames[29], false))
	must(t, v.Flush(10*time.Second))
	_, err := w.Close()
	must(t, err)

	var inits, keys, fragments int
	r, err := OpenSession(w.Path(), s.id)
	must(t, err)
	var concat []byte
	decode := uint64(4250)
	_, err = r.Read(ScanOptions{}, func(i Item) error {
		if i.Body[0] != 0 {
			t.Errorf("stream id %d", i.Body[0])
		}
		concat = append(concat, i.Body[1:]...)
		switch {
		case i.Flags&FlagInit != 0:
			inits++
			return nil
		case i.Flags&FlagKeyframe != 0:
			keys++
		}
		fragments++
		// MediaSource drops what follows a hole in the decoding times.
		f, err := parseFragment(bytes.Clone(i.Body[1:]))
		must(t, err)
		if got := binary.BigEndian.Uint64(f.base); got != decode || f.start() != uint64(i.At.Milliseconds()) {
			t.Errorf("fragment %d is decoded at %d, want %d; shown at %d, want %v", fragments, got, decode, f.start(), i.At)
		}
		decode += f.length
		return nil
	}, TrackVideo)
	must(t, err)
	if inits != 1 || keys != 2 || fragments < 5 {
		t.Errorf("%d initialisation segments, %d fragments, %d with a key frame", inits, fragments, keys)
	}
	// What a player gets as it stands in the records.
	raw := filepath.Join(t.TempDir(), "raw.mp4")
	must(t, os.WriteFile(raw, concat, 0o600))
	if p := ffprobe(t, raw); len(p.Frames) != 30 || p.Frames[0].Time != "4.250000" {
		t.Errorf("records as they stand: %d frames, the first at %s", len(p.Frames), p.Frames[0].Time)
	}

	out := t.TempDir()
	exp, err := Export(out, []*Session{r}, ScanOptions{})
	must(t, err)
	if len(exp.Videos) != 1 || exp.Videos[0].StartMs != 4250 || exp.Videos[0].LengthMs != 5750 {
		t.Errorf("%+v", exp.Videos)
	}
	p := ffprobe(t, filepath.Join(out, "video.mp4"))
	st := p.Streams[0]
	if st.CodecName != "av1" || st.Profile != "Main" || st.Width != 160 || st.Height != 96 || st.ColorSpace != "bt709" || st.PixFmt != "yuv420p" {
		t.Errorf("%+v", st)
	}
	if st.Frames != "30" || p.Format.Duration != "5.750000" || p.Format.Start != "0.000000" {
		t.Errorf("%s frames, %s s from %s", st.Frames, p.Format.Duration, p.Format.Start)
	}
	for n, f := range p.Frames {
		want := fmt.Sprintf("%.6f", float64(n)*0.1)
		if n == 29 {
			want = "4.750000" // the heartbeat
		}
		if f.Time != want || (f.Key == 1) != (n == 0 || n == 15) {
			t.Errorf("frame %d at %s, key %d; want %s", n, f.Time, f.Key, want)
		}
	}
	noGaps(t, filepath.Join(out, "video.mp4"))
}

// noGaps checks that each fragment begins where the one before ends.
func noGaps(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	b = b[:len(b):len(b)] // so that a capacity tells the place
	var end uint64
	var moof []byte
	n := 0
	must(t, boxes(b, func(kind string, p []byte) error {
		switch kind {
		case "moof":
			moof = b[len(b)-cap(p)-8 : len(b)-cap(p)+len(p)]
		case "mdat":
			f, err := parseFragment(append(bytes.Clone(moof), 0, 0, 0, 8, 'm', 'd', 'a', 't'))
			must(t, err)
			if f.start() != end {
				t.Errorf("fragment %d begins at %d, the one before ends at %d", n, f.start(), end)
			}
			if got := binary.BigEndian.Uint32(f.sequence); got != uint32(n+1) {
				t.Errorf("fragment %d has number %d", n, got)
			}
			end, n = f.end(), n+1
		}
		return nil
	}))
	if n == 0 {
		t.Error("no fragments")
	}
}

func TestChangeOfSizeAndStreams(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	v := NewVideo(w, 0)
	second := NewVideo(w, 1)
	small, larger := ivf(t, "testdata/small.ivf"), ivf(t, "testdata/larger.ivf")
	at := film(t, s, w, v, small[:15], 0)
	at = film(t, s, w, v, larger, at)
	must(t, second.WriteFrame(at, small[0], true))
	at = film(t, s, w, v, small[15:], at)
	must(t, second.WriteFrame(at, small[1], false))
	must(t, v.Flush(at))
	must(t, second.Flush(at))
	_, err := w.Close()
	must(t, err)
	r, err := OpenSession(w.Path(), s.id)
	must(t, err)
	out := t.TempDir()
	exp, err := Export(out, []*Session{r}, ScanOptions{})
	must(t, err)
	for n, want := range []struct {
		file   string
		stream uint8
		start  int64
		frames string
		width  int
	}{
		{"video.mp4", 0, 0, "15", 160},
		{"video-2.mp4", 0, 1500, "10", 192},
		{"video-3.mp4", 0, 2500, "15", 160},
		{"video-4.mp4", 1, 2500, "2", 160},
	} {
		if n >= len(exp.Videos) {
			t.Fatalf("only %+v", exp.Videos)
		}
		got := exp.Videos[n]
		if got.File != want.file || got.Stream != want.stream || got.StartMs != want.start {
			t.Errorf("%+v, want %+v", got, want)
		}
		p := ffprobe(t, filepath.Join(out, want.file))
		if p.Streams[0].Frames != want.frames || p.Streams[0].Width != want.width {
			t.Errorf("%s: %+v", want.file, p.Streams[0])
		}
		noGaps(t, filepath.Join(out, want.file))
	}
}

// TestSegmentsAreStitched: the same form goes on in one file over a restart of
// the recorder, with the time in between kept.
func TestSegmentsAreStitched(t *testing.T) {
	s := newSetup(t)
	small := ivf(t, "testdata/small.ivf")
	w := s.create(t)
	v := NewVideo(w, 0)
	must(t, v.Flush(film(t, s, w, v, small[:15], 0)))
	must(t, w.Append(TrackEvents, 0, time.Second, 0, []byte(`{"code":"test.first"}`)))
	head, err := w.Close()
	must(t, err)
	s.conf.Segment, s.conf.Continues = 1, &head
	w2 := s.create(t)
	v = NewVideo(w2, 0)
	must(t, v.Flush(film(t, s, w2, v, small[15:], 10*time.Second)))
	must(t, w2.Append(TrackEvents, 0, 11*time.Second, 0, []byte(`{"code":"test.second"}`)))
	_, err = w2.Close()
	must(t, err)

	paths, err := Segments(w.Path())
	must(t, err)
	if len(paths) != 2 || paths[1] != w2.Path() {
		t.Fatal(paths)
	}
	var sessions []*Session
	for _, p := range paths {
		r, err := OpenSession(p, s.id)
		must(t, err)
		sessions = append(sessions, r)
	}
	out := t.TempDir()
	exp, err := Export(out, sessions, ScanOptions{})
	must(t, err)
	if len(exp.Videos) != 1 || exp.Videos[0].LengthMs != 11_500 {
		t.Errorf("%+v", exp.Videos)
	}
	p := ffprobe(t, filepath.Join(out, "video.mp4"))
	if len(p.Frames) != 30 || p.Frames[14].Time != "1.400000" || p.Frames[15].Time != "10.000000" || p.Format.Duration != "11.500000" {
		t.Errorf("%d frames, %s, %s, %s", len(p.Frames), p.Frames[14].Time, p.Frames[15].Time, p.Format.Duration)
	}
	b, err := os.ReadFile(filepath.Join(out, "events.json"))
	must(t, err)
	var events []struct {
		Code    string
		Segment int
		AtMs    int64 `json:"at_ms"`
	}
	must(t, json.Unmarshal(b, &events))
	if len(events) != 2 || events[1].Code != "test.second" || events[1].Segment != 1 || events[1].AtMs != 11_000 {
		t.Errorf("%+v", events)
	}
}

// TestVideoTimesNeverOverlap: whatever times come in, the timeline goes forward
// and is without holes between pictures.
func TestVideoTimesNeverOverlap(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	v := NewVideo(w, 0)
	small := ivf(t, "testdata/small.ivf")
	for n, at := range []int{0, 0, 40, 30, 30, 2000, 1000, 1000, 1001, 5000} {
		must(t, v.WriteFrame(time.Duration(at)*time.Millisecond, small[n], n == 0))
		if n == 4 {
			must(t, v.Flush(1500*time.Millisecond))
		}
		if n == 7 {
			must(t, v.Flush(0)) // an owner whose clock lags
		}
	}
	must(t, v.Flush(0))
	_, err := w.Close()
	must(t, err)
	r, err := OpenSession(w.Path(), s.id)
	must(t, err)
	out := t.TempDir()
	_, err = Export(out, []*Session{r}, ScanOptions{})
	must(t, err)
	noGaps(t, filepath.Join(out, "video.mp4"))
	if p := ffprobe(t, filepath.Join(out, "video.mp4")); len(p.Frames) != 10 {
		t.Errorf("%d frames", len(p.Frames))
	}
}

func TestFramesThatAreNone(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	v := NewVideo(w, 0)
	small := ivf(t, "testdata/small.ivf")
	must(t, v.WriteFrame(0, small[0], true))
	for name, c := range map[string]struct {
		tu  []byte
		key bool
	}{
		"empty":              {nil, false},
		"delimiter alone":    {[]byte{0x12, 0}, false},
		"forbidden bit":      {[]byte{0x92, 0}, false},
		"size beyond end":    {[]byte{0x32, 0x20, 1}, false},
		"endless size":       {bytes.Repeat([]byte{0x32, 0xff}, 9), false},
		"cut":                {small[1][:20], false},
		"no key frame":       {small[1], true},
		"too large":          {make([]byte, maxFrame+1), false},
		"extension, cut":     {[]byte{0x36}, false},
		"empty frame":        {[]byte{0x32, 0x00}, false},
		"new size, no frame": {ivfSequence(t), false},
	} {
		if err := v.WriteFrame(time.Second, c.tu, c.key); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Sizes may be left out of the last OBU, as RTP does.
	tu, err := parseTemporalUnit(small[1])
	must(t, err)
	o, _, err := cutOBU(tu.sample)
	must(t, err)
	bare := append([]byte{o.header[0] &^ 2}, o.payload...)
	again, err := parseTemporalUnit(bare)
	must(t, err)
	if !bytes.Equal(again.sample, tu.sample) {
		t.Error("an OBU without its size is not the same OBU")
	}
}

// ivfSequence is a sequence header of another size without a frame.
func ivfSequence(t *testing.T) []byte {
	tu, err := parseTemporalUnit(ivf(t, "testdata/larger.ivf")[0])
	must(t, err)
	return tu.sequence
}

// TestWhatEncodersMake: sequence headers of other encoders and pixel formats.
func TestWhatEncodersMake(t *testing.T) {
	ffmpeg := installed(t, "ffmpeg")
	for name, c := range map[string]struct {
		args    string
		profile string
		pixels  string
		colours string
	}{
		"libaom 4:4:4":  {"-c:v libaom-av1 -usage realtime -cpu-used 8 -pix_fmt yuv444p -colorspace bt709", "High", "yuv444p", "bt709"},
		"libaom 10 bit": {"-c:v libaom-av1 -usage realtime -cpu-used 8 -pix_fmt yuv420p10le -colorspace bt470bg", "Main", "yuv420p10le", "bt470bg"},
		"svt":           {"-c:v libsvtav1 -preset 12 -svtav1-params pred-struct=1 -pix_fmt yuv420p -colorspace bt709", "Main", "yuv420p", "bt709"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "a.ivf")
			args := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=10:d=1.5"}, strings.Fields(c.args)...)
			if out, err := exec.Command(ffmpeg, append(args, "-f", "ivf", file)...).CombinedOutput(); err != nil {
				t.Skipf("this ffmpeg cannot make it: %s", out)
			}
			frames := ivf(t, file)
			s := newSetup(t)
			w := s.create(t)
			v := NewVideo(w, 0)
			must(t, v.Flush(film(t, s, w, v, frames, 0)))
			_, err := w.Close()
			must(t, err)
			r, err := OpenSession(w.Path(), s.id)
			must(t, err)
			out := t.TempDir()
			_, err = Export(out, []*Session{r}, ScanOptions{})
			must(t, err)
			p := ffprobe(t, filepath.Join(out, "video.mp4"))
			if st := p.Streams[0]; st.Profile != c.profile || st.PixFmt != c.pixels || st.ColorSpace != c.colours || len(p.Frames) != len(frames) {
				t.Errorf("%+v, %d frames of %d", st, len(p.Frames), len(frames))
			}
		})
	}
}
