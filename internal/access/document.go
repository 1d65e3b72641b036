package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Document returns the table of docs/http.md: what each operation takes, in Markdown.
func Document() string {
	byRights := map[Rights][]string{}
	for _, o := range slices.Sorted(maps.Keys(operations)) {
		what := "`" + o + "`"
		if method, parameter, found := strings.Cut(o, " "); found && !strings.HasPrefix(parameter, "/") {
			what = fmt.Sprintf("`%s` with `%s`", method, parameter)
		}
		byRights[operations[o]] = append(byRights[operations[o]], what)
	}
	var b strings.Builder
	b.WriteString("| right | takes it |\n|---|---|\n")
	for _, r := range []Rights{Read, Send, Start, Admin, Known, None} {
		name := "`" + r.String() + "`"
		switch r {
		case Known:
			name = "any client"
		case None:
			name = "everybody"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", name, strings.Join(byRights[r], ", "))
	}
	return b.String()
}
