package msrpsdp

import "github.com/parley-msrp/parley/msrp"

// Types are the media types that the lines which can be taken accept, each once; nil if no line can.
func (d *Description) Types() msrp.Types {
	var all msrp.Types
	seen := map[string]bool{}
	for n := range d.Lines {
		l := &d.Lines[n]
		if l.Refuses(msrp.Types{"*"}) != nil {
			continue
		}
		for _, t := range l.Accept {
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
