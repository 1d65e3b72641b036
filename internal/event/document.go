package event

import (
	"fmt"
	"strings"
)

// Document returns docs/events.md: the catalogue for people, in Markdown.
func Document() []byte {
	var b strings.Builder
	b.WriteString(intro)
	b.WriteString("\n| event | parameters, in order |\n|---|---|\n")
	kinds := Catalogue()
	for i := range kinds {
		k := &kinds[i]
		names := make([]string, len(k.Params))
		for j, m := range k.Params {
			names[j] = "`" + m.Name + "`"
		}
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", k.Name, strings.ToLower(string(k.Name)), strings.Join(names, ", "))
	}
	for i := range kinds {
		kinds[i].document(&b)
	}
	return []byte(b.String())
}

func (k *Kind) document(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n| member | type | meaning |\n|---|---|---|\n", k.Name, k.When)
	for _, m := range k.Params {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", m.Name, m.Type, m.Doc)
	}
	for _, m := range k.Own {
		fmt.Fprintf(b, "| `%s` (own) | %s | %s |\n", m.Name, m.Type, m.Doc)
	}
	fmt.Fprintf(b, "\n```json\n%s\n```\n\n```json\n%s\n```\n", k.Example.AppendCloudEvent(nil), k.Example.AppendNotification(nil))
}

const intro = `# Events

<!-- Made from the catalogue in internal/event: go test ./internal/event -run TestDocument -update -->

What a node tells, and when. Each event comes in two forms.

**As a CloudEvent 1.0** in JSON, in Parley's own interfaces:

- ` + "`id`" + ` is an opaque cursor: give it back to go on after this event.
- ` + "`source`" + ` is the node, ` + "`type`" + ` the event's name, ` + "`subject`" + ` the session_id, ` + "`time`" + ` UTC with microseconds.
- ` + "`sequence`" + ` counts the events of one session (one ` + "`subject`" + `), from 1 and without gaps. It is a decimal number in a string of at least ten
  digits, because the sequence extension of CloudEvents asks for a string whose order as text is the order of the events.
- ` + "`traceparent`" + ` is there where [messages are traced](monitoring.md#traces): the trace context of what caused the event, as CloudEvents' extension for distributed tracing has it.
- ` + "`data`" + ` holds the event's parameters, in their order, and after them Parley's own members (*own* below). An own member that has nothing to say
  may be missing, and more of them may come in later versions.

**As a JSON-RPC notification**, for receivers that were written for OpenSIPS: the parameters alone, without Parley's own members. A socket that was given to
` + "`event_subscribe`" + ` (see [mi.md](mi.md#receivers-of-events)) gets exactly the octets below: one notification in each datagram, without a line end; over TCP one
behind the other, with nothing between them.

In both forms octets that are not valid UTF-8 never go out raw: in a member of type *octets* they are given in base64 under the member's name
with ` + "`_base64`" + ` behind it, in a string each of them becomes U+FFFD. Only what JSON demands is escaped.
`
