package web

import (
	"io/fs"
	"net/http"
	"path"

	"github.com/parley-msrp/parley/internal/web/console"
	"github.com/parley-msrp/parley/internal/web/openapi"
)

// policy lets the pages load what this node serves, and nothing else; they hold no script and no style of their own. What messages bring is shown
// from memory (blob:), and only as an image.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// pageTypes are said here, as what the system's tables say differs.
var pageTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
}

// pageRoutes serve the console and the page of the API.
func (s *Server) pageRoutes() []route {
	pages, assets := console.Files()
	page := func(path string, serve http.HandlerFunc) route {
		return route{page: true, Operation: openapi.Operation{Method: http.MethodGet, Path: path}, serve: serve}
	}
	return []route{
		page("/", func(w http.ResponseWriter, r *http.Request) { servePage(w, r, pages, "index.html") }),
		page("/docs", func(w http.ResponseWriter, r *http.Request) { servePage(w, r, pages, "docs.html") }),
		page("/assets/{name}", func(w http.ResponseWriter, r *http.Request) { servePage(w, r, assets, r.PathValue("name")) }),
	}
}

func servePage(w http.ResponseWriter, r *http.Request, files fs.FS, name string) {
	b, err := fs.ReadFile(files, name)
	if err != nil {
		problem(w, http.StatusNotFound, "there is nothing at this path")
		return
	}
	h := w.Header()
	h.Set("Content-Type", pageTypes[path.Ext(name)])
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	writeTaggedOctets(w, r, b)
}
