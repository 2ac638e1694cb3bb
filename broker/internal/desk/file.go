package desk

import (
	"archive/zip"
	"bytes"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"consento/broker/internal/ops"

	"golang.org/x/image/webp"
)

// MaxFile is how large an attachment may be, in bytes.
const MaxFile = 10 << 20

// Limits of what one ticket may have.
const (
	maxFiles    = 20
	maxOwnFiles = 10       // from its requester
	maxPixels   = 40 << 20 // of a picture
	maxEntries  = 5000     // in an office document, which is an archive
)

// kind is a type of file that may be attached.
type kind struct {
	media string
	ends  []string // of names; the first is put to a name that has none of them
}

var (
	pngFile  = kind{"image/png", []string{".png"}}
	jpegFile = kind{"image/jpeg", []string{".jpg", ".jpeg"}}
	pdfFile  = kind{"application/pdf", []string{".pdf"}}
	textFile = kind{"text/plain", []string{".txt", ".log", ".csv", ".md"}}
	docx     = kind{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", []string{".docx"}}
	xlsx     = kind{"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", []string{".xlsx"}}
	pptx     = kind{"application/vnd.openxmlformats-officedocument.presentationml.presentation", []string{".pptx"}}
	odt      = kind{"application/vnd.oasis.opendocument.text", []string{".odt"}}
	ods      = kind{"application/vnd.oasis.opendocument.spreadsheet", []string{".ods"}}
	odp      = kind{"application/vnd.oasis.opendocument.presentation", []string{".odp"}}
)

// Picture reports whether a type is shown on pages: we drew it ourselves.
func Picture(media string) bool { return media == pngFile.media || media == jpegFile.media }

// inspect says what a file is by its content, and returns its name and content as they
// are kept: pictures are drawn anew, so that nothing but the picture is left (no place
// where it was taken, nothing hidden behind it). What is none of the kinds is refused.
func inspect(name string, data []byte) (string, kind, []byte, error) {
	if len(data) == 0 {
		return "", kind{}, nil, wrong("file", "missing")
	}
	if len(data) > MaxFile {
		return "", kind{}, nil, wrong("file", "too_large")
	}
	k, data, err := sniff(data)
	if err != nil {
		return "", k, nil, err
	}
	return fileName(name, k), k, data, nil
}

func sniff(data []byte) (kind, []byte, error) {
	switch media, _, _ := strings.Cut(http.DetectContentType(data), ";"); media { // WHATWG MIME Sniffing
	case "image/png":
		return drawn(data, png.DecodeConfig, png.Decode, pngFile)
	case "image/gif":
		return drawn(data, gif.DecodeConfig, gif.Decode, pngFile)
	case "image/webp":
		return drawn(data, webp.DecodeConfig, webp.Decode, pngFile)
	case "image/jpeg":
		return drawn(data, jpeg.DecodeConfig, jpeg.Decode, jpegFile)
	case "application/pdf":
		return pdfFile, data, nil
	case "application/zip":
		return document(data)
	}
	if isText(data) {
		return textFile, data, nil
	}
	return kind{}, nil, wrong("file", "kind")
}

// drawn is a picture drawn anew, as the kind that it becomes.
func drawn(data []byte, size func(io.Reader) (image.Config, error), decode func(io.Reader) (image.Image, error), as kind) (kind, []byte, error) {
	c, err := size(bytes.NewReader(data))
	if err != nil {
		return as, nil, wrong("file", "kind")
	}
	if c.Width <= 0 || c.Height <= 0 || c.Width > maxPixels/c.Height {
		return as, nil, wrong("file", "too_large")
	}
	img, err := decode(bytes.NewReader(data))
	if err != nil {
		return as, nil, wrong("file", "kind")
	}
	var to bytes.Buffer
	if as.media == jpegFile.media {
		err = jpeg.Encode(&to, img, &jpeg.Options{Quality: 90})
	} else {
		err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&to, img)
	}
	if err == nil && to.Len() > 2*MaxFile {
		err = wrong("file", "too_large")
	}
	return as, to.Bytes(), err
}

// isText: what a reader sees is all there is.
func isText(data []byte) bool {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return false
	}
	for _, r := range string(data) {
		if unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' && r != '\f' && r != '\x1b' {
			return false
		}
	}
	return true
}

// document looks into an archive, without unpacking it, for what makes it a document.
// Programs in documents are refused.
func document(data []byte) (kind, []byte, error) {
	refuse := func() (kind, []byte, error) { return kind{}, nil, wrong("file", "kind") }
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(z.File) > maxEntries {
		return refuse()
	}
	has := func(name string) bool {
		return slices.ContainsFunc(z.File, func(f *zip.File) bool { return strings.EqualFold(f.Name, name) })
	}
	for _, f := range z.File {
		name := strings.ToLower(f.Name)
		if strings.Contains(name, "vbaproject") || strings.HasSuffix(name, ".bin") && strings.Contains(name, "macro") || strings.HasPrefix(name, "basic/") || strings.HasPrefix(name, "scripts/") {
			return kind{}, nil, wrong("file", "program")
		}
	}
	switch {
	case !has("[Content_Types].xml"):
	case has("word/document.xml"):
		return docx, data, nil
	case has("xl/workbook.xml"):
		return xlsx, data, nil
	case has("ppt/presentation.xml"):
		return pptx, data, nil
	}
	// OpenDocument 1.3, part 2, section 3.3: the first file says the type, stored as it is.
	if len(z.File) > 0 && z.File[0].Name == "mimetype" && z.File[0].Method == zip.Store {
		at, err := z.File[0].DataOffset()
		size := int64(z.File[0].UncompressedSize64)
		if err == nil && size < 200 && at+size <= int64(len(data)) {
			for _, k := range []kind{odt, ods, odp} {
				if string(data[at:at+size]) == k.media {
					return k, data, nil
				}
			}
		}
	}
	return refuse()
}

// fileName is a name that is a name on every system, ends as the file's kind does, and
// therefore starts no program.
func fileName(name string, k kind) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, ""), `\`, "/"))
	name = strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(`<>:"/\|?*`, r), r == '\u200c', r == '\u200d':
			return '_'
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, name)
	name = strings.Trim(name, ". ")
	end := k.ends[0]
	for _, e := range k.ends {
		if len(name) > len(e) && strings.EqualFold(name[len(name)-len(e):], e) {
			name, end = strings.TrimRight(name[:len(name)-len(e)], ". "), e
			break
		}
	}
	if runes := []rune(name); len(runes) > 80 {
		name = string(runes[:80])
	}
	name, err := ops.CleanLine(name, 80)
	first, _, _ := strings.Cut(strings.ToUpper(name), ".")
	if err != nil || slices.Contains(reserved, strings.TrimSpace(first)) {
		name = "file"
	}
	return name + end
}

// reserved are no names of files in Windows.
var reserved = []string{"CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9", "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9"}
