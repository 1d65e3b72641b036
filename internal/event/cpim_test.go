package event_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/cpim"
	"github.com/parley-msrp/parley/internal/event"
)

func TestCPIM(t *testing.T) {
	const outer = "From: <sip:gateway@x.test>\r\nTo: <sip:b@x.test>\r\n\r\nContent-Type: message/cpim\r\n\r\n"
	const plain = "From: \"A\\tb\"<sip:a@x.test>\r\nTo: <sip:b@x.test>\r\nTo: Carol <sip:c@x.test>\r\n"
	const text = "\r\nContent-Type: text/plain\r\n\r\nhello"
	const core = `{"namespace":"urn:ietf:params:cpim-headers:","name":`
	const from = `"from":[{"uri":"sip:a@x.test","name":"A\tb"}],"to":[{"uri":"sip:b@x.test"},{"uri":"sip:c@x.test","name":"Carol"}]`
	const headers = core + `"From","value":"\"A\tb\"<sip:a@x.test>"},` + core + `"To","value":"<sip:b@x.test>"},` + core + `"To","value":"Carol <sip:c@x.test>"}`
	for _, c := range []struct {
		name, body string
		content    bool
		want       string
	}{
		{"unwrapped", plain + text, false, from + `,"headers":[` + headers + `]`},
		{"with content", plain + text, true, from + `,"headers":[` + headers + `],"content_type":"text/plain","body":"hello"`},
		{
			"octets", plain + strings.Replace(text, "hello", "\xff", 1), true,
			from + `,"headers":[` + headers + `],"content_type":"text/plain","body_base64":"/w=="`,
		},
		{
			"everything", plain + "cc: <im:d@x.test>\r\nDateTime: 2024-03-07T09:15:42.120+01:00\r\nSubject: s\r\nx.y: z\r\n" + text, false,
			from + `,"cc":[{"uri":"im:d@x.test"}],"time":"2024-03-07T08:15:42.12Z","subject":"s","headers":[` + headers + `,` +
				core + `"cc","value":"<im:d@x.test>"},` + core + `"DateTime","value":"2024-03-07T09:15:42.120+01:00"},` +
				core + `"Subject","value":"s"},{"name":"x.y","value":"z"}]`,
		},
		{"P-012/within another", outer + plain + text, false, strings.Replace(from, "[", `[{"uri":"sip:gateway@x.test"},`, 1) + `,"headers":[` + headers + `]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			chain, err := cpim.ParseChain([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			e := event.NewMessage("s", "message/cpim", []byte("body"), event.CPIM(chain, chain.Senders(), c.content))
			_, got, _ := strings.Cut(string(e.AppendCloudEvent(nil)), `"body":"body",`)
			if diff := cmp.Diff(`"cpim":{`+c.want+`}}}`, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
