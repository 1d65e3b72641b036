package dialog

import (
	"os"
	"testing"

	"github.com/parley-msrp/parley/internal/sip"
)

// FuzzState: what is read either cannot be restored, or makes a dialog whose state is read again and whose requests can be written.
func FuzzState(f *testing.F) {
	kept, err := os.ReadFile("testdata/state-2.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(kept)
	f.Add([]byte(`{"format":1,"routes":[["AA=="],null]}`))
	e := New(Config{}, nil)
	f.Fuzz(func(t *testing.T, written []byte) {
		s, err := readState(written)
		if err != nil {
			return
		}
		d := s.dialog(e, nil)
		if d.whole(s) != nil {
			return
		}
		if _, _, err := d.newRequest("BYE", d.nextSeq()); err != nil {
			t.Errorf("no BYE: %v", err)
		}
		if _, err := readState(d.state()); err != nil {
			t.Errorf("not read again: %v", err)
		}
	})
}

// FuzzRefer: a REFER is refused, or names a target and a Replaces that fit into an INVITE.
func FuzzRefer(f *testing.F) {
	f.Add("<sip:focus@192.0.2.7;transport=tcp?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&Subject=x>", "<sip:a@b>")
	f.Add("sip:a@b", "")
	e := New(Config{}, nil)
	f.Fuzz(func(t *testing.T, to, by string) {
		m := sip.NewRequest("REFER", "sip:a@b")
		m.Add("Refer-To", to)
		m.Add("Referred-By", by)
		r, refused := readReferral(m)
		if refused != nil {
			return
		}
		if u, err := sip.ParseURI(r.Target); err != nil || u.Scheme == "sip" && oneLine(r.Target) == r.Target {
			if _, err := e.legFor(Invite{RequestURI: r.Target, From: "sip:a@b", To: "<" + r.Target + ">"}); err != nil {
				t.Errorf("%q: %v", r.Target, err)
			}
		}
		if r.Replaces != "" && oneLine(r.Replaces) != r.Replaces {
			t.Errorf("Replaces %q", r.Replaces)
		}
	})
}
