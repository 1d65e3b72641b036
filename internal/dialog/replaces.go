package dialog

import (
	"net/netip"
	"strings"

	"github.com/parley-msrp/parley/internal/sip"
)

// Replacing says which INVITEs may put a call of theirs in the place of an established one (RFC 3891; S-044).
type Replacing uint8

// The policies.
const (
	ReplacingOff    Replacing = iota // none: the extension is not spoken, and a bare Replaces is ignored
	ReplacingSource                  // those that come from the address that the peer of the established call is at, which is a proxy's where one is between
	ReplacingAny                     // those that name the Call-ID and both tags
)

// replaces is the value of that header.
type replaces struct {
	callID, localTag, remoteTag string
	earlyOnly                   bool
}

// readReplaces reads the header; false if it is broken.
func readReplaces(value string) (r replaces, ok bool) {
	id, params, _ := strings.Cut(value, ";")
	r.callID = strings.TrimSpace(id)
	tags := 0
	for p := range strings.SplitSeq(params, ";") {
		name, v, _ := strings.Cut(p, "=")
		v = strings.TrimSpace(v)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "to-tag": // of whoever the INVITE comes to
			r.localTag = v
			tags++
		case "from-tag":
			r.remoteTag = v
			tags++
		case "early-only":
			r.earlyOnly = true
		}
	}
	return r, tags == 2 && r.callID != "" && r.localTag != "" && r.remoteTag != ""
}

// replaced finds the dialog that a new INVITE is to replace; nil if it names none. A refused INVITE changes nothing there (RFC 3891 §3).
func (e *Endpoint) replaced(m *sip.Message, from netip.Addr) (*Dialog, *Refusal) {
	if e.cfg.Replacing == ReplacingOff || !m.Has("Replaces") {
		return nil, nil
	}
	rows := m.List("Replaces")
	if len(rows) != 1 || m.Has("Join") {
		return nil, &Refusal{Code: 400, Reason: "More Than One Replaces"}
	}
	r, ok := readReplaces(rows[0])
	if !ok {
		return nil, &Refusal{Code: 400, Reason: "Broken Replaces"}
	}
	d := e.table.find(r.callID, r.localTag)
	if d == nil {
		return nil, noDialog()
	}
	d.tasks.mu.Lock()
	tag, stands, peer := d.remoteTag, d.stands, d.peerAddr
	d.tasks.mu.Unlock()
	switch {
	case tag != r.remoteTag && (tag != "" || r.remoteTag != "0"): // §3: 0 stands for no tag as well
		return nil, noDialog()
	case !stands:
		// An early dialog has nothing that could move yet.
		return nil, noDialog()
	case e.cfg.Replacing == ReplacingSource && peer != from.Unmap():
		return nil, &Refusal{Code: 403}
	case r.earlyOnly:
		return nil, &Refusal{Code: 486}
	}
	return d, nil
}

// standing notes that the dialog is established, or no more, and where the peer is. For tasks; INVITEs that come look at it meanwhile.
func (d *Dialog) standing(stands bool) {
	d.tasks.mu.Lock()
	defer d.tasks.mu.Unlock()
	d.stands = stands
}

// isAt notes the address that the peer sends from.
func (d *Dialog) isAt(a netip.Addr) {
	d.tasks.mu.Lock()
	defer d.tasks.mu.Unlock()
	d.peerAddr = a.Unmap()
}

// Replaces is the dialog that this INVITE is to replace, which the peer may do; nil: none. Whoever accepts the INVITE ends that dialog.
func (in *Incoming) Replaces() *Dialog { return in.replaces }

// Claim decides that the INVITE is to be accepted, so that the Accept that must follow does not fail: for whoever cannot take back what
// goes before. ErrOver as from Accept.
func (in *Incoming) Claim() error {
	if !in.settle() {
		return ErrOver
	}
	in.claimed = true
	return nil
}
