package web

import (
	"testing"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/control"
)

// TestRoutesAreListed: no route is forgotten in the table of package access; one that is takes the right to everything.
func TestRoutesAreListed(t *testing.T) {
	s := Server{config: Config{Webhooks: struct{ Webhooks }{}, Reload: func() (control.Reloaded, error) { return control.Reloaded{}, nil }}}
	for _, r := range s.table() {
		if operation := r.Method + " " + r.Path; !access.Listed(operation) {
			t.Errorf("%s is not in the table of operations", operation)
		}
	}
}
