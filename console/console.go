// Package console holds the technician's console as it runs in the browser: a
// page, a script, style sheets and fonts.
//
// It promises that Files is what `go run ./build/bundle` made of src/ when the
// program was compiled, flat and without anything else. The bundle is not
// committed: Built reports whether it is there, so that whoever serves it can
// say how to make it. The package knows nothing of the broker and opens no file
// at run time.
package console

import (
	"embed"
	"io/fs"
)

// dist holds at least .placeholder, so that this compiles before the bundle exists.
//
//go:embed all:dist
var dist embed.FS

// Index is the name of the page within Files; it asks for the rest under /assets/.
const Index = "index.html"

// Files returns the bundle: index.html, console.js, console.css, base.css and
// the fonts, each with its name and no folder.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // only an invalid name does this, and "dist" is valid
	}
	return files
}

//go:embed src/style/base.css
var style []byte

// Style returns base.css as it is in the source: enough for pages to be readable
// where the bundle was not built. It names fonts that only the bundle has.
func Style() []byte { return style }

// Built reports whether the bundle was made before the program was compiled.
func Built() bool {
	_, err := fs.Stat(Files(), Index)
	return err == nil
}
