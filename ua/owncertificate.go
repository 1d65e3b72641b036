package ua

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"sync"

	"github.com/parley-msrp/parley/msrp"
)

// maxFormer is how many replaced certificates are kept at most.
const maxFormer = 4

// ownCertificate is the certificate that MSRP connections are secured with. When it is replaced, sessions may be under way whose descriptions say the former
// one and that have no connection yet. A TLS server cannot tell which session a client comes for, so the former one is shown until they all have
// their connection or are over; descriptions that are made meanwhile say both (RFC 8122 §5: several fingerprints of one hash are of several certificates).
// Safe for concurrent use.
type ownCertificate struct {
	source   func() (*tls.Certificate, error)
	sessions *table

	mu     sync.Mutex
	now    *tls.Certificate
	former []replaced // oldest first
}

// A replaced certificate, and the sessions that wait for a connection with it.
type replaced struct {
	certificate *tls.Certificate
	waiting     []*Session
}

var errNoLeaf = errors.New("the certificate is empty")

// look finds out what there is now. Holding o.mu.
func (o *ownCertificate) look() error {
	c, err := o.source()
	switch {
	case err != nil:
		return err
	case len(c.Certificate) == 0:
		return errNoLeaf
	}
	if o.now != nil && !bytes.Equal(o.now.Certificate[0], c.Certificate[0]) {
		o.former = append(o.former, replaced{o.now, o.sessions.list()})
		o.former = o.former[max(0, len(o.former)-maxFormer):]
	}
	o.now = c
	for i := range o.former {
		f := &o.former[i]
		f.waiting = slices.DeleteFunc(f.waiting, func(s *Session) bool {
			return s.described != f.certificate || s.media.Connected() || o.sessions.get(s.ID()) != s
		})
	}
	o.former = slices.DeleteFunc(o.former, func(f replaced) bool { return len(f.waiting) == 0 })
	return nil
}

// shown is what a handshake shows.
func (o *ownCertificate) shown() (*tls.Certificate, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.look(); err != nil {
		return nil, err
	}
	if len(o.former) > 0 {
		return o.former[0].certificate, nil
	}
	return o.now, nil
}

// describe gives the fingerprints of the certificates that may be shown to the peer of a session.
func (o *ownCertificate) describe(s *Session) ([]msrp.Fingerprint, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.look(); err != nil {
		return nil, err
	}
	s.described = o.now
	all, err := fingerprintsOf(o.now)
	for _, f := range o.former {
		more, wrong := fingerprintsOf(f.certificate)
		all, err = append(all, more...), errors.Join(err, wrong)
	}
	return all, err
}

func fingerprintsOf(c *tls.Certificate) ([]msrp.Fingerprint, error) {
	leaf := c.Leaf
	if leaf == nil {
		var err error
		if leaf, err = x509.ParseCertificate(c.Certificate[0]); err != nil {
			return nil, err
		}
	}
	return msrp.FingerprintsOf(leaf), nil
}
