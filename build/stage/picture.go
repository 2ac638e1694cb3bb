package stage

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/chromedp/chromedp"
)

// Frame is what a <video> shows now, pixel by pixel at its own size.
func (b *Browser) Frame(selector string) (image.Image, error) {
	text, err := Eval[string](b, fmt.Sprintf(`(() => {
		const video = document.querySelector(%q);
		const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
		canvas.getContext("2d").drawImage(video, 0, 0);
		return canvas.convertToBlob({type: "image/png"}).then((blob) => new Promise((resolve) => {
			const reader = new FileReader();
			reader.onload = () => resolve(reader.result.split(",")[1]);
			reader.readAsDataURL(blob);
		}));
	})()`, selector))
	if err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	return png.Decode(bytes.NewReader(data))
}

// Play opens a video file in a tab of its own, plays and seeks it, and returns
// its length in seconds.
func (b *Browser) Play(file string) (float64, error) {
	ctx, cancel := chromedp.NewContext(b.ctx)
	defer cancel()
	tab := &Browser{ctx: ctx}
	page := file + ".html"
	if err := os.WriteFile(page, fmt.Appendf(nil, `<!doctype html><title>video</title><video muted src=%q></video>`, filepath.Base(file)), 0o600); err != nil {
		return 0, err
	}
	if err := chromedp.Do(ctx); err != nil {
		return 0, err
	}
	if err := tab.Open("file://" + page); err != nil {
		return 0, err
	}
	return Eval[float64](tab, `new Promise((resolve, reject) => {
		const video = document.querySelector("video");
		const failed = (why) => reject(new Error(why + ": " + (video.error ? video.error.message : "")));
		video.onerror = () => failed("video");
		const seek = (to) => new Promise((done) => { video.onseeked = done; video.currentTime = to; });
		const ready = () => new Promise((done) => video.readyState >= 2 ? done() : (video.onloadeddata = done));
		setTimeout(() => failed("took too long"), 20000);
		ready().then(() => video.play()).then(() => seek(video.duration * 0.9)).then(() => seek(video.duration * 0.2))
			.then(() => video.videoWidth > 0 ? resolve(video.duration) : failed("no picture"), (e) => failed(String(e)));
	})`)
}

// Probe returns the length of a video in seconds as ffprobe reads it; the
// codec has to be AV1 and every frame has to decode without a complaint.
func Probe(ctx context.Context, file string) (float64, error) {
	out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=codec_name:format=duration",
		"-of", "default=noprint_wrappers=1", file).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("ffprobe: %w: %s", err, out)
	}
	if !strings.Contains(string(out), "codec_name=av1") {
		return 0, fmt.Errorf("ffprobe: no AV1 in %s: %s", file, out)
	}
	complaints, err := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-i", file,
		"-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-").CombinedOutput()
	if err == nil && len(complaints) > 0 {
		err = errors.New("it complains")
	}
	if err != nil {
		return 0, fmt.Errorf("ffmpeg does not decode it cleanly: %w: %s", err, complaints)
	}
	_, text, _ := strings.Cut(string(out), "duration=")
	duration, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return 0, fmt.Errorf("ffprobe: no duration: %s", out)
	}
	return duration, nil
}

// LastFrame decodes the last picture of a video.
func LastFrame(ctx context.Context, file string) (image.Image, error) {
	out, err := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-i", file, "-update", "1", "-f", "image2pipe", "-c:v", "png", "-").Output()
	if err != nil {
		return nil, fmt.Errorf("ffmpeg: %w", err)
	}
	// One PNG after the other comes out: the last one counts.
	at := bytes.LastIndex(out, []byte("\x89PNG\r\n"))
	if at < 0 {
		return nil, errors.New("ffmpeg: no picture")
	}
	return png.Decode(bytes.NewReader(out[at:]))
}

// Below leaves the first rows of a picture out.
func Below(y int) func(image.Rectangle) image.Rectangle {
	return func(r image.Rectangle) image.Rectangle { r.Min.Y += y; return r }
}

// PSNR compares the luma (BT.601) of two pictures of one size, in dB; 99 for
// equal ones, 0 for different sizes. Part chooses what is compared, nil all.
func PSNR(a, b image.Image, part func(image.Rectangle) image.Rectangle) float64 {
	if a.Bounds().Size() != b.Bounds().Size() {
		return 0
	}
	r := image.Rectangle{Max: a.Bounds().Size()}
	if part != nil {
		r = part(r)
	}
	luma := func(i image.Image, x, y int) float64 {
		red, green, blue, _ := i.At(i.Bounds().Min.X+x, i.Bounds().Min.Y+y).RGBA()
		return (0.299*float64(red) + 0.587*float64(green) + 0.114*float64(blue)) / 257
	}
	sum := 0.0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			d := luma(a, x, y) - luma(b, x, y)
			sum += d * d
		}
	}
	mean := sum / float64(r.Dx()*r.Dy())
	if mean == 0 {
		return 99
	}
	return min(99, 10*math.Log10(255*255/mean))
}
