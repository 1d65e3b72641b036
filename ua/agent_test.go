package ua_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/peer"
	"github.com/parley-msrp/parley/ua"
)

// TestExpired: MaxDuration ends a call from outside of it, no later than one sweep after it is due.
func TestExpired(t *testing.T) {
	const (
		lasts = 300 * time.Millisecond
		sweep = time.Second
	)
	h := newRecorder()
	c := answering(h, "text/plain")
	c.MaxDuration, c.CleanupInterval = lasts, sweep
	a := newAgent(t, c)
	d := newCaller(t, a, "text/plain", 1)
	d.call(t)
	s := h.session(t)
	began := time.Now()
	if left := s.Lifetime(); left <= 0 || left > lasts {
		t.Errorf("lifetime %v", left)
	}
	h.want(t, "established ACK", "ended: expired, 200 longest duration reached")
	// The sweep that is due comes within a second, that of the default interval within a minute; between them is time for a busy machine.
	if took := time.Since(began); took < lasts-50*time.Millisecond || took > 10*sweep {
		t.Errorf("ended after %v", took)
	}
	if reason := bye(t, d.Agent, d.Dialog); reason != `SIP;cause=200;text="longest duration reached"` {
		t.Errorf("Reason %q", reason)
	}
	forgotten(t, a)
	h.nothing(t)
}

// TestClose: every call hears its end, whatever it is at.
func TestClose(t *testing.T) {
	h, ringing, p := newRecorder(), newRecorder(), newCalled(t)
	a := newAgent(t, answering(h, "text/plain"))
	d := newCaller(t, a, "text/plain", 1)
	d.call(t)
	h.want(t, "established ACK")
	_, invite, out := p.start(t, a, ringing)
	out.Answer(t, invite, 180, "Ringing")

	closed := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		closed <- a.Close(ctx)
	}()
	if reason := bye(t, d.Agent, d.Dialog); reason != `SIP;cause=503;text="shutting down"` {
		t.Errorf("Reason %q", reason)
	}
	h.want(t, "ended: shutting down, 503 shutting down")
	ringing.want(t, "failed: shutting down, 503 shutting down")
	if _, r := d.Agent.NewDialog("bob").Call(t, limit, d.offer); r.Code() != 503 || r.Get("Retry-After") == "" {
		t.Errorf("a call meanwhile was answered %s", r.Start)
	}
	cancelled(t, p, invite, out)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if _, err := a.Start(ua.StartConfig{From: "sip:a@127.0.0.1", To: p.uri(), Handler: h}); !errors.Is(err, ua.ErrClosed) {
		t.Errorf("Start after Close: %v", err)
	}
	if err := a.Close(context.Background()); err != nil {
		t.Errorf("Close again: %v", err)
	}
	h.nothing(t)
	ringing.nothing(t)
}

// TestProfiles: the identity that is chosen shows in the session description, the Contact and the types.
func TestProfiles(t *testing.T) {
	config := ua.Config{
		Profile: ua.Profile{Contact: "sip:first@192.0.2.1"},
		Profiles: map[string]ua.Profile{
			"second": {MyURI: "msrp://second.example:1234;tcp", Contact: "sip:second@192.0.2.2", Types: []string{"text/html"}, MaxSize: 1000},
			"third":  {},
		},
	}
	for _, c := range []struct{ profile, path, contact, types, maxSize string }{
		{"", "msrp://127.0.0.1:", "<sip:first@192.0.2.1>", "text/plain *", ""},
		{"default", "msrp://127.0.0.1:", "<sip:first@192.0.2.1>", "text/plain *", ""},
		{"second", "msrp://second.example:1234/", "<sip:second@192.0.2.2>", "text/html", "1000"},
		{"third", "msrp://127.0.0.1:", "<sip:first@192.0.2.1>", "text/plain *", ""},
	} {
		check := func(t *testing.T, m *peer.Message) {
			l := peer.ParseSDP(m.Body).Media[0]
			types, _ := l.Attr("accept-types")
			size, _ := l.Attr("max-size")
			if !strings.HasPrefix(l.Path(), c.path) || m.Get("Contact") != c.contact+";+sip.message" || types != c.types || size != c.maxSize {
				t.Errorf("path %s, Contact %s, types %s, max-size %s; want %v", l.Path(), m.Get("Contact"), types, size, c)
			}
		}
		t.Run("answered as "+c.profile, func(t *testing.T) {
			config := config
			config.OnInvite = func(inv *ua.Invitation) {
				if c.profile != "" {
					if err := inv.Use(c.profile); err != nil {
						t.Error(err)
					}
				}
				_, _ = inv.Answer(ua.Quiet{})
			}
			d := newCaller(t, newAgent(t, config), "*", 1)
			_, r := d.Call(t, limit, d.offer)
			check(t, r)
		})
		t.Run("started as "+c.profile, func(t *testing.T) {
			a, p := newAgent(t, config), newCalled(t)
			s, err := a.Start(ua.StartConfig{From: "sip:a@127.0.0.1", To: p.uri(), Profile: c.profile, Handler: ua.Quiet{}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.End()
			check(t, p.sip.Request(t, limit, "INVITE"))
		})
	}
	t.Run("unknown", func(t *testing.T) {
		errs := make(chan error, 1)
		a := newAgent(t, ua.Config{OnInvite: func(inv *ua.Invitation) {
			errs <- inv.Use("nobody")
			_ = inv.Reject(404, "")
		}})
		d := newCaller(t, a, "*", 1)
		d.Call(t, limit, d.offer)
		if err := <-errs; err == nil || !strings.Contains(err.Error(), `"nobody"`) {
			t.Error(err)
		}
	})
}

// TestNew: what is wrong with a configuration is said, and nothing is left open.
func TestNew(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	sip, media := []string{"udp:127.0.0.1:0"}, []string{"tcp:127.0.0.1:0"}
	for _, c := range []struct {
		name   string
		config ua.Config
		want   string
	}{
		{"SIP port in use", ua.Config{SIPListen: []string{"tcp:" + taken}, MSRPListen: media}, "address already in use"},
		{"MSRP port in use", ua.Config{SIPListen: sip, MSRPListen: []string{"tcp:" + taken}}, "address already in use"},
		{"no protocol", ua.Config{SIPListen: []string{"127.0.0.1"}, MSRPListen: media}, "want PROTOCOL:HOST:PORT"},
		{"no port", ua.Config{SIPListen: []string{"udp:127.0.0.1"}, MSRPListen: media}, "want PROTOCOL:HOST:PORT"},
		{"unknown protocol", ua.Config{SIPListen: []string{"sctp:127.0.0.1:0"}, MSRPListen: media}, "want udp:HOST:PORT, tcp:HOST:PORT or tls:HOST:PORT"},
		{"TLS without a certificate", ua.Config{SIPListen: []string{"tls:127.0.0.1:0"}, MSRPListen: media}, "Config.TLS"},
		{"TLS without its function", ua.Config{SIPListen: sip, MSRPListen: media, TLS: &ua.TLS{}}, "Certificate is required"},
		{"outbound proxy of another scheme", ua.Config{SIPListen: sip, MSRPListen: media, OutboundProxy: "tel:1"}, "want a URI like sip:proxy.example.com"},
		{"outbound proxy that is no URI", ua.Config{SIPListen: sip, MSRPListen: media, OutboundProxy: "nonsense"}, "outbound proxy"},
		{"MSRP over UDP", ua.Config{SIPListen: sip, MSRPListen: []string{"udp:127.0.0.1:0"}}, "want tcp:HOST:PORT"},
		{"no my_uri", ua.Config{SIPListen: sip, MSRPListen: media, Profile: ua.Profile{MyURI: "sip:x"}}, "profile default"},
		{"my_uri of a session", ua.Config{SIPListen: sip, MSRPListen: media, Profile: ua.Profile{MyURI: "msrp://h:1/s;tcp"}}, "session-id"},
		{"my_uri with TLS", ua.Config{SIPListen: sip, MSRPListen: media, Profile: ua.Profile{MyURI: "msrps://h:1;tcp"}}, "TLS"},
		{"my_uri of another transport", ua.Config{SIPListen: sip, MSRPListen: media, Profile: ua.Profile{MyURI: "msrp://h:1;ws"}}, "transport"},
		{"contact", ua.Config{SIPListen: sip, MSRPListen: media, Profiles: map[string]ua.Profile{"x": {Contact: "tel:1"}}}, "profile x: contact"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := ua.New(c.config)
			if err == nil {
				a.Close(t.Context())
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q, want one line with %q", err, c.want)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		name   string
		config ua.Config
		code   int
		types  string
	}{
		{name: "S-020/answers calls", config: answering(ua.Quiet{}), code: 200, types: "text/plain *"},
		{name: "S-020/refuses calls", config: ua.Config{}, code: 480},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := peer.NewAgent(t, "udp", address(newAgent(t, c.config))).NewDialog("bob")
			r := d.Agent.Ask(t, limit, d.Request("OPTIONS"))
			types := ""
			if len(r.Body) > 0 {
				types, _ = peer.ParseSDP(r.Body).Media[0].Attr("accept-types")
			}
			if r.Code() != c.code || types != c.types {
				t.Errorf("answered %s, types %q", r.Start, types)
			}
		})
	}
	t.Run("no OnInvite refuses calls", func(t *testing.T) {
		d := newCaller(t, newAgent(t, ua.Config{}), "*", 1)
		if _, r := d.Call(t, limit, d.offer); r.Code() != 480 {
			t.Errorf("answered %s", r.Start)
		}
	})
}

// TestLog: the lines about a session name it and its call, and nothing of the peer's path.
func TestLog(t *testing.T) {
	var log lockedBuffer
	h := newRecorder()
	c := answering(h, "text/plain")
	c.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	c.Recovery.Off = true
	a := newAgent(t, c)
	d := newCaller(t, a, "text/plain", 1)
	_, conns, _ := d.call(t)
	s := h.session(t)
	conns[0].Reset()
	bye(t, d.Agent, d.Dialog)
	forgotten(t, a)
	var said []string
	for line := range strings.Lines(log.String()) {
		var l struct {
			Msg       string
			SessionID string `json:"session_id"`
			CallID    string `json:"call_id"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.SessionID != s.ID() || l.CallID != d.CallID {
			t.Errorf("without session_id or call_id: %s", line)
		}
		if strings.Contains(line, strings.TrimPrefix(d.paths[0], "msrp://127.0.0.1:9/")) {
			t.Errorf("holds the peer's path: %s", line)
		}
		said = append(said, l.Msg)
	}
	if !slices.Contains(said, "session established") || !slices.Contains(said, "session ended") {
		t.Errorf("logged: %q", said)
	}
}

// lockedBuffer may be written while it is read.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
