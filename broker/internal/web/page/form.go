package page

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// ErrForm is for what none of our forms posts.
var ErrForm = errors.New("form cannot be read")

// ReadForm reads a posted form: each field once at most, everything within BodyLimit.
func ReadForm(r *http.Request) (url.Values, error) {
	var err error
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		err = r.ParseMultipartForm(BodyLimit(r)) // never touches the disk: the body is no larger
	} else {
		err = r.ParseForm()
	}
	if err != nil {
		return nil, ErrForm
	}
	if len(r.PostForm) > MaxFields {
		return nil, ErrForm
	}
	for _, values := range r.PostForm {
		if len(values) != 1 {
			return nil, ErrForm
		}
	}
	return r.PostForm, nil
}

// Uploaded returns an uploaded file, nothing if none was chosen.
func Uploaded(r *http.Request, name string) ([]byte, error) {
	if r.MultipartForm == nil || len(r.MultipartForm.File[name]) == 0 {
		return nil, nil
	}
	file, err := r.MultipartForm.File[name][0].Open()
	if err != nil {
		return nil, ErrForm
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, BodyLimit(r)))
	if err != nil {
		return nil, ErrForm
	}
	return data, nil
}

// Limited is s, or "" where it has more bytes.
func Limited(s string, bytes int) string {
	if len(s) > bytes {
		return ""
	}
	return s
}
