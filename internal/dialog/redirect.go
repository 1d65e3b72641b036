package dialog

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-msrp/parley/internal/sip"
)

// maxContacts bounds the Contacts of one 3xx that are looked at.
const maxContacts = 32

// redirects are where an own INVITE has been sent on to (RFC 3261 §8.1.3.4; S-038).
type redirects struct {
	tried    []string    // URIs, as they are compared
	pending  []candidate // the best one first
	followed int
}

type candidate struct {
	uri sip.URI
	q   float64
}

// Contacts lists the URIs that a 3xx names, the best one first; for people and applications to call.
func Contacts(m *sip.Message) []string {
	all := candidates(m)
	uris := make([]string, len(all))
	for i, c := range all {
		uris[i] = c.uri.String()
	}
	return uris
}

// candidates reads the Contacts of a 3xx: SIP URIs that an INVITE can go to, by q (RFC 3261 §20.10), where there is none as 1.
func candidates(m *sip.Message) []candidate {
	var all []candidate
	for _, value := range m.List("Contact") {
		a, err := sip.ParseAddress(value)
		if err != nil || !a.URI.IsSIP() {
			continue
		}
		if method, ok := a.URI.Param("method"); ok && !strings.EqualFold(method, "INVITE") {
			continue
		}
		c := candidate{uri: a.URI, q: 1}
		if text, ok := a.Param("q"); ok {
			if c.q, err = strconv.ParseFloat(text, 64); err != nil || !(c.q >= 0 && c.q <= 1) {
				c.q = 0
			}
		}
		c.uri.Header = "" // what it would add to the INVITE is not the peer's business
		if all = append(all, c); len(all) == maxContacts {
			break
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.q, a.q) })
	return all
}

// elsewhere sends the INVITE to the next URI that a 3xx named, after one that failed; false if there is none, or none is to be tried.
func (o *outgoing) elsewhere(end End) bool {
	d := o.d
	if d.e.cfg.MaxRedirects == 0 || end.Code >= 600 {
		return false // RFC 3261 §21.6: nobody else would take it
	}
	r := &o.redirects
	if r.tried == nil {
		r.tried = []string{canonical(d.target)}
	}
	secure := strings.HasPrefix(canonical(d.target), "sips:")
	// 305 and 380 name no other place for the same call.
	if m := end.Message; m != nil && m.Status < 400 && m.Status != 305 && m.Status != 380 {
		r.pending = slices.Concat(candidates(m), r.pending)
		r.pending = r.pending[:min(len(r.pending), maxContacts)]
	}
	for len(r.pending) > 0 && r.followed < d.e.cfg.MaxRedirects {
		next := r.pending[0].uri
		r.pending = r.pending[1:]
		target := requestTarget(next)
		// RFC 3261 §8.1.3.4: never from sips to anything else without asking.
		if key := canonical(target); !slices.Contains(r.tried, key) && (!secure || next.Scheme == "sips") && d.e.canReach(next.Scheme) == nil {
			r.tried = append(r.tried, key)
			r.followed++
			o.redirect(strings.Clone(target))
			return true
		}
	}
	return false
}

// canonical is a URI as it is compared with others here: two spellings of one count as two at worst.
func canonical(uri string) string { return strings.ToLower(uri) }

// redirect sends the INVITE to another target, as a request of its own: From, To and Call-ID stay.
func (o *outgoing) redirect(target string) {
	d := o.d
	d.target = target
	d.setRemoteTag("") // that of an early dialog with whoever refused
	d.sequenced = false
	o.seq = d.nextSeq()
	if w := d.wallet(); w != nil {
		*w = wallet{} // what was proved to one server is not shown to another
	}
	o.req = o.newAttempt()
	o.req.begin(o.ctx, &d.leg)
}
