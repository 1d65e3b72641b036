package peer

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// DNS is a DNS server on loopback, UDP and TCP. What it does not know does not exist.
type DNS struct {
	Addr string // host:port

	udp *net.UDPConn
	tcp net.Listener

	mu       sync.Mutex
	records  map[string][]dnsmessage.Resource // by name in lower case
	truncate bool
	silent   bool
	asked    []string
	running  sync.WaitGroup
	conns    []net.Conn
}

const (
	typeNAPTR = dnsmessage.Type(35)
	dnsTTL    = 60
)

// NewDNS starts a server that ends with the test.
func NewDNS(t testing.TB) *DNS {
	t.Helper()
	d := &DNS{records: map[string][]dnsmessage.Resource{}}
	for range 20 { // a port that is free for both
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		d.Addr = l.Addr().String()
		if d.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(d.Addr))); err == nil {
			d.tcp = l
			break
		}
		l.Close()
	}
	if d.tcp == nil {
		t.Fatal("no port that is free for UDP and TCP")
	}
	d.running.Go(d.datagrams)
	d.running.Go(d.streams)
	t.Cleanup(func() {
		d.udp.Close()
		d.tcp.Close()
		d.mu.Lock()
		for _, c := range d.conns {
			c.Close()
		}
		d.mu.Unlock()
		d.running.Wait()
	})
	return d
}

// A adds an address record, of IPv4 or IPv6.
func (d *DNS) A(name, addr string) *DNS {
	a := netip.MustParseAddr(addr)
	if a.Is4() {
		return d.add(name, dnsmessage.TypeA, &dnsmessage.AResource{A: a.As4()})
	}
	return d.add(name, dnsmessage.TypeAAAA, &dnsmessage.AAAAResource{AAAA: a.As16()})
}

// SRV adds an SRV record.
func (d *DNS) SRV(name string, priority, weight, port uint16, target string) *DNS {
	return d.add(name, dnsmessage.TypeSRV, &dnsmessage.SRVResource{
		Priority: priority, Weight: weight, Port: port, Target: dnsmessage.MustNewName(dot(target)),
	})
}

// NAPTR adds a NAPTR record with flag s.
func (d *DNS) NAPTR(name string, order, preference uint16, service, replacement string) *DNS {
	b := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, order), preference)
	for _, s := range []string{"s", service, ""} {
		b = append(append(b, byte(len(s))), s...)
	}
	for label := range strings.SplitSeq(dot(replacement), ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return d.add(name, typeNAPTR, &dnsmessage.UnknownResource{Type: typeNAPTR, Data: b})
}

// CNAME adds an alias.
func (d *DNS) CNAME(name, target string) *DNS {
	return d.add(name, dnsmessage.TypeCNAME, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(dot(target))})
}

// Truncate makes the server send answers by TCP only.
func (d *DNS) Truncate() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.truncate = true
}

// Silence makes the server answer nobody.
func (d *DNS) Silence() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silent = true
}

// Asked lists the questions so far, as "TYPE name".
func (d *DNS) Asked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.asked...)
}

func dot(name string) string { return strings.TrimSuffix(name, ".") + "." }

func (d *DNS) add(name string, kind dnsmessage.Type, body dnsmessage.ResourceBody) *DNS {
	h := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(dot(name)), Type: kind, Class: dnsmessage.ClassINET, TTL: dnsTTL}
	d.mu.Lock()
	defer d.mu.Unlock()
	key := strings.ToLower(dot(name))
	d.records[key] = append(d.records[key], dnsmessage.Resource{Header: h, Body: body})
	return d
}

func (d *DNS) datagrams() {
	b := make([]byte, 1<<16)
	for {
		n, from, err := d.udp.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if a := d.answer(b[:n], true); a != nil {
			_, _ = d.udp.WriteToUDPAddrPort(a, from)
		}
	}
}

func (d *DNS) streams() {
	for {
		c, err := d.tcp.Accept()
		if err != nil {
			return
		}
		d.mu.Lock()
		d.conns = append(d.conns, c)
		d.mu.Unlock()
		d.running.Go(func() { d.stream(c) })
	}
}

func (d *DNS) stream(c net.Conn) {
	defer c.Close()
	for {
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		b := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		if a := d.answer(b, false); a != nil {
			_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...))
		}
	}
}

// answer makes the answer to a question; nil: none.
func (d *DNS) answer(b []byte, datagram bool) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	name := strings.ToLower(q.Name.String())
	kind := strings.TrimPrefix(q.Type.String(), "Type")
	if q.Type == typeNAPTR {
		kind = "NAPTR"
	}
	if datagram {
		d.asked = append(d.asked, kind+" "+strings.TrimSuffix(name, "."))
	}
	if d.silent {
		return nil
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: h.ID, Response: true, RecursionDesired: h.RecursionDesired, RecursionAvailable: true},
		Questions: []dnsmessage.Question{q},
	}
	known, found := d.records[name]
	if !found {
		m.RCode = dnsmessage.RCodeNameError
	}
	for len(known) > 0 {
		next := ""
		for _, r := range known {
			alias, isAlias := r.Body.(*dnsmessage.CNAMEResource)
			if r.Header.Type == q.Type || isAlias {
				m.Answers = append(m.Answers, r)
			}
			if isAlias {
				next = strings.ToLower(alias.CNAME.String())
			}
		}
		known = d.records[next]
	}
	if datagram && d.truncate {
		m.Truncated, m.Answers = true, nil
	}
	if len(m.Answers) == 0 {
		m.Authorities = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("."), Type: dnsmessage.TypeSOA, Class: dnsmessage.ClassINET, TTL: dnsTTL},
			Body:   &dnsmessage.SOAResource{NS: dnsmessage.MustNewName("ns."), MBox: dnsmessage.MustNewName("nobody."), MinTTL: dnsTTL},
		}}
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}
