package ua

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/auth"
	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/msrp"
)

// DefaultProfile is the name of the profile that Config.Profile is.
const DefaultProfile = "default"

// defaultTypes are the media types offered and answered where the caller names none. The star covers message/cpim and
// the multipart types, which a receiver must be able to take (RFC 4975 §7.3.1, §13).
var defaultTypes = msrp.Types{"text/plain", "*"}

// Config says what an Agent is. The zero value listens on nothing and refuses every call.
type Config struct {
	// SIPListen lists the SIP listeners: "udp:HOST:PORT", "tcp:HOST:PORT" or "tls:HOST:PORT". A UDP listener also listens on TCP at its
	// port (RFC 3261 §18.2.1). Port 0 takes a free one.
	SIPListen []string
	// TLS is what TLS listeners need, and with them sips URIs; nil: there are none.
	TLS *TLS
	// DNSServers are asked to find SIP servers (RFC 3263), MSRP relays and the hosts of MSRP paths, each as "ADDRESS:PORT"; none: those of the system.
	DNSServers []string
	// OutboundProxy is the SIP URI where calls of this side go first, through a Route of its own; empty: to their request URI. It is a loose
	// router (;lr), whether it says so or not.
	OutboundProxy string
	// MSRPListen lists the MSRP listeners: "tcp:HOST:PORT", or "tls:HOST:PORT" for msrps. What those show is TLS.Certificate, or where there is no TLS
	// a self-signed certificate that New makes: peers know it by its fingerprint in the session descriptions (RFC 4975 §14.4).
	MSRPListen []string
	// Profile is the identity that is used unless another one is named.
	Profile Profile
	// Profiles holds further identities by name.
	Profiles map[string]Profile
	// OnInvite is given each call that comes in. It must not block; the Invitation is decided from any goroutine.
	// Nil refuses every call with 480.
	OnInvite func(*Invitation)
	// OnQuery is given each OPTIONS outside of a call. It must not block; the Query is answered from any goroutine.
	// Nil says that a call would be answered, unless OnInvite is nil.
	OnQuery func(*Query)
	// SetupTimeout is the longest time that a call may take to be established; 0 means 60 s.
	SetupTimeout time.Duration
	// MaxDuration is the longest life of an established session; 0 means no limit.
	MaxDuration time.Duration
	// Recovery says what becomes of sessions whose MSRP connection breaks.
	Recovery Recovery
	// Ready is called by New once everything stands but the SIP listeners: the place for Agent.Restore, so that no request in a restored call comes
	// before it.
	Ready func(*Agent)
	// Keeper keeps established calls, so that they outlive the process; nil: they do not.
	Keeper Keeper
	// CleanupInterval is how often expired sessions are looked for; 0 means 60 s. A session ends no later than this after it is due.
	CleanupInterval time.Duration
	// Reliable sends provisional responses (Invitation.Ring) reliably to callers that support that (RFC 3262); without, only to those that
	// require it.
	Reliable bool
	// SessionExpires is the session interval that this side asks its peers for (RFC 4028), at least MinSE; 0: it asks for none, and takes
	// what they ask for. MinSE is the smallest interval that it takes, 90 s or more; 0 means 90 s.
	SessionExpires, MinSE time.Duration
	// Auth says how callers are authenticated.
	Auth Auth
	// Allow and Deny say by source address which requests are looked at: those from Deny are not, of the others those from Allow, where that is
	// empty all. The rest gets 403, ACK nothing. Answers to requests of this side's are taken from anywhere.
	Allow, Deny []netip.Prefix
	// Trusted are the addresses of those, proxies as a rule, whose P-Asserted-Identity is believed (RFC 3325). In what comes from others it counts as
	// not there.
	Trusted []netip.Prefix
	// Register lists the addresses that are kept registered.
	Register []Registration
	// Credentials answer the challenges to what the agent sends, SIP requests (401, 407) and AUTHs to MSRP relays (401), each those of its realm.
	Credentials []Credential
	// Limits are those on the calls that come in, in all; SourceLimits those on the calls from one address, of IPv6 from one /64. Where one is
	// reached, an INVITE gets 503 with Retry-After before anything else of it is looked at; live calls never notice.
	Limits, SourceLimits CallLimits
	// Unavailable says why no call is taken at the moment, as a reason phrase ("Journal Unavailable"); "", or nil: calls are taken. An INVITE of a new call, and
	// an OPTIONS outside of calls, get 503 with Retry-After then; live calls never notice. It is asked for each of them, concurrently, and must not block.
	Unavailable func() string
	// Replaces says which calls that come in may replace an established one; zero: none.
	Replaces Replacing
	// Refer lets the peer of an established call move its sessions by REFER, to a conference for example. REFER from anybody else is refused.
	Refer bool
	// MaxRedirects is how many Contacts of 3xx responses a call of this side's is sent on to, the best first and each once; a sips URI is never
	// left for a sip one. 0: none, and the session fails as Refused (End.Contacts).
	MaxRedirects int
	// TapSIP sees each SIP message as it passes; transport is "UDP", "TCP" or "TLS". It must not keep octets, nor block, and is called concurrently.
	// (What passes on MSRP connections MSRP.Tap sees.) Nil, it costs nothing.
	TapSIP func(transport string, local, remote netip.AddrPort, sent bool, octets []byte)
	// Product goes into Server and User-Agent headers; empty means none.
	Product string
	// Counter counts calls; nil: nobody does. MSRP.Counter counts what passes over MSRP.
	Counter Counter
	// Logger gets one line for each fact; nil discards them.
	Logger *slog.Logger
	// RelayIdleTimeout is how long the connection to an own MSRP relay is kept after its last session; 0 means 1 h (RFC 4976 §5.4).
	RelayIdleTimeout time.Duration
	// RelayRoots gives the authorities that the certificates of own MSRP relays have to come from, and without TLS those of MSRP peers that are known by
	// their name. Nil, or a nil pool: the system's. It is called for
	// each connection, concurrently, and must not block.
	RelayRoots func() (*x509.CertPool, error)
	// MSRP configures the MSRP endpoint: chunk size, limits, time-outs. Its Logger is set to this Logger if nil.
	MSRP msrp.Config
}

// Credential is a user's name and password in one realm. It never shows its password in a log or an error.
type Credential = auth.Credential

// CallLimits bound how many calls there may be. 0 means no limit.
type CallLimits struct {
	// CallsPerSecond are new calls in a second, and as many at once.
	CallsPerSecond int
	// CallsInSetup are calls that were not answered yet, or whose ACK is missing.
	CallsInSetup int
	// Calls are calls at a time, those in set-up included; each holds one session or more. In all, own calls count too, for which Agent.Start then
	// says ErrLimit, and 0 means 100,000.
	Calls int
}

func (l CallLimits) dialogs() dialog.Limits {
	return dialog.Limits{PerSecond: l.CallsPerSecond, InSetup: l.CallsInSetup, Dialogs: l.Calls}
}

// Profile is one identity of an Agent.
type Profile struct {
	// MyURI is the own MSRP URI without session-id that session descriptions show. Empty: from the first MSRP listener. An unspecified address,
	// 0.0.0.0 or ::, stands for that which leads to the peer: the one that its SIP request came to, or that requests to it leave from. msrps offers TLS. Offers of the other kind are taken with the first listener of that kind, if there is
	// one; where both are offered, TLS alone is taken.
	MyURI string
	// Contact is the SIP URI of own Contact headers. Empty: that of the default profile; there, from the SIP listener that the
	// peer reaches.
	Contact string
	// Types are offered and answered where the caller names none; empty means "text/plain *".
	Types msrp.Types
	// MaxSize is the largest message taken, in octets, and shown as a=max-size; 0: the MSRP endpoint's limit, not shown.
	MaxSize int64
	// Relay is the URI of the MSRP relay that all sessions go through (RFC 4976), without session-id: "msrps://relay.example.com;tcp"; empty: none. Of
	// several, separated by spaces, the nearest one comes first. One with msrp: is used in clear, which is warned of.
	Relay string
	// Unreachable says that no peer can connect to this side, which stands behind a NAT for example: session descriptions say so, with a=setup:active and port
	// 9, and this side connects (RFC 6135 §4.2.2). A peer that is no less unreachable is reached through a relay only.
	Unreachable bool
	// CEMA lets something in between, such as a border element, take MSRP connections (RFC 6714): this side says a=msrp-cema, and connects to where c= and m= of
	// the peer's session description lead.
	CEMA bool
	// CEMAAnyAddress also takes, with CEMA, offers without a=msrp-cema whose c= and m= name none of their path, which are refused otherwise: a connection
	// to that path may not get through.
	CEMAAnyAddress bool
}

// profile is a Profile made ready.
type profile struct {
	name    string
	base    msrp.URI // my_uri; what is offered
	other   msrp.URI // the same for lines of the other kind, with TLS or without; no host: they are refused
	contact sip.URI  // may be zero
	types   msrp.Types
	maxSize int64
	relays  *relays // nil: there are none

	unreachable, cema, cemaAny bool
}

func (p Profile) prepare(name string, listeners []msrp.URI) (*profile, error) {
	out := &profile{
		name: name, types: p.Types, maxSize: p.MaxSize, unreachable: p.Unreachable, cema: p.CEMA, cemaAny: p.CEMAAnyAddress,
	}
	if len(listeners) > 0 {
		out.base = listeners[0]
	}
	if len(out.types) == 0 {
		out.types = defaultTypes
	}
	if p.MyURI != "" {
		u, err := p.base()
		if err != nil {
			return nil, fmt.Errorf("profile %s: my_uri %q %w; want msrp://HOST:PORT;tcp", name, p.MyURI, err)
		}
		out.base = u
	}
	for _, u := range listeners {
		if u.Secure != out.base.Secure && out.other.Host == "" {
			out.other = u
			if unspecified(u.Host) {
				out.other.Host = out.base.Host
			}
		}
	}
	if p.Contact != "" {
		u, err := sip.ParseURI(p.Contact)
		if err != nil {
			return nil, fmt.Errorf("profile %s: contact %q: %w", name, p.Contact, err)
		}
		if !u.IsSIP() {
			return nil, fmt.Errorf("profile %s: contact %q: want a sip: URI", name, p.Contact)
		}
		out.contact = u
	}
	return out, nil
}

func (p Profile) base() (msrp.URI, error) {
	u, err := msrp.ParseURI(p.MyURI)
	switch {
	case err != nil:
		return u, err
	case u.SessionID != "":
		return u, errors.New("has a session-id, which each session adds itself")
	case !strings.EqualFold(u.Transport, "tcp"):
		return u, errors.New("has a transport other than tcp")
	}
	if u.Port == 0 {
		u.Port = defaultMSRPPort
	}
	return u, nil
}

// defaultMSRPPort is used where my_uri names none (RFC 4975 §6, M-041).
const defaultMSRPPort = 2855

// splitListener takes "udp:HOST:PORT" apart.
func splitListener(s string) (network, address string, err error) {
	network, address, ok := strings.Cut(s, ":")
	if !ok {
		return "", "", fmt.Errorf("listener %q: want PROTOCOL:HOST:PORT, like udp:127.0.0.1:5060", s)
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return "", "", fmt.Errorf("listener %q: %w; want PROTOCOL:HOST:PORT, like udp:127.0.0.1:5060", s, err)
	}
	return strings.ToLower(network), address, nil
}
