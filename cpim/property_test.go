package cpim_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/parley-msrp/parley/cpim"
)

// TestRoundTrip: whatever texts a message is made of, it is read as it was meant, and written again as it was.
func TestRoundTrip(t *testing.T) {
	name := rapid.StringMatching(`[A-Za-z][A-Za-z0-9-]{0,10}`)
	uri := rapid.StringMatching(`(sip|im|tel):[a-z0-9@.;=+-]{1,20}`)
	address := rapid.Custom(func(t *rapid.T) cpim.Address {
		return cpim.Address{Name: rapid.String().Draw(t, "name"), URI: uri.Draw(t, "uri")}
	})
	rapid.Check(t, func(t *rapid.T) {
		from, to := address.Draw(t, "from"), rapid.SliceOfN(address, 1, 4).Draw(t, "to")
		subject, extension, key := rapid.String().Draw(t, "subject"), rapid.String().Draw(t, "extension"), name.Draw(t, "key")
		param := cpim.Param{Name: "p" + name.Draw(t, "param"), Value: rapid.String().Draw(t, "value")}
		at := time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "time")).UTC()
		content := rapid.SliceOf(rapid.Byte()).Draw(t, "content")

		m := &cpim.Message{Content: content, MIME: []cpim.MIMEHeader{must[cpim.MIMEHeader](t)(cpim.NewMIMEHeader("Content-Type", "a/b"))}}
		m.Headers = append(m.Headers, cpim.From(from), cpim.DateTime(at), cpim.Subject(subject))
		for _, a := range to {
			m.Headers = append(m.Headers, cpim.To(a))
		}
		m.Headers = append(m.Headers, must[cpim.Header](t)(cpim.NS("x", "urn:x")), must[cpim.Header](t)(cpim.NewHeader("x."+key, extension, param)))

		octets := m.AppendTo(nil)
		got, err := cpim.Parse(octets)
		if err != nil {
			t.Fatalf("%v\n%q", err, octets)
		}
		var tos []cpim.Address
		for a := range got.To() {
			tos = append(tos, a)
		}
		h, _ := got.First("urn:x", key)
		gotAt, _ := got.DateTime()
		if diff := cmp.Diff([]any{from, to, subject, extension, param.Value, at}, []any{got.From(), tos, got.Subject(), h.Text(), h.Param(param.Name), gotAt.UTC()}); diff != "" {
			t.Errorf("%s\n%q", diff, octets)
		}
		if !bytes.Equal(got.Content, content) || !bytes.Equal(got.AppendTo(nil), octets) || got.Len() != len(octets) {
			t.Errorf("written again as\n%q, was\n%q", got.AppendTo(nil), octets)
		}
	})
}
