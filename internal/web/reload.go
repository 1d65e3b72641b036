package web

import (
	"net/http"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/web/openapi"
)

func (s *Server) reloadRoutes() []route {
	if s.config.Reload == nil {
		return nil
	}
	return []route{{Operation: openapi.Operation{
		Method: "POST", Path: "/v1/reload", ID: "reload", Tag: "node", Summary: "Read the configuration anew",
		Detail:   "And the files that it names: request route, certificates, clients. Sessions go on. What cannot be used changes nothing.",
		Answers:  []openapi.Answer{{Status: 200, Doc: "It was read.", Body: control.Reloaded{}}},
		Problems: []int{409, 415},
	}, serve: s.reload}}
}

func (s *Server) reload(w http.ResponseWriter, _ *http.Request) {
	changed, err := s.config.Reload()
	if err != nil {
		problem(w, http.StatusConflict, err.Error()+"; nothing has changed")
		return
	}
	writeJSON(w, "application/json", http.StatusOK, changed)
}
