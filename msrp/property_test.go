package msrp_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/parley-msrp/parley/msrp"
)

// TestAnyInterleaving: any set of messages, chunked and interleaved anyhow, over a stream cut anyhow, arrives whole.
func TestAnyInterleaving(t *testing.T) {
	l := newPipeListener()
	r := startRig(t, msrp.Config{}, l, l.dial, limit)
	rapid.Check(t, func(rt *rapid.T) {
		var change []func(*msrp.SessionConfig)
		if rapid.Bool().Draw(rt, "streams") {
			change = append(change, streams)
		}
		s, h, p := r.bound(change...)
		defer s.Close()
		bodies := map[string][]byte{}
		var chunks []string
		for i := range rapid.IntRange(1, 5).Draw(rt, "messages") {
			id := fmt.Sprintf("m-%04d", i)
			body := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(rt, "body")
			bodies[id] = body
			chunks = append(chunks, chop(rt, p, id, body)...)
		}
		chunks = rapid.Permutation(chunks).Draw(rt, "order")
		stream := strings.Join(chunks, "")
		for len(stream) > 0 {
			n := rapid.IntRange(1, len(stream)).Draw(rt, "cut")
			p.write(stream[:n])
			stream = stream[n:]
		}
		for range len(bodies) {
			m := arrived(h)
			if want, ok := bodies[m.id]; !ok || !bytes.Equal(m.body, want) || m.duplicate {
				rt.Fatalf("message %s differs: %d octets of %d", m.id, len(m.body), len(want))
			}
			delete(bodies, m.id)
		}
		h.nothing()
		balanced(t, r, s)
		p.nc.Close()
	})
}

// arrival is a message that came, in one way or the other.
type arrival struct {
	id        string
	body      []byte
	duplicate bool
	success   bool
	failure   msrp.FailureReport
}

// arrived takes the next message that is not bodiless, and reads and accepts it if it is a stream.
func arrived(h *recorder) arrival {
	h.t.Helper()
	for {
		switch m := next[any](h).(type) {
		case *msrp.Received:
			if !m.Bodiless {
				return arrival{m.MessageID, m.Body, m.Duplicate, m.SuccessReport, m.FailureReport}
			}
		case *msrp.Incoming:
			b, err := io.ReadAll(m)
			if err != nil {
				h.t.Fatal(err)
			}
			m.Accept()
			return arrival{m.MessageID, b, m.Duplicate, m.SuccessReport, m.FailureReport}
		default:
			h.t.Fatalf("got %T %+v", m, m)
		}
	}
}

// chop cuts a message into chunks.
func chop(rt *rapid.T, p *rawPeer, id string, body []byte) (chunks []string) {
	at := 0
	for {
		n := len(body) - at
		if n > 1 {
			n = rapid.IntRange(1, n).Draw(rt, "chunk")
		}
		end := fmt.Sprint(at + n)
		total := fmt.Sprint(len(body))
		if rapid.Bool().Draw(rt, "end star") && n > 0 {
			end = "*"
		}
		if rapid.Bool().Draw(rt, "total star") {
			total = "*"
		}
		flag := "+"
		if at+n == len(body) {
			flag = "$"
		}
		_, req := p.chunk(id, fmt.Sprintf("%d-%s/%s", at+1, end, total), string(body[at:at+n]), flag, "Failure-Report: no")
		chunks = append(chunks, req)
		if at += n; flag == "$" {
			return chunks
		}
	}
}

// TestSendAnything: whatever is sent by one endpoint arrives at another, in order, and gets its fate.
func TestSendAnything(t *testing.T) {
	for _, cfg := range []msrp.Config{{}, {ChunkSize: 100, Window: 2}, {ChunkSize: 1 << 20, Interruptible: true}} {
		r := newRig(t, cfg)
		rapid.Check(t, func(rt *rapid.T) {
			a, ha := r.session()
			var change []func(*msrp.SessionConfig)
			if rapid.Bool().Draw(rt, "streams") {
				change = append(change, streams)
			}
			b, hb := r.session(change...)
			defer a.Close()
			defer b.Close()
			a.SetPeer(msrp.Peer{Path: b.Path(), Accept: msrp.Types{"*"}})
			b.SetPeer(msrp.Peer{Path: a.Path(), Accept: msrp.Types{"*"}})
			if err := a.Connect(t.Context()); err != nil {
				rt.Fatal(err)
			}
			type sent struct {
				m  msrp.Outgoing
				id string
			}
			var all []sent
			for range rapid.IntRange(1, 20).Draw(rt, "messages") {
				m := msrp.Outgoing{
					ContentType:   "text/plain",
					Body:          rapid.SliceOfN(rapid.Byte(), 0, 10_000).Draw(rt, "body"),
					SuccessReport: rapid.Bool().Draw(rt, "success"),
					FailureReport: rapid.SampledFrom([]msrp.FailureReport{msrp.FailureYes, msrp.FailurePartial, msrp.FailureNo}).Draw(rt, "failure"),
				}
				out := m
				switch rapid.IntRange(0, 2).Draw(rt, "as stream") {
				case 1:
					out.Stream, out.Body = bytes.NewReader(m.Body), nil
				case 2:
					out.Stream, out.Size, out.Body = iotest.HalfReader(bytes.NewReader(m.Body)), int64(len(m.Body)), nil
				}
				all = append(all, sent{m, send(t, a, out)})
			}
			for range all {
				m := arrived(hb) // those whose readers are slow are overtaken
				i := slices.IndexFunc(all, func(s sent) bool { return s.id == m.id })
				if i < 0 {
					rt.Fatalf("got %s", m.id)
				}
				want := all[i].m
				if !bytes.Equal(m.body, want.Body) || m.success != want.SuccessReport || m.failure != want.FailureReport || m.duplicate {
					rt.Fatalf("%s differs: %d octets of %d", m.id, len(m.body), len(want.Body))
				}
			}
			balanced(t, r, b)
			for left := slices.Clone(all); len(left) > 0; {
				switch e := (<-ha.events).(type) {
				case msrp.Fate:
					i := slices.IndexFunc(left, func(s sent) bool { return s.id == e.MessageID })
					if i < 0 {
						rt.Fatalf("a second fate: %+v", e)
					}
					want := msrp.Delivered
					switch m := left[i].m; {
					case m.SuccessReport:
						want = msrp.Reported
					case m.FailureReport != msrp.FailureYes:
						want = msrp.Written
					}
					if e.Kind != want {
						rt.Fatalf("got %+v, want %v", e, want)
					}
					left = slices.Delete(left, i, i+1)
				case msrp.Report:
				default:
					rt.Fatalf("got %T %+v", e, e)
				}
			}
		})
	}
}
