package cpim

import "strings"

// Chain is a CPIM message and those within it, the outermost first: each is the content of the one before. It is never empty.
type Chain []*Message

// ParseChain reads a CPIM message and the CPIM messages within it, which relaying gateways make (RFC 4975 §14.5, P-012), down to MaxDepth. Errors are
// those of Parse.
func ParseChain(b []byte) (Chain, error) {
	var chain Chain
	for {
		if len(chain) == MaxDepth {
			return nil, &LimitError{"messages within each other", MaxDepth}
		}
		m, err := Parse(b)
		if err != nil {
			return nil, err
		}
		chain = append(chain, m)
		if !Is(m.ContentType()) {
			return chain, nil
		}
		b = m.Content
	}
}

// Is says whether a Content-Type is message/cpim.
func Is(contentType string) bool {
	essence, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimRight(essence, " \t"), MediaType)
}

// Innermost is the message whose content is no CPIM message: what there is to show.
func (c Chain) Innermost() *Message { return c[len(c)-1] }

// Senders are the senders that the messages assert, the outermost message's first: who relayed, and at the end who wrote. None of
// them is to be trusted more than the session that they came in (RFC 4975 §14.5, P-012).
func (c Chain) Senders() []Address {
	senders := make([]Address, len(c))
	for i, m := range c {
		senders[i] = m.From()
	}
	return senders
}

// CheckRequire is that of each message.
func (c Chain) CheckRequire(understood func(namespace, name string) bool) error {
	for _, m := range c {
		if err := m.CheckRequire(understood); err != nil {
			return err
		}
	}
	return nil
}
