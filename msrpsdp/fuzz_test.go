package msrpsdp_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

// FuzzParse holds that whatever is parsed can be answered, and that the answer is a description with the offer's lines.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/sdp/*.sdp")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	ours := local(f, "msrp://127.0.0.1:2855/ab;tcp")
	f.Fuzz(func(t *testing.T, b []byte) {
		offer, err := msrpsdp.Parse(b)
		if err != nil {
			return
		}
		locals := make([]*msrpsdp.Local, len(offer.Lines))
		usable := false
		for i := range offer.Lines {
			l := &offer.Lines[i]
			if l.Problem == nil && (!l.MSRP || l.Port == 0 || len(l.Path) == 0 || len(l.Accept) == 0) {
				t.Fatalf("line without problem lacks something: %+v", l)
			}
			usable = usable || l.Problem == nil && !l.TLS()
			locals[i] = &ours
		}
		answer, err := msrpsdp.Parse(msrpsdp.Answer(offer, locals).Bytes())
		if err != nil {
			t.Fatalf("own answer: %v", err)
		}
		if len(answer.Lines) != len(offer.Lines) || answer.Usable() != usable {
			t.Fatalf("%d lines answered by %d", len(offer.Lines), len(answer.Lines))
		}
		for i, l := range answer.Lines {
			if o := offer.Lines[i]; l.Media != o.Media || l.Proto != o.Proto || (l.Port != 0) != (o.Problem == nil && !o.TLS()) {
				t.Fatalf("%+v answered by %+v", o, l)
			}
		}
		_ = offer.Refusal()
		_ = msrpsdp.CheckAnswer(msrpsdp.Offer(ours), offer)
		_, _ = msrpsdp.Prefer(msrp.Types{"*"}, "text/plain")
	})
}
