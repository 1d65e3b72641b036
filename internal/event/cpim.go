package event

import (
	"time"

	"github.com/parley-msrp/parley/cpim"
)

// CPIM is what a message/cpim says of itself, but for its senders, who are given. With content, also what it brings; without, content_type and body of the
// event tell that.
func CPIM(chain cpim.Chain, senders []cpim.Address, content bool) Param {
	m := chain.Innermost()
	from := make([][]Param, 0, len(chain))
	for _, a := range senders {
		from = append(from, address(a))
	}
	var to, cc [][]Param
	for a := range m.To() {
		to = append(to, address(a))
	}
	for a := range m.Cc() {
		cc = append(cc, address(a))
	}
	headers := make([][]Param, 0, len(m.Headers))
	for i, h := range m.Headers {
		headers = append(headers, header(m, i, h))
	}
	v := []Param{{"from", from}, {"to", to}}
	if cc != nil {
		v = append(v, Param{"cc", cc})
	}
	if at, ok := m.DateTime(); ok {
		v = append(v, Param{"time", at.UTC().Format(time.RFC3339Nano)})
	}
	if subject := m.Subject(); subject != "" {
		v = append(v, Param{"subject", subject})
	}
	v = append(v, Param{"headers", headers})
	if content {
		v = append(v, Param{"content_type", m.ContentType()}, Param{"body", m.Content})
	}
	return Param{"cpim", v}
}

func address(a cpim.Address) []Param {
	if a.Name == "" {
		return []Param{{"uri", a.URI}}
	}
	return []Param{{"uri", a.URI}, {"name", a.Name}}
}

// header tells a header. One whose prefix was not declared has no namespace.
func header(m *cpim.Message, i int, h cpim.Header) []Param {
	namespace, name, ok := m.Resolve(i)
	if !ok {
		return []Param{{"name", h.Name()}, {"value", h.Text()}}
	}
	return []Param{{"namespace", namespace}, {"name", name}, {"value", h.Text()}}
}
