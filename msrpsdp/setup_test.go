package msrpsdp_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

func TestSetup(t *testing.T) {
	t.Run("X-001/read from line and description", func(t *testing.T) {
		for _, c := range []struct{ session, line, want string }{
			{"", "", ""},
			{"", "active", "active"},
			{"", " ActPass ", "actpass"},
			{"passive", "", "passive"},
			{"passive", "active", "active"},
			{"", "holdconn", ""},
			{"passive", "holdconn", ""},
			{"", "nonsense", ""},
		} {
			h, l := head, message()
			if c.session != "" {
				h += "a=setup:" + c.session + "\r\n"
			}
			if c.line != "" {
				l += "a=setup:" + c.line + "\r\n"
			}
			if got := first(t, h+l).Setup; got != c.want {
				t.Errorf("%q, %q: %q, want %q", c.session, c.line, got, c.want)
			}
		}
	})
	t.Run("X-003/answered", func(t *testing.T) {
		for offered, want := range map[string][2]string{ // behind a NAT, reachable
			"": {"passive", "passive"}, "active": {"passive", "passive"}, "passive": {"active", "active"}, "actpass": {"active", "passive"},
		} {
			for i, reachable := range []bool{false, true} {
				if got := msrpsdp.AnsweredSetup(offered, reachable); got != want[i] {
					t.Errorf("%q, reachable %v: %s, want %s", offered, reachable, got, want[i])
				}
			}
		}
	})
	t.Run("X-008/who connects", func(t *testing.T) {
		for _, c := range []struct {
			own, peer string
			offerer   bool
			want      bool
		}{
			{"actpass", "", true, true},
			{"actpass", "active", true, false},
			{"actpass", "passive", true, true},
			{"actpass", "actpass", true, true},
			{"active", "active", true, true},
			{"active", "passive", true, true},
			{"passive", "actpass", false, false},
			{"passive", "", false, false},
			{"active", "passive", false, true},
			{"active", "actpass", false, true},
		} {
			if got := msrpsdp.Connects(c.own, c.peer, c.offerer); got != c.want {
				t.Errorf("%+v: %v", c, got)
			}
		}
	})
}

func TestFits(t *testing.T) {
	asked := map[string]int{}
	names := map[string][]string{
		"two.example": {"192.0.2.7", "192.0.2.8"}, "six.example": {"2001:db8::1"}, "mapped.example": {"::ffff:192.0.2.7"},
	}
	lookup := func(_ context.Context, host string) ([]netip.Addr, error) {
		asked[host]++
		var all []netip.Addr
		for _, s := range names[host] {
			all = append(all, netip.MustParseAddr(s))
		}
		if all == nil {
			return nil, errors.New("no such host")
		}
		return all, nil
	}
	for _, c := range []struct {
		name, c, m, path string
		more             []string
		want             msrpsdp.Fit
	}{
		{"the same", "IP4 192.0.2.7", "9000", "msrp://192.0.2.7:9000/x;tcp", nil, msrpsdp.Fits},
		{"any URI of the path", "IP4 192.0.2.7", "9000", "msrp://192.0.2.1:1/r;tcp msrp://192.0.2.7:9000/x;tcp", nil, msrpsdp.Fits},
		{"another address", "IP4 192.0.2.9", "9000", "msrp://192.0.2.7:9000/x;tcp", nil, msrpsdp.Differs},
		{"another port", "IP4 192.0.2.7", "9001", "msrp://192.0.2.7:9000/x;tcp", nil, msrpsdp.Differs},
		{"port as number", "IP4 192.0.2.7", "09000", "msrp://192.0.2.7:9000/x;tcp", nil, msrpsdp.Fits},
		{"IPv6 by value", "IP6 2001:db8:0::1", "9000", "msrp://[2001:db8::0:1]:9000/x;tcp", nil, msrpsdp.Fits},
		{"names in any case", "IP4 Host.Example", "9000", "msrp://hOST.example:9000/x;tcp", nil, msrpsdp.Fits},
		{"the second record of a name", "IP4 192.0.2.8", "9000", "msrp://two.example:9000/x;tcp", nil, msrpsdp.Fits},
		{"no record of a name", "IP4 192.0.2.9", "9000", "msrp://two.example:9000/x;tcp", nil, msrpsdp.Differs},
		{"a name in c=", "IP4 two.example", "9000", "msrp://192.0.2.8:9000/x;tcp", nil, msrpsdp.Fits},
		{"a name of IPv6", "IP6 2001:db8::1", "9000", "msrp://six.example:9000/x;tcp", nil, msrpsdp.Fits},
		{"mapped to IPv6", "IP4 192.0.2.7", "9000", "msrp://mapped.example:9000/x;tcp", nil, msrpsdp.Fits},
		{"a name without records", "IP4 192.0.2.7", "9000", "msrp://none.example:9000/x;tcp", nil, msrpsdp.Unclear},
		{".invalid", "IP4 192.0.2.7", "9000", "msrp://a.invalid:9000/x;tcp", nil, msrpsdp.Unclear},
		{".INVALID.", "IP4 192.0.2.7", "9000", "msrp://a.INVALID.:1/x;tcp", nil, msrpsdp.Unclear},
		{"port 9 of an active side", "IP4 192.0.2.7", "9", "msrp://192.0.2.7:7777/x;tcp", []string{"a=setup:active"}, msrpsdp.Fits},
		{"port 9 of another side", "IP4 192.0.2.7", "9", "msrp://192.0.2.7:7777/x;tcp", []string{"a=setup:actpass"}, msrpsdp.Differs},
		{"of the line", "IP4 192.0.2.9", "9000", "msrp://192.0.2.7:9000/x;tcp", []string{"c=IN IP4 192.0.2.7/127"}, msrpsdp.Fits},
	} {
		t.Run("X-017/"+c.name, func(t *testing.T) {
			s := strings.Replace(head, "c=IN IP4 192.0.2.1", "c=IN "+c.c, 1) +
				mline(append([]string{"m=message " + c.m + " TCP/MSRP *", "a=accept-types:*", "a=path:" + c.path}, c.more...)...)
			if got := first(t, s).Fits(t.Context(), lookup); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
	for host := range asked {
		if strings.HasSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), "invalid") {
			t.Errorf("X-017: %s was looked up", host)
		}
	}
	if got := first(t, strings.Replace(head, "192.0.2.1\r\nt", "192.0.2.8\r\nt", 1)+mline("m=message 9 TCP/MSRP *", "a=accept-types:*", "a=path:msrp://two.example:9/x;tcp")).Fits(t.Context(), nil); got != msrpsdp.Unclear {
		t.Errorf("without look-ups: %d", got)
	}
}

func TestCEMA(t *testing.T) {
	relayed := local(t, "msrp://relay.example:2855/r;tcp", "msrp://me.example:12855/ab;tcp")
	relayed.CEMA, relayed.Setup = true, msrpsdp.SetupActpass
	got := string(msrpsdp.Offer(relayed).Bytes())
	for _, want := range []string{"c=IN IP4 relay.example\r\n", "m=message 2855 ", "a=setup:actpass\r\na=msrp-cema\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("X-016: %q is missing in\n%s", want, got)
		}
	}
	if !first(t, head+message("a=msrp-cema")).CEMA || first(t, head+"a=msrp-cema\r\n"+message()).CEMA {
		t.Error("D-022: a=msrp-cema counts for its line alone")
	}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name                     string
		peer, peerWrapped, types string
		accept, wrapped          string // of the answer
		refused                  bool
	}{
		{"as they are", "*", "", "text/plain", "text/plain", "", false},
		{"G-001/the usual types, message/cpim first", "message/cpim application/im-iscomposing+xml", "text/plain *", "text/plain *", "message/cpim text/plain *", "", false},
		{"G-001/put first", "Message/CPIM", "*", "text/plain message/cpim", "message/cpim text/plain", "", false},
		{"G-001/first already", "message/cpim", "*", "message/cpim text/plain", "message/cpim text/plain", "", false},
		{"G-001/text alone, which the peer takes wrapped", "message/cpim", "text/plain message/imdn+xml *", "text/plain", "message/cpim", "text/plain", false},
		{"G-001/one type bare, one wrapped", "message/cpim application/x", "text/plain", "text/plain application/x", "message/cpim application/x", "text/plain application/x", false},
		{"not first, but in no other way", "text/html message/cpim", "text/plain", "text/plain", "message/cpim", "text/plain", false},
		{"bare is enough", "message/cpim text/plain", "", "text/plain", "text/plain", "", false},
		{"D-009/containers alone", "*", "", "message/cpim", "message/cpim", "*", false},
		{"D-007/nothing in common", "message/cpim", "text/html", "text/plain", "", "", true},
		{"D-007/wrapped in nothing that is known", "text/html", "text/plain", "text/plain", "", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := []string{"m=message 9000 TCP/MSRP *", "a=accept-types:" + c.peer, "a=path:msrp://192.0.2.1:9000/peer;tcp"}
			if c.peerWrapped != "" {
				lines = append(lines, "a=accept-wrapped-types:"+c.peerWrapped)
			}
			l := first(t, head+mline(lines...))
			types, err := msrp.ParseTypes(c.types)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Refuses(types); (err != nil) != c.refused {
				t.Fatalf("refused: %v", err)
			}
			if c.refused {
				return
			}
			accept, wrapped := l.Answers(types)
			if diff := cmp.Diff([]string{c.accept, c.wrapped}, []string{accept.String(), wrapped.String()}); diff != "" {
				t.Error(diff)
			}
		})
	}
}
