package daemon

import (
	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/auth"
	"github.com/parley-msrp/parley/internal/certificate"
	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/version"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// security is what SIP over TLS needs; nil where no certificate is configured.
func security(c config.TLS, files *certificate.Files) *ua.TLS {
	if c.Certificate == "" {
		return nil
	}
	clients := map[string]ua.ClientCertificates{"ask": ua.AskClientCertificates, "require": ua.RequireClientCertificates}[c.ClientCertificates]
	return &ua.TLS{Certificate: files.Certificate, Roots: files.Roots, LegacyCipher: c.LegacyCipher, Clients: clients}
}

func (n *node) agentConfig(c config.Config, users *auth.Users, files *certificate.Files) ua.Config {
	sip := &c.SIP
	return ua.Config{
		SIPListen:        c.SIP.Listen,
		TLS:              security(c.TLS, files),
		DNSServers:       c.SIP.DNSServers,
		OutboundProxy:    c.SIP.OutboundProxy,
		MSRPListen:       c.MSRP.Listen,
		Profile:          profile(&c),
		RelayIdleTimeout: c.MSRP.RelayIdleTimeout, RelayRoots: files.Roots,
		Recovery:        ua.Recovery{Off: !c.MSRP.Recovery, EndRestored: !c.MSRP.RecoveryAfterRestart, Limit: c.MSRP.RecoveryTime},
		Keeper:          n.calls.keeper(),
		Ready:           n.takeUp,
		OnInvite:        n.router.invite,
		OnQuery:         n.router.query,
		SetupTimeout:    c.SIP.SetupTimeout,
		MaxDuration:     c.MSRPUA.MaxDuration,
		CleanupInterval: c.MSRPUA.CleanupInterval,
		Auth:            authConfig(c.Auth, users),
		Allow:           config.Prefixes(c.SIP.Allow),
		Deny:            config.Prefixes(c.SIP.Deny),
		Trusted:         config.Prefixes(c.SIP.Trusted),
		Register:        registrations(c.SIP.Register),
		Credentials:     c.UACAuth.Credentials(),
		Limits:          ua.CallLimits{CallsPerSecond: sip.MaxCallsPerSecond, CallsInSetup: sip.MaxCallsInSetup, Calls: sip.MaxSessions},
		SourceLimits: ua.CallLimits{
			CallsPerSecond: sip.MaxCallsPerSecondPerSource, CallsInSetup: sip.MaxCallsInSetupPerSource, Calls: sip.MaxSessionsPerSource,
		},
		Unavailable:    n.unavailable,
		Replaces:       map[string]ua.Replacing{"same_source": ua.ReplacingSource, "any": ua.ReplacingAny}[sip.Replaces],
		Refer:          sip.Refer == "in_dialog",
		MaxRedirects:   sip.MaxRedirects,
		SessionExpires: sip.SessionExpires,
		MinSE:          sip.MinSE,
		Reliable:       sip.ReliableProvisional,
		Product:        version.Server(),
		Logger:         n.log,
		Counter:        n.control.Statistics(),
		TapSIP:         n.control.Tap().SIP,
		MSRP:           n.mediaConfig(&c.MSRP, &c.Journal),
	}
}

func profile(c *config.Config) ua.Profile {
	return ua.Profile{
		MyURI: c.MSRPUA.MyURI, Contact: c.MSRPUA.AdvertisedContact, Relay: c.MSRPUA.RelayURI,
		Unreachable: c.MSRP.Setup == "active", CEMA: c.MSRP.CEMA != "off", CEMAAnyAddress: c.MSRP.CEMA == "lenient",
	}
}

func (n *node) mediaConfig(c *config.MSRP, j *config.Journal) msrp.Config {
	policy := access.Addresses{Allow: config.Targets(c.ConnectAllow), Deny: config.Targets(c.ConnectDeny)}
	attempts := c.ConnectAttempts
	if attempts == 0 {
		attempts = -1
	}
	match := msrp.ToPathWhole
	if c.Match == "session_id" {
		match = msrp.ToPathSessionID
	}
	// The journal keeps the bodies: they are not borrowed.
	m := msrp.Config{
		RefuseWhenFull: true, Counter: n.control.Statistics().MSRP(), Tap: n.control.Tap().MSRP, MayConnect: policy.Permit, ConnectAttempts: attempts, ToPath: match,
		MaxMessage: int64(c.MaxMessage), StreamFrom: int64(c.MaxMessage),
	}
	if j.Durability != "memory" {
		m.StreamFrom, m.PartialOctets = int64(j.MaxBody), partialOctets
	}
	return m
}
