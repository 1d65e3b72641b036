package dialog

import (
	"crypto/sha256"
	"net/netip"

	"github.com/parley-msrp/parley/internal/sip"
)

// phase is how far a dialog is.
type phase uint8

const (
	ringing     phase = iota // called: no final response yet
	calling                  // caller: no final response yet
	accepted                 // called: the 200 went, its ACK is missing
	acking                   // caller: the 2xx came, the ACK is on its way
	established              // the ACK was received or sent
	closing                  // the BYE is on its way
	over
)

// Dialog is one call leg. Safe for concurrent use. What is not said to be constant is touched by its tasks only.
type Dialog struct {
	leg             // Call-ID and own tag are constant
	e     *Endpoint // constant
	tasks serial
	owner Owner // nil: not known yet, or told the end

	user           string // whose call it is, by Config.Guard; constant
	caller         bool   // constant
	phase          phase
	wasEstablished bool
	stands         bool       // established, and nobody has ended it; guarded by the serial
	sequenced      bool       // remoteSeq is known
	peerUpdates    bool       // the peer takes UPDATE
	counted        bool       // by the endpoint's admission, which guards this, inSetup and source
	inSetup        bool       // and that as one in set-up
	wishes         uint8      // of Modify, not done yet; guarded by the serial
	remoteSeq      uint32     // CSeq of the peer's last request
	source         *source    // of those that it is counted with; nil: sources are not counted
	contact        string     // own Contact value; "": the endpoint's
	peerAddr       netip.Addr // where the peer sends from; guarded by the serial

	in    *Incoming       // while ringing
	out   *outgoing       // while calling or acking
	acks  []*unackedFinal // 2xx of ours that wait for their ACK
	bye   *attempt        // while closing
	leave *leaving        // End was called, or the like, before a BYE was possible

	open      *modification // the own re-INVITE or UPDATE that is on its way
	seldom    *seldom       // nil: nothing of it
	timer     sessionTimer
	unpracked rack // of the reliable provisional response that had no PRACK when the 200 went

	ownSDP  []byte            // the last session description sent
	peerSDP [sha256.Size]byte // of the last one received
}

// seldom is what most dialogs never have: there may be a hundred thousand that do nothing.
type seldom struct {
	wallet   wallet
	waiting  []*modification // those whose turn has not come
	referral *Referral       // of the peer's, that is not done
}

// more is what the dialog has of it, to be changed.
func (d *Dialog) more() *seldom {
	if d.seldom == nil {
		d.seldom = &seldom{}
	}
	return d.seldom
}

// wallet is what requests of the dialog answer challenges with; nil: nothing.
func (d *Dialog) wallet() *wallet {
	if len(d.e.cfg.Credentials) == 0 {
		return nil
	}
	return &d.more().wallet
}

// CallID is the SIP Call-ID.
func (d *Dialog) CallID() string { return d.callID }

// LocalTag is the own tag.
func (d *Dialog) LocalTag() string { return d.localTag }

// RemoteTag is the peer's tag, "" until known (and where the peer sends none).
func (d *Dialog) RemoteTag() string {
	d.tasks.mu.Lock()
	defer d.tasks.mu.Unlock()
	return d.remoteTag
}

// setRemoteTag is for tasks; RemoteTag may be called meanwhile.
func (d *Dialog) setRemoteTag(tag string) {
	d.tasks.mu.Lock()
	defer d.tasks.mu.Unlock()
	d.remoteTag = tag
}

// Key names the dialog within the process; opaque.
func (d *Dialog) Key() string { return d.localTag }

// Caller says whether this side sent the INVITE.
func (d *Dialog) Caller() bool { return d.caller }

// register puts a new dialog in the table; false if there are too many already.
func (e *Endpoint) register(d *Dialog) bool {
	if !e.dialogs.enter(e.cfg.Limits.Dialogs) {
		return false
	}
	e.table.add(d)
	return true
}

// finish forgets the dialog and tells its owner. A task of the stack's, a timer's, or pushed.
func (d *Dialog) finish(end End) {
	if d.phase == over {
		return
	}
	d.phase = over
	d.standing(false)
	d.e.table.remove(d)
	for _, u := range d.acks {
		u.stop()
	}
	d.timer.stop()
	d.giveUpModifications()
	out := d.out
	d.in, d.out, d.acks, d.bye, d.leave, d.seldom = nil, nil, nil, nil, nil, nil
	if out != nil {
		out.stop()
	}
	d.e.admission.left(d)
	d.tell(end)
	d.e.dialogs.leave()
}

// tell tells the owner the end, unless it was told before.
func (d *Dialog) tell(end End) {
	o := d.owner
	d.owner = nil
	if o == nil {
		return
	}
	end.Established = d.wasEstablished
	if !end.Established {
		d.countCalling(end.Code)
	}
	o.Ended(d, end)
}

// establish tells the owner that the dialog works now. m is the message that made it so.
func (d *Dialog) establish(m *sip.Message) {
	d.phase, d.wasEstablished = established, true
	d.in, d.out = nil, nil
	d.standing(true)
	d.e.admission.stands(d)
	d.countCalling(200)
	d.owner.Established(d, m)
	d.proceed()
}

func digest(sdp []byte) [sha256.Size]byte { return sha256.Sum256(sdp) }
