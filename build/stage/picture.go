package stage

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
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

// Play opens video files of one folder in a tab of their own, plays and seeks
// each, and returns their lengths in seconds.
func (b *Browser) Play(files ...string) ([]float64, error) {
	tab, err := b.NewTab()
	if err != nil {
		return nil, err
	}
	defer tab.Close()
	var page bytes.Buffer
	page.WriteString("<!doctype html><title>videos</title>")
	for _, file := range files {
		fmt.Fprintf(&page, "<video muted src=%q></video>", filepath.Base(file))
	}
	name := files[0] + ".html"
	if err := os.WriteFile(name, page.Bytes(), 0o600); err != nil {
		return nil, err
	}
	if err := tab.Open("file://" + name); err != nil {
		return nil, err
	}
	return evalWithin[[]float64](tab, time.Duration(1+len(files))*patience, `(async () => {
		const play = (video) => new Promise((resolve, reject) => {
			const failed = (why) => reject(new Error(video.src + ": " + why + ": " + (video.error ? video.error.message : "")));
			video.onerror = () => failed("video");
			const seek = (to) => new Promise((done) => { video.onseeked = done; video.currentTime = to; });
			const ready = () => new Promise((done) => video.readyState >= 2 ? done() : (video.onloadeddata = done));
			setTimeout(() => failed("took too long"), 60000);
			// A video of a moment is over before play() has said that it plays.
			const over = (e) => { if (e.name !== "AbortError" || !video.ended) throw e; };
			ready().then(() => video.play()).catch(over).then(() => seek(video.duration * 0.9)).then(() => seek(video.duration * 0.2))
				.then(() => video.videoWidth > 0 ? resolve(video.duration) : failed("no picture"), (e) => failed(String(e)));
		});
		const lengths = [];
		for (const video of document.querySelectorAll("video")) lengths.push(await play(video));
		return lengths;
	})()`)
}

// Codec returns the codec of a video as ffprobe names it.
func Codec(ctx context.Context, file string) (string, error) {
	out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=codec_name",
		"-of", "default=noprint_wrappers=1:nokey=1", file).Output()
	return strings.TrimSpace(string(out)), err
}

// Probe returns the length of a video in seconds as ffprobe reads it; the codec
// has to be AV1 or VP9 and every frame has to decode without a complaint.
func Probe(ctx context.Context, file string) (float64, error) {
	out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=codec_name:format=duration",
		"-of", "default=noprint_wrappers=1", file).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("ffprobe: %w: %s", err, out)
	}
	if !strings.Contains(string(out), "codec_name=av1") && !strings.Contains(string(out), "codec_name=vp9") {
		return 0, fmt.Errorf("ffprobe: neither AV1 nor VP9 in %s: %s", file, out)
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
	var last *image.RGBA
	if _, err := EachFrame(ctx, file, func(img *image.RGBA) {
		if last == nil {
			last = image.NewRGBA(img.Rect)
		}
		copy(last.Pix, img.Pix)
	}); err != nil {
		return nil, err
	}
	if last == nil {
		return nil, errors.New("ffmpeg: no picture")
	}
	return last, nil
}

// EachFrame decodes a video and calls visit for each of its pictures, in order;
// visit must not keep the picture. It returns how many there were.
func EachFrame(ctx context.Context, file string, visit func(*image.RGBA)) (n int, err error) {
	out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=width,height", "-of", "csv=p=0", file).Output()
	if err != nil {
		return 0, fmt.Errorf("ffprobe: %w", err)
	}
	var size image.Point
	if _, err := fmt.Sscanf(string(out), "%d,%d", &size.X, &size.Y); err != nil {
		return 0, fmt.Errorf("ffprobe: no size: %s", out)
	}
	cmd := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-i", file, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgba", "-")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("ffmpeg: %w", err)
	}
	img := image.NewRGBA(image.Rectangle{Max: size})
	for {
		_, err := io.ReadFull(pipe, img.Pix)
		if errors.Is(err, io.EOF) {
			return n, cmd.Wait()
		}
		if err != nil {
			return n, errors.Join(fmt.Errorf("ffmpeg: %w", err), cmd.Wait())
		}
		visit(img)
		n++
	}
}

// Below leaves the first rows of a picture out.
func Below(y int) func(image.Rectangle) image.Rectangle {
	return func(r image.Rectangle) image.Rectangle { r.Min.Y += y; return r }
}

// Pixels is a picture with its pixels at hand, opaque: one by one they take seconds
// under the race detector.
func Pixels(img image.Image) *image.RGBA {
	if rgba, ok := img.(*image.RGBA); ok && rgba.Rect.Min == (image.Point{}) {
		return rgba
	}
	rgba := image.NewRGBA(image.Rectangle{Max: img.Bounds().Size()})
	draw.Draw(rgba, rgba.Rect, img, img.Bounds().Min, draw.Src)
	return rgba
}

// PSNR compares the luma (BT.601) of two pictures of one size, in dB; 99 for
// equal ones, 0 for different sizes. Part chooses what is compared, nil all.
func PSNR(a, b image.Image, part func(image.Rectangle) image.Rectangle) float64 {
	p, q := Pixels(a), Pixels(b)
	if p.Rect != q.Rect {
		return 0
	}
	r := p.Rect
	if part != nil {
		r = part(r)
	}
	luma := func(pix []byte) float64 {
		return 0.299*float64(pix[0]) + 0.587*float64(pix[1]) + 0.114*float64(pix[2])
	}
	sum := 0.0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			d := luma(p.Pix[p.PixOffset(x, y):]) - luma(q.Pix[q.PixOffset(x, y):])
			sum += d * d
		}
	}
	mean := sum / float64(r.Dx()*r.Dy())
	if mean == 0 {
		return 99
	}
	return min(99, 10*math.Log10(255*255/mean))
}
