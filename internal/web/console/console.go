// Package console holds the web console as it is served: what build.mjs makes of src. The output is committed, so that the Go tool alone builds
// the program.
package console

import (
	"embed"
	"io/fs"
)

//go:embed dist
var dist embed.FS

// Files are the pages (index.html and docs.html), and what they load.
func Files() (pages, assets fs.FS) { return sub("dist"), sub("dist/assets") }

func sub(dir string) fs.FS {
	files, err := fs.Sub(dist, dir)
	if err != nil {
		panic(err) // the path is a constant
	}
	return files
}
