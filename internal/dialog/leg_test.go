package dialog

import (
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/sip"
)

func TestRoute(t *testing.T) {
	const target = "sip:peer@192.0.2.9:5070;transport=tcp"
	for _, x := range []struct {
		name, target, set          string
		requestURI, routes, hopURI string
	}{
		{"no route", target, "", target, "", target},
		{
			"loose first hop", target, `<sip:p1;lr>|"P" <sip:p2;lr;x=1>;y=2`,
			target, `<sip:p1;lr>|"P" <sip:p2;lr;x=1>;y=2`, "sip:p1;lr",
		},
		{
			"strict first hop", target, "<sip:p1;x=1>|<sip:p2;lr>",
			"sip:p1;x=1", "<sip:p2;lr>|<" + target + ">", "sip:p1;x=1",
		},
		{
			"what a Request-URI must not have is left out", "sip:peer@192.0.2.9;method=INVITE;x=1?Subject=y", "",
			"sip:peer@192.0.2.9;x=1", "", "sip:peer@192.0.2.9;method=INVITE;x=1?Subject=y",
		},
	} {
		t.Run("S-010/"+x.name, func(t *testing.T) {
			var set []string
			if x.set != "" {
				set = strings.Split(x.set, "|")
			}
			requestURI, routes, hop, err := route(x.target, set)
			if err != nil || requestURI != x.requestURI || strings.Join(routes, "|") != x.routes || hop.String() != x.hopURI {
				t.Errorf("got %q, %q, %q, %v", requestURI, routes, hop.String(), err)
			}
		})
	}
	for _, set := range []string{"", "<sip:p1"} {
		if _, _, _, err := route("", []string{set}); err == nil {
			t.Errorf("no error for %q", set)
		}
	}
}

func FuzzRoute(f *testing.F) {
	f.Add("sip:a@b;method=x", "<sip:p;lr>")
	f.Add("sip:a@b?x=y", "<sip:p;method=INVITE>")
	f.Add("tel:1", "")
	f.Fuzz(func(t *testing.T, target, first string) {
		l := leg{callID: "c", local: "<sip:a@b>;tag=1", remote: "<sip:c@d>;tag=2", target: target}
		if first != "" {
			l.routes = []string{first}
		}
		l.keep()
		if l.target != target || l.callID != "c" || l.remote != "<sip:c@d>;tag=2" {
			t.Errorf("kept %+v", l)
		}
		m, hop, err := l.newRequest("BYE", 1)
		if err == nil && (m.RequestURI == "" && target != "" || hop == sip.URI{}) {
			t.Errorf("%q goes to %v", m.RequestURI, hop)
		}
	})
}
