package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/auth"
	"github.com/parley-msrp/parley/internal/wire"
)

// Check returns everything that is wrong at once, as an *Error that names each key and says what would be right; nil if nothing
// is. It asks nobody: names are not looked up, addresses not tried.
func (c *Config) Check() error {
	var s source
	s.check(c)
	if len(s.problems) > 0 {
		return &Error{Problems: s.problems}
	}
	return nil
}

// check adds what is wrong with c, key by key; not for keys that had problems before, whose values are not what anybody wrote.
func (s *source) check(c *Config) {
	had := make(map[string]bool)
	for i := range s.problems {
		had[s.problems[i].Key] = true
	}
	report := func(key string, err error) {
		if err == nil || had[key] {
			return
		}
		if v := s.variables[key]; v != "" {
			s.problems = append(s.problems, Problem{Key: key, Variable: v, Text: err.Error()})
			return
		}
		at := s.places[key]
		if at == nil {
			// A default that does not go with what the file says.
			s.problems = append(s.problems, Problem{Key: key, File: s.file, Text: err.Error()})
			return
		}
		s.complain(at, key, "%v", err)
	}
	report("sip.listen", checkListeners(c.SIP.Listen, "udp", "tcp", "tls"))
	report("sip.setup_timeout", checkPositive(c.SIP.SetupTimeout))
	report("sip.allow", checkPrefixes(c.SIP.Allow))
	report("sip.deny", checkPrefixes(c.SIP.Deny))
	report("sip.trusted", checkPrefixes(c.SIP.Trusted))
	report("sip.register", c.checkRegistrations())
	report("sip.outbound_proxy", c.checkSIPURI(c.SIP.OutboundProxy, "sip:HOST"))
	report("sip.dns_servers", checkServers(c.SIP.DNSServers))
	c.checkTLS(report)
	c.SIP.check(report)
	_, uriErr := c.MSRPUA.URI()
	report("msrp_ua.my_uri", uriErr)
	c.checkMSRP(report, uriErr == nil && !had["msrp_ua.my_uri"] && !had["msrp.listen"])
	report("msrp_ua.advertised_contact", c.checkSIPURI(c.MSRPUA.AdvertisedContact, "sip:USER@HOST:PORT"))
	report("msrp_ua.relay_uri", checkRelays(c.MSRPUA.RelayURI))
	report("msrp.setup", checkOneOf(c.MSRP.Setup, "actpass", "active"))
	report("msrp.cema", checkOneOf(c.MSRP.CEMA, "off", "on", "lenient"))
	report("msrp.match", checkOneOf(c.MSRP.Match, "uri", "session_id"))
	report("msrp.connect_allow", checkTargets(c.MSRP.ConnectAllow))
	report("msrp.connect_deny", checkTargets(c.MSRP.ConnectDeny))
	report("msrp.connect_attempts", checkRange(c.MSRP.ConnectAttempts, 0, mostAttempts))
	report("msrp.relay_idle_timeout", checkPositive(c.MSRP.RelayIdleTimeout))
	report("msrp.recovery_time", checkPositive(c.MSRP.RecoveryTime))
	report("msrp_ua.hash_size", checkRange(c.MSRPUA.HashSize, 1, 20))
	report("msrp_ua.cleanup_interval", checkPositive(c.MSRPUA.CleanupInterval))
	report("msrp_ua.max_duration", checkNotNegative(c.MSRPUA.MaxDuration))
	report("uac_auth.credential", checkCredentials(c.UACAuth.Credential))
	c.checkAuth(report)
	report("node", checkNode(c.Node))
	report("journal.durability", checkOneOf(c.Journal.Durability, "memory", "process", "fsync"))
	report("journal.max_age", checkNotNegative(c.Journal.MaxAge))
	report("journal.max_octets", checkLeast(c.Journal.MaxOctets, leastOctets))
	report("journal.max_events", checkRange(c.Journal.MaxEvents, 0, math.MaxInt))
	report("journal.max_body", checkRange(c.Journal.MaxBody, 1<<10, 512<<10))
	report("journal.max_body_octets", c.checkBodyOctets())
	report("msrp.max_message", checkRange(c.MSRP.MaxMessage, 1<<10, 1<<40))
	report("nats.url", checkNATS(c.NATS.URL))
	report("nats.replicas", checkRange(c.NATS.Replicas, 1, 5))
	c.HTTP.check(report)
	c.Events.check(report)
	report("webhooks", checkWebhooks(c.Webhooks))
	c.Ask.check(report)
	c.MI.check(report)
	report("log.level", checkOneOf(c.Log.Level, "debug", "info", "warn", "error"))
	report("log.format", checkOneOf(c.Log.Format, "text", "json"))
	c.HEP.check(report)
	c.OTel.check(report)
}

// check checks the limits on calls, and the session timer.
func (c *SIP) check(report func(string, error)) {
	report("sip.max_calls_per_second", checkLimit(c.MaxCallsPerSecond))
	report("sip.max_calls_in_setup", checkLimit(c.MaxCallsInSetup))
	report("sip.max_sessions", checkRange(c.MaxSessions, 1, mostSessions))
	report("sip.max_calls_per_second_per_source", checkLimit(c.MaxCallsPerSecondPerSource))
	report("sip.max_calls_in_setup_per_source", checkLimit(c.MaxCallsInSetupPerSource))
	report("sip.max_sessions_per_source", checkLimit(c.MaxSessionsPerSource))
	report("sip.replaces", checkOneOf(c.Replaces, "off", "same_source", "any"))
	report("sip.refer", checkOneOf(c.Refer, "off", "in_dialog"))
	report("sip.max_redirects", checkRange(c.MaxRedirects, 0, 32))
	if c.MinSE < leastSE {
		report("sip.min_se", errors.New("is below 90, the smallest session interval that there may be (RFC 4028 §5); 90 or more would be right"))
		return
	}
	if c.SessionExpires != 0 && c.SessionExpires < c.MinSE {
		report("sip.session_expires", fmt.Errorf("is below sip.min_se; %d or more, or 0 for none, would be right", int64(math.Ceil(c.MinSE.Seconds()))))
	}
}

// mostSessions is more than any machine holds.
const mostSessions = 10_000_000

// checkMSRP checks msrp.listen, and where all is well with both that my_uri leads to one of them.
func (c *Config) checkMSRP(report func(string, error), lead bool) {
	if len(c.MSRP.Listen) == 0 {
		if c.MSRP.AdvertisedElsewhere {
			report("msrp.listen", errors.New("is empty, and with advertised_elsewhere it does not follow from my_uri; say where to listen"))
		}
		return
	}
	if err := checkListeners(c.MSRP.Listen, "tcp", "tls"); err != nil {
		report("msrp.listen", err)
		return
	}
	if !lead || c.MSRP.AdvertisedElsewhere {
		return
	}
	u, _ := c.MSRPUA.URI()
	for _, s := range c.MSRP.Listen {
		if l, err := ParseListener(s, "tcp", "tls"); err == nil && l.Proto == msrpListener(u) && l.leads(u.Host, u.Port) {
			return
		}
	}
	report("msrp_ua.my_uri", fmt.Errorf("%s leads to no %s listener of msrp.listen (%s): listen on its address and port, "+
		"or say msrp.advertised_elsewhere: true if something in between leads there", quoted(c.MSRPUA.MyURI), msrpListener(u), strings.Join(c.MSRP.Listen, ", ")))
}

// msrpListener is the kind of listener that an MSRP URI leads to.
func msrpListener(u wire.URI) string {
	if u.Secure {
		return "tls"
	}
	return "tcp"
}

// ownURI reads my_uri.
func ownURI(s string) (wire.URI, error) {
	const would = "; msrp://HOST:PORT;tcp would be right"
	u, err := wire.ParseURI(s)
	if err != nil {
		reason := err.Error()
		if e, ok := errors.AsType[*wire.URIError](err); ok {
			reason = e.Part + ": " + e.Reason
		}
		return wire.URI{}, fmt.Errorf("%s is not an MSRP URI: %s%s", quoted(s), reason, would)
	}
	var wrong string
	switch {
	case u.SessionID != "":
		wrong = " has a session-id, which each session adds itself"
	case !strings.EqualFold(u.Transport, "tcp"):
		wrong = " has a transport other than tcp"
	case u.User != "":
		wrong = " has a user part, which means nothing here"
	case u.Params != "":
		wrong = " has parameters after the transport"
	}
	if wrong != "" {
		return wire.URI{}, errors.New(quoted(s) + wrong + would)
	}
	if u.Port == 0 {
		u.Port = DefaultMSRPPort
	}
	return u, nil
}

func checkListeners(list []string, protos ...string) error {
	if len(list) == 0 {
		return fmt.Errorf("is empty; at least one %s:HOST:PORT is needed", protos[0])
	}
	seen := make(map[Listener]bool)
	for _, s := range list {
		l, err := ParseListener(s, protos...)
		if err != nil {
			return err
		}
		if seen[l] && l.Port != 0 {
			return fmt.Errorf("%s stands there twice; once is enough", quoted(s))
		}
		seen[l] = true
	}
	return nil
}

// checkCredentials shows nothing of what stands there.
func checkCredentials(list []string) error {
	seen := map[string]bool{}
	for i, s := range list {
		c, err := auth.ParseCredential(s)
		if err != nil {
			return fmt.Errorf("entry %d %w", i+1, err)
		}
		if seen[c.Realm] {
			return fmt.Errorf("entry %d is the second one for its realm; one for each realm would be right", i+1)
		}
		seen[c.Realm] = true
	}
	return nil
}

// checkTLS checks that a TLS listener has all that it needs. Whether the files are good is seen when they are read.
func (c *Config) checkTLS(report func(string, error)) {
	report("tls.client_certificates", checkOneOf(c.TLS.ClientCertificates, "none", "ask", "require"))
	switch {
	case c.TLS.Certificate == "" && c.listensTLS():
		report("tls.certificate", errors.New("is empty, and sip.listen has a tls: listener; the name of a PEM file would be right"))
	case c.TLS.Certificate == "" && c.TLS.LegacyCipher:
		report("tls.certificate", errors.New("is empty, and tls.legacy_cipher needs a certificate of an RSA key; the name of a PEM file would be right"))
	case c.TLS.Certificate == "" && c.TLS.PrivateKey != "":
		report("tls.certificate", errors.New("is empty, and tls.private_key is not; the name of a PEM file would be right"))
	case c.TLS.Certificate != "" && c.TLS.PrivateKey == "":
		report("tls.private_key", errors.New("is empty, and tls.certificate is not; the name of a PEM file would be right"))
	}
}

func (c *Config) listensTLS() bool {
	return slices.ContainsFunc(c.SIP.Listen, func(s string) bool { return strings.HasPrefix(s, "tls:") })
}

// checkServers takes addresses of DNS servers.
func checkServers(list []string) error {
	for _, s := range list {
		if a, err := netip.ParseAddrPort(s); err != nil || a.Port() == 0 {
			return fmt.Errorf("%s is not of the form ADDRESS:PORT, like 192.0.2.53:53 or [2001:db8::53]:53", quoted(s))
		}
	}
	return nil
}

// checkSIPURI takes a SIP URI, as it goes between < and > of a Contact or Route, or none; a sips URI where there is a TLS listener.
func (c *Config) checkSIPURI(s, would string) error {
	if isSIPS(s) && !c.listensTLS() {
		return fmt.Errorf("%s is sips, but sip.listen has no tls: listener; %s would be right", quoted(s), would)
	}
	return checkURI(s, would)
}

func isSIPS(s string) bool {
	scheme, _, _ := strings.Cut(s, ":")
	return strings.EqualFold(scheme, "sips")
}

// checkURI takes a sip or sips URI, or none.
func checkURI(s, would string) error {
	if s == "" {
		return nil
	}
	scheme, rest, _ := strings.Cut(s, ":")
	if !isSIPS(s) && !strings.EqualFold(scheme, "sip") || strings.Trim(rest, "@:") == "" || strings.HasSuffix(rest, "@") ||
		strings.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`<>"`, r) }) {
		return fmt.Errorf("%s is not a SIP URI; %s would be right", quoted(s), would)
	}
	return nil
}

func checkPositive(d time.Duration) error {
	if d <= 0 {
		return errors.New("is not above 0; a number of seconds above 0 would be right")
	}
	return nil
}

func checkNotNegative(d time.Duration) error {
	if d < 0 {
		return errors.New("is negative; a number of seconds, or 0 for no limit, would be right")
	}
	return nil
}

func checkLimit(n int) error {
	if n < 0 {
		return errors.New("is negative; a number above 0, or 0 for no limit, would be right")
	}
	return nil
}

func checkRange(n, low, high int) error {
	if n < low || n > high {
		return fmt.Errorf("is %d; %d to %d would be right", n, low, high)
	}
	return nil
}

func checkOneOf(s string, right ...string) error {
	for _, r := range right {
		if s == r {
			return nil
		}
	}
	return fmt.Errorf("%s is not known; %s would be right", quoted(s), strings.Join(right, " or "))
}
