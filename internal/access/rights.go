package access

import (
	"fmt"
	"strings"
)

// Rights are what a caller may do.
type Rights uint8

// The rights. None of them holds another one: who may all has all four.
const (
	Read  Rights = 1 << iota // see sessions, events, bodies and counters
	Send                     // send messages
	Start                    // start and end sessions
	Admin                    // change how the node works, and where its events go

	None Rights = 0
	All         = Read | Send | Start | Admin

	// Known is what each client has, whatever else it may do.
	Known Rights = 1 << 7
)

var rightNames = [...]string{"read", "send", "start", "admin"}

// Has says whether everything that is needed is there.
func (r Rights) Has(needed Rights) bool { return r&needed == needed }

// String lists them as ParseRights reads them; "none" where there are none.
func (r Rights) String() string {
	var names []string
	for i, name := range rightNames {
		if r&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	switch {
	case names == nil && r == Known:
		return "of any client"
	case names == nil:
		return "none"
	}
	return strings.Join(names, ",")
}

// ParseRights reads a list of rights with commas between them; "all" is all of them.
func ParseRights(s string) (Rights, error) {
	var r Rights
words:
	for word := range strings.SplitSeq(s, ",") {
		if word == "all" {
			r |= All
			continue
		}
		for i, name := range rightNames {
			if word == name {
				r |= 1 << i
				continue words
			}
		}
		return None, fmt.Errorf("%q is no right; read, send, start, admin or all would be right", word)
	}
	return r, nil
}
