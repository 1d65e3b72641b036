package config

// sipKeys are those of SIP, and of TLS.
func sipKeys() []Key {
	return []Key{
		{
			Path: "sip.listen", Reload: Restart,
			Doc: "Where SIP is listened for: a list of `udp:HOST:PORT`, `tcp:HOST:PORT` and `tls:HOST:PORT` (usually port 5061; see `tls.certificate`); " +
				"an IPv6 address stands in brackets. Port 0 takes a free one. TCP is also listened for wherever UDP is (RFC 3261 §18.2.1). " +
				"On a wildcard address, `0.0.0.0` or `[::]`, each peer is told the address that leads to it.",
			field: func(c *Config) any { return &c.SIP.Listen },
		},
		{
			Path: "sip.setup_timeout", Reload: NewSessions,
			Doc:   "Seconds that a session may take to be set up before it is given up: CANCEL as caller, 480 as called, BYE once a 2xx went.",
			field: func(c *Config) any { return &c.SIP.SetupTimeout },
		},
		{
			Path: "sip.allow", Reload: Restart,
			Doc: "Whose SIP requests are looked at: a list of addresses and prefixes, such as `192.0.2.0/24`. Empty: everybody's. Others get 403, their ACKs " +
				"nothing. Answers to what this node sends are taken from anywhere.",
			field: func(c *Config) any { return &c.SIP.Allow },
		},
		{
			Path: "sip.deny", Reload: Restart,
			Doc:   "Whose SIP requests are refused with 403, even where `sip.allow` has them.",
			field: func(c *Config) any { return &c.SIP.Deny },
		},
		{
			Path: "sip.trusted", Reload: Restart,
			Doc: "Proxies whose word counts: a list of addresses and prefixes. The P-Asserted-Identity of what comes from them is the caller's identity in the " +
				"request route and in events (RFC 3325); in what comes from others it is as if it were not there. They must remove it from what they get " +
				"from outside, and no request from outside may come with such an address, which UDP lets anybody forge. With `Privacy: id` the request route sees it, and no event does.",
			field: func(c *Config) any { return &c.SIP.Trusted },
		},
		{
			Path: "sip.register", Reload: Restart, entry: "address",
			Doc: "Addresses that the node keeps registered at a registrar, so that calls to them come here: a list of `sip:USER@DOMAIN`, or of `sips:` URIs where " +
				"there is a `tls:` listener. Behind the address, and blanks, may stand `registrar=sip:HOST:PORT` (else the domain), " +
				"`contact=sip:USER@HOST:PORT` (else as `msrp_ua.advertised_contact`) and `expires=SECONDS` (else 3600). An entry may be a mapping with these names, too: " +
				"`{address: sip:USER@DOMAIN, expires: 600}`. `uac_auth.credential` answers the registrar's challenges. Whether it went well is in the log.",
			field: func(c *Config) any { return &c.SIP.Register },
		},
		{
			Path: "sip.max_calls_per_second", Reload: Restart,
			Doc: "New calls a second, and as many at once. A call above a limit of this kind gets 503 with Retry-After before anything else of it is looked at; " +
				"live sessions never notice. 0: no limit.",
			field: func(c *Config) any { return &c.SIP.MaxCallsPerSecond },
		},
		{
			Path: "sip.max_calls_in_setup", Reload: Restart,
			Doc:   "Calls that were not answered yet, or whose ACK is missing, at a time. 0: no limit.",
			field: func(c *Config) any { return &c.SIP.MaxCallsInSetup },
		},
		{
			Path: "sip.max_sessions", Reload: Restart,
			Doc: "Calls at a time with their sessions, those in set-up and those that were started here included; a call with several message lines counts once. " +
				"At this limit `msrp_ua_start_session` fails as well.",
			field: func(c *Config) any { return &c.SIP.MaxSessions },
		},
		{
			Path: "sip.max_calls_per_second_per_source", Reload: Restart,
			Doc:   "`sip.max_calls_per_second` for each source: an IPv4 address, or an IPv6 /64. A proxy is one source. 0: no limit.",
			field: func(c *Config) any { return &c.SIP.MaxCallsPerSecondPerSource },
		},
		{
			Path: "sip.max_calls_in_setup_per_source", Reload: Restart,
			Doc:   "`sip.max_calls_in_setup` for each source. 0: no limit.",
			field: func(c *Config) any { return &c.SIP.MaxCallsInSetupPerSource },
		},
		{
			Path: "sip.max_sessions_per_source", Reload: Restart,
			Doc:   "`sip.max_sessions` for each source; only calls that came in count. 0: no limit.",
			field: func(c *Config) any { return &c.SIP.MaxSessionsPerSource },
		},
		{
			Path: "sip.replaces", Reload: Restart,
			Doc: "Which calls that come in may take the place of an established one, whose sessions then go on in the new call (Replaces, RFC 3891): `same_source` " +
				"those that come from the address that the peer of the established call is at, a proxy's where one is between; `any` all that name its Call-ID and " +
				"both tags; `off` none. The request route decides on them as on every call.",
			field: func(c *Config) any { return &c.SIP.Replaces },
		},
		{
			Path: "sip.refer", Reload: Restart,
			Doc: "Whether the peer of an established call may move its sessions elsewhere, to a conference for example, by REFER (RFC 3515): `in_dialog` or " +
				"`off`. REFER from anybody else is refused with 403. It makes this node call whom the peer names.",
			field: func(c *Config) any { return &c.SIP.Refer },
		},
		{
			Path: "sip.max_redirects", Reload: Restart,
			Doc: "How many Contacts of 3xx responses a call from here is sent on to: the best first, each once, never from a sips URI to a sip one. 0: none; " +
				"the session fails with the code of the response, and its event has the Contacts.",
			field: func(c *Config) any { return &c.SIP.MaxRedirects },
		},
		{
			Path: "sip.session_expires", Reload: Restart,
			Doc: "The session timer (RFC 4028) that is asked for, in seconds, `sip.min_se` or more: a call whose peer is gone ends no later than this after its " +
				"last refresh. 0: none is asked for, and what peers ask for is taken.",
			field: func(c *Config) any { return &c.SIP.SessionExpires },
		},
		{
			Path: "sip.min_se", Reload: Restart,
			Doc:   "The shortest session timer that is taken, in seconds, 90 or more; less is refused with 422.",
			field: func(c *Config) any { return &c.SIP.MinSE },
		},
		{
			Path: "sip.reliable_provisional", Reload: Restart,
			Doc:   "Whether provisional responses above 100 are sent reliably (RFC 3262) to callers that support that. Without, only to those that require it.",
			field: func(c *Config) any { return &c.SIP.ReliableProvisional },
		},
		{
			Path: "sip.outbound_proxy", Reload: Restart,
			Doc: "The SIP URI of a proxy that all calls and registrations of the node go to first: `sip:proxy.example.com`, with `;transport=tcp` or " +
				"`;transport=tls` where that is to be used. It stands in a `Route` of the INVITE or REGISTER, as a loose router; once a call is established " +
				"its route set counts. If empty, requests go where their request URI leads.",
			field: func(c *Config) any { return &c.SIP.OutboundProxy },
		},
		{
			Path: "sip.dns_servers", Reload: Restart,
			Doc: "DNS servers, a list of `ADDRESS:PORT`, that are asked where a SIP URI leads (RFC 3263: NAPTR, SRV, A and AAAA records), and the MSRP URIs of relays and peers. If empty, those of " +
				"`/etc/resolv.conf`. Addresses that they do not know are looked up as the system does, so that its hosts file counts.",
			field: func(c *Config) any { return &c.SIP.DNSServers },
		},
		{
			Path: "tls.certificate", Reload: Live,
			Doc: "PEM file of the node's certificate and of those that lead to its authority. Needed where `sip.listen` has a `tls:` listener. Peers look " +
				"for their domain in it: a `sip:` URI or DNS name in its subjectAltName, without wildcards (RFC 5922). This file and the next two are read " +
				"again when they change; a relative name counts from the folder of the configuration file.",
			field: func(c *Config) any { return &c.TLS.Certificate },
		},
		{
			Path: "tls.private_key", Reload: Live,
			Doc:   "PEM file of the key of `tls.certificate`.",
			field: func(c *Config) any { return &c.TLS.PrivateKey },
		},
		{
			Path: "tls.ca_list", Reload: Live,
			Doc: "PEM file of the authorities that the certificates of peers have to come from. If empty, the system's. A peer that is called over TLS has to " +
				"show a certificate for the host that the URI names which leads to it: a request URI, Contact, Record-Route or `sip.outbound_proxy`.",
			field: func(c *Config) any { return &c.TLS.CAList },
		},
		{
			Path: "tls.client_certificates", Reload: Restart,
			Doc: "What peers that connect have to show: `none` (they are not asked for a certificate), `ask` (they may show one; one that cannot be " +
				"verified is refused) or `require`. Whom it is for, the request route and events say (`msg.identity`, `msg.tls_peer`).",
			field: func(c *Config) any { return &c.TLS.ClientCertificates },
		},
		{
			Path: "tls.legacy_cipher", Reload: Restart,
			Doc: "Whether MSRP also negotiates `TLS_RSA_WITH_AES_128_CBC_SHA`, which RFC 4975 §14.2 has as mandatory. It has no forward secrecy (who gets " +
				"the private key later can read what was recorded), so it is for peers that know no other. `tls.certificate` has to be one of an RSA key.",
			field: func(c *Config) any { return &c.TLS.LegacyCipher },
		},
	}
}
