package wire

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var (
	anIdent = rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9.+%=-]{3,31}`)
	aURI    = rapid.StringMatching(`msrps?://[a-z0-9.]{1,20}(:[1-9][0-9]{0,3})?(/[A-Za-z0-9+=/]{1,30})?;tcp`)
	aValue  = rapid.StringMatching(`[!-~][ -~]{0,60}`)
	// Bodies are made of what an end-line is made of, as plain random octets would never come near one.
	aBody = rapid.Custom(func(t *rapid.T) []byte {
		part := rapid.SampledFrom([]string{"\r", "\n", "\r\n", "-", "-------", "abcd", "$", "+", "#", "MSRP abcd SEND\r\n", "x", "\x00\xff"})
		return []byte(strings.Join(rapid.SliceOfN(part, 0, 40).Draw(t, "parts"), ""))
	})
)

func drawRequest(t *rapid.T) (Request, []byte, Flag) {
	r := Request{
		ID: rapid.OneOf(anIdent, rapid.Just("abcd")).Draw(t, "id"), Method: rapid.StringMatching(`[A-Z]{1,10}`).Draw(t, "method"),
		ToPath:    strings.Join(rapid.SliceOfN(aURI, 1, 3).Draw(t, "to"), " "),
		FromPath:  strings.Join(rapid.SliceOfN(aURI, 1, 3).Draw(t, "from"), " "),
		MessageID: rapid.OneOf(anIdent, rapid.Just("")).Draw(t, "message-id"),
		Success:   rapid.SampledFrom([]Report{Absent, Yes, No}).Draw(t, "success"),
		Failure:   rapid.SampledFrom([]Report{Absent, Yes, No, Partial}).Draw(t, "failure"),
	}
	if rapid.Bool().Draw(t, "ranged") {
		r.HasRange = true
		r.Range.Start = rapid.Int64Range(1, 1<<62).Draw(t, "start")
		r.Range.End = rapid.SampledFrom([]int64{Star, r.Range.Start - 1, r.Range.Start + 7}).Draw(t, "end")
		r.Range.Total = rapid.SampledFrom([]int64{Star, r.Range.Start + 9}).Draw(t, "total")
	}
	if rapid.Bool().Draw(t, "more headers") {
		r.Extra = "X-Foo: " + aValue.Draw(t, "value") + "\r\n"
		r.Status = "000 " + rapid.StringMatching(`[1-9][0-9]{2}( [ -~]{1,9})?`).Draw(t, "status")
	}
	var body []byte
	if rapid.Bool().Draw(t, "with body") {
		r.ContentType = "text/plain"
		r.MIME = rapid.SampledFrom([]string{"", "Content-ID: <a@b>\r\nContent-Disposition: render\r\n"}).Draw(t, "mime")
		body = aBody.Filter(func(b []byte) bool { return !ContainsEndLine(b, r.ID) }).Draw(t, "body")
	}
	return r, body, rapid.SampledFrom([]Flag{Complete, More, Aborted}).Draw(t, "flag")
}

func TestRoundTrip(t *testing.T) {
	t.Run("M-022/whatever is encoded is decoded, in any split", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			var stream []byte
			var want []frame
			for range rapid.IntRange(1, 4).Draw(rt, "frames") {
				r, body, flag := drawRequest(rt)
				stream = append(stream, strings.Repeat("\r\n", rapid.IntRange(0, 3).Draw(rt, "blank lines"))...)
				stream = r.AppendTo(stream, body, flag)
				h := Head{
					ID: []byte(r.ID), Method: []byte(r.Method), ToPath: []byte(r.ToPath), FromPath: []byte(r.FromPath),
					Range: r.Range, HasRange: r.HasRange, Success: r.Success, Failure: r.Failure, HasBody: r.ContentType != "",
				}
				h.MessageID, h.ContentType = octets(r.MessageID), octets(r.ContentType)
				h.MIME, h.Other = octets(r.MIME), octets(r.Extra)
				if r.Status != "" {
					h.Status, _ = ParseStatus([]byte(r.Status))
					h.HasStatus = true
				}
				want = append(want, frame{Head: headText(&h), Body: string(body), Flag: flag})
			}
			got, err := decodeSplit(t, Limits{Strict: true}, stream, randomSplits(rapid.Uint64().Draw(rt, "split")))
			if err != nil || len(got) != len(want) {
				rt.Fatalf("%d frames of %d, error %v", len(got), len(want), err)
			}
			for i := range want {
				if got[i] != want[i] {
					rt.Fatalf("frame %d:\n%+v\nwant:\n%+v", i, got[i], want[i])
				}
			}
		})
	})
	t.Run("M-032/URIs", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			s := aURI.Draw(rt, "uri")
			u, err := ParseURI(s)
			if err != nil || u.String() != s {
				rt.Fatalf("%q became %q (%v)", s, u.String(), err)
			}
		})
	})
}

func octets(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}
