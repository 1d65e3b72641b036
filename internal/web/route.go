package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/parley-msrp/parley/internal/web/openapi"
)

// route is one method of one path: what serves it, and what describes it at /openapi.json.
type route struct {
	openapi.Operation
	serve http.HandlerFunc
	// stream says that the answer goes on, so that HEAD makes no sense.
	stream bool
	// page says that it is a page for people or a part of one: nothing of the API, and without anything that is not public.
	page bool

	operation string   // what package access calls it
	takes     []string // methods
	pattern   []string // its path, cut at the slashes; nil: the path is what it is
}

// table lists all that is served.
func (s *Server) table() []route {
	return slices.Concat(s.sessionRoutes(), s.messageRoutes(), s.traceRoutes(), s.bodyRoutes(), s.eventRoutes(), s.webhookRoutes(), s.nodeRoutes(), s.metricsRoutes(), s.reloadRoutes(), s.pageRoutes())
}

// route makes the table of routes, and what describes it.
func (s *Server) route() error {
	s.routes = s.table()
	s.byPath = map[string][]*route{}
	for i := range s.routes {
		r := &s.routes[i]
		r.operation, r.takes = r.Method+" "+r.Path, []string{r.Method}
		if r.Method == http.MethodGet && !r.stream {
			r.takes = append(r.takes, http.MethodHead)
		}
		if strings.Contains(r.Path, "{") {
			r.pattern = strings.Split(r.Path, "/")
			s.byPattern = append(s.byPattern, r)
		} else {
			s.byPath[r.Path] = append(s.byPath[r.Path], r)
		}
	}
	var err error
	s.openAPI, err = json.Marshal(s.Document())
	return err
}

// match compares a path, cut at its slashes and not yet unescaped, with a pattern in which {name} stands for any segment that is not empty.
func match(pattern, path []string, values func(name, value string)) bool {
	if len(pattern) != len(path) {
		return false
	}
	for i, p := range pattern {
		name, varies := strings.CutPrefix(p, "{")
		switch {
		case !varies && p != path[i], varies && path[i] == "":
			return false
		case !varies:
			continue
		}
		value, err := url.PathUnescape(path[i])
		if err != nil {
			return false
		}
		values(strings.TrimSuffix(name, "}"), value)
	}
	return true
}

// find gives the route of a request, and the methods that its path takes; none: there is no such path.
func (s *Server) find(r *http.Request) (found *route, allowed []string) {
	path := r.URL.EscapedPath()
	candidates := s.byPath[path]
	if candidates == nil {
		segments := strings.Split(path, "/")
		for _, c := range s.byPattern {
			if match(c.pattern, segments, r.SetPathValue) {
				candidates = append(candidates, c)
			}
		}
	}
	for _, c := range candidates {
		if slices.Contains(c.takes, r.Method) {
			return c, nil
		}
		allowed = append(allowed, c.takes...)
	}
	return nil, allowed
}
