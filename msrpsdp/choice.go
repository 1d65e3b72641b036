package msrpsdp

import (
	"slices"
	"strings"

	"github.com/parley-msrp/parley/cpim"
	"github.com/parley-msrp/parley/msrp"
)

// Answers gives the media types that our line says in answer to the peer's, where types are those that the application takes: these as they are, unless
//   - the peer would rather have everything within message/cpim, which it says by naming that first (RFC 4975 §13): then it stands first here too, if
//     the types cover it;
//   - some of them the peer takes within message/cpim only (accept-wrapped-types, RFC 4975 §8.6): then all of them are taken within message/cpim, which
//     stands first, and bare those that can come bare.
func (l *Line) Answers(types msrp.Types) (accept, wrapped msrp.Types) {
	switch {
	case types.Accepts(cpim.MediaType):
		if len(l.Accept) == 0 || !cpim.Is(l.Accept[0]) || cpim.Is(types[0]) {
			return types, Containers(types)
		}
		accept = append(accept, cpim.MediaType)
		for _, t := range types {
			if !cpim.Is(t) {
				accept = append(accept, t)
			}
		}
		return accept, Containers(accept)
	case !l.wraps(types):
		return types, Containers(types)
	}
	accept = append(accept, cpim.MediaType)
	for _, t := range types {
		if l.Accept.Overlaps(msrp.Types{t}) {
			accept = append(accept, t)
		}
	}
	return accept, types
}

// wraps says whether the peer takes one of these types within message/cpim only.
func (l *Line) wraps(types msrp.Types) bool {
	return l.Accept.Accepts(cpim.MediaType) && slices.ContainsFunc(types, func(t string) bool {
		return l.Wrapped.Overlaps(msrp.Types{t}) && !l.Accept.Overlaps(msrp.Types{t})
	})
}

// Containers are the types that are taken within the containers that accept names, where it names nothing else: it would take nothing otherwise.
func Containers(accept msrp.Types) msrp.Types {
	for _, t := range accept {
		if !cpim.Is(t) && !strings.HasPrefix(strings.ToLower(t), "multipart/") {
			return nil
		}
	}
	return msrp.Types{"*"}
}

// Types are the media types that the lines which refuses has nothing against accept, each once; nil if there is no such line. refuses is Line.Refuses or
// the like.
func (d *Description) Types(refuses func(*Line, msrp.Types) error) msrp.Types {
	return d.union(refuses, func(l *Line) msrp.Types { return l.Accept })
}

// WrappedTypes are likewise those that such lines accept within containers only.
func (d *Description) WrappedTypes(refuses func(*Line, msrp.Types) error) msrp.Types {
	return d.union(refuses, func(l *Line) msrp.Types { return l.Wrapped })
}

func (d *Description) union(refuses func(*Line, msrp.Types) error, of func(*Line) msrp.Types) msrp.Types {
	var all msrp.Types
	seen := map[string]bool{}
	for n := range d.Lines {
		l := &d.Lines[n]
		if refuses(l, msrp.Types{"*"}) != nil {
			continue
		}
		for _, t := range of(l) {
			if !seen[t] {
				seen[t] = true
				all = append(all, t)
			}
		}
	}
	return all
}

// Refuses says why no line can be taken with these types, as Line.Refuses says it of one: of the last message line, if there is one. Nil: one
// can be taken.
func (d *Description) Refuses(accept msrp.Types) error {
	var why error
	for n := range d.Lines {
		l := &d.Lines[n]
		err := l.Refuses(accept)
		if err == nil {
			return nil
		}
		if l.Media == "message" {
			why = err
		}
	}
	if why == nil {
		why = problem(WarnMedia, "no MSRP message stream is offered")
	}
	return why
}
