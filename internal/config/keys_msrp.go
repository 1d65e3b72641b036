package config

// msrpKeys are those of MSRP, OpenSIPS' own among them.
func msrpKeys() []Key {
	return []Key{
		{
			Path: "msrp.listen", Reload: Restart, derived: "from `msrp_ua.my_uri`",
			Doc:   "Where MSRP connections are taken: a list of `tcp:HOST:PORT`, and `tls:HOST:PORT` for msrps. Without it, the address and port of `msrp_ua.my_uri`; all addresses where that has a name. TLS shows `tls.certificate`; without one, a self-signed certificate made at the start, which peers know by its fingerprint in the session descriptions.",
			field: func(c *Config) any { return &c.MSRP.Listen },
		},
		{
			Path: "msrp.advertised_elsewhere", Reload: Restart,
			Doc: "Says that something in between, such as a NAT or a load balancer, leads `msrp_ua.my_uri` to a listener. " +
				"Without it, a `my_uri` that leads to no listener is an error.",
			field: func(c *Config) any { return &c.MSRP.AdvertisedElsewhere },
		},
		{
			Path: "msrp.setup", Reload: Restart,
			Doc: "Who opens MSRP connections (`a=setup`, RFC 6135). `actpass`: whoever the peer wants; peers can connect to `msrp_ua.my_uri`. `active`: this node, because " +
				"no peer can connect to it, behind a NAT for example; its session descriptions have port 9 then. A peer that cannot be connected to either is reached " +
				"through a relay only (`msrp_ua.relay_uri`), to which this key does not apply.",
			field: func(c *Config) any { return &c.MSRP.Setup },
		},
		{
			Path: "msrp.cema", Reload: Restart,
			Doc: "Whether something in between, such as a session border controller, may take MSRP connections (CEMA, RFC 6714): it changes c= and m= of session " +
				"descriptions, which is where to connect then; paths stay. `on`: session descriptions say so (`a=msrp-cema`), and an offer without that is refused " +
				"where c= and m= name nothing of its path. `lenient`: such an offer is taken too, and connected to by its path. `off`: c= and m= mean nothing.",
			field: func(c *Config) any { return &c.MSRP.CEMA },
		},
		{
			Path: "msrp.match", Reload: Restart,
			Doc: "What of a To-Path has to be that of a session: `uri` all that RFC 4975 §6.1 compares; `session_id` not host and port, for networks whose border " +
				"elements rewrite those in paths.",
			field: func(c *Config) any { return &c.MSRP.Match },
		},
		{
			Path: "msrp.unwrap_cpim", Reload: Restart,
			Doc: "Whether `content_type` and `body` of `E_MSRP_MSG_RECEIVED` are those of what a `message/cpim` brings. Without it they are what was on the wire, " +
				"and what it brings stands in the event's own member `cpim`.",
			field: func(c *Config) any { return &c.MSRP.UnwrapCPIM },
		},
		{
			Path: "msrp.connect_allow", Reload: Restart,
			Doc: "Where MSRP connections may be opened to because a peer's session description says so: a list of addresses and prefixes; `loopback`, `private` " +
				"and `link_local` stand for those of IPv4 and IPv6 that have the name (`private`: RFC 1918, RFC 4193). Empty: anywhere. What counts is the address " +
				"that is connected to, whatever name leads there. A call whose connection is refused ends with BYE, and its event says why. Unspecified and " +
				"multicast addresses are never connected to; the relay of `msrp_ua.relay_uri` always.",
			field: func(c *Config) any { return &c.MSRP.ConnectAllow },
		},
		{
			Path: "msrp.connect_deny", Reload: Restart,
			Doc: "Where no MSRP connection is opened to, in the words of `msrp.connect_allow`, even where that has it. A node that takes calls from strangers " +
				"and stands beside hosts that they cannot reach has `[loopback, private, link_local]` here.",
			field: func(c *Config) any { return &c.MSRP.ConnectDeny },
		},
		{
			Path: "msrp.connect_attempts", Reload: Restart,
			Doc: "How many MSRP connections are opened to one address and port in any minute that no valid MSRP comes over, 1000 at most; peers may name a host " +
				"that is none of theirs. Further calls that lead there end with BYE. A peer that answers is never held up. 0: no limit.",
			field: func(c *Config) any { return &c.MSRP.ConnectAttempts },
		},
		{
			Path: "msrp.relay_idle_timeout", Reload: Restart,
			Doc:   "Seconds that the connection to the MSRP relay (`msrp_ua.relay_uri`) is kept after its last session.",
			field: func(c *Config) any { return &c.MSRP.RelayIdleTimeout },
		},
		{
			Path: "msrp.recovery", Reload: Restart,
			Doc: "Whether an established session outlives its MSRP connection: when that breaks, the peer is offered a new path by re-INVITE, 0.1 to 2 s later and at " +
				"most 4 times, through a relay after a new AUTH; what was not acknowledged is sent again under its Message-ID, and what is sent meanwhile waits. " +
				"Without, such a session ends 0.5 s later.",
			field: func(c *Config) any { return &c.MSRP.Recovery },
		},
		{
			Path: "msrp.recovery_after_restart", Reload: Restart,
			Doc: "Whether established sessions outlive the process: after a restart that no drain preceded (a crash, kill -9) they are recovered as after the loss of " +
				"a connection, within `msrp.recovery_time`. Without, or without `msrp.recovery`, they are ended by BYE at the start. Either way an event says so. " +
				"Needs a data directory (`journal.durability`).",
			field: func(c *Config) any { return &c.MSRP.RecoveryAfterRestart },
		},
		{
			Path: "msrp.recovery_time", Reload: Restart,
			Doc:   "Seconds from the loss of a connection until a session that could not be recovered is ended by BYE.",
			field: func(c *Config) any { return &c.MSRP.RecoveryTime },
		},
		{
			Path: "msrp.max_message", Reload: Restart,
			Doc:   "Octets of the largest message that is taken, 1024 or more; the request route may say less for a session. A larger one is refused with 413.",
			field: func(c *Config) any { return &c.MSRP.MaxMessage },
		},
		{
			Path: "msrp_ua.my_uri", Reload: NewSessions,
			Doc:   "The MSRP URI, without session-id, that is advertised to peers: `msrp://HOST:PORT;tcp`, or `msrps://HOST:PORT;tcp` to offer TLS. Without a port it is 2855. It must lead to a listener. A wildcard address, `0.0.0.0` or `[::]`, stands for the address of this node that leads to the peer: where its call came to, or a call to it leaves from. Offers of the other kind, with TLS or without, are taken where there is a listener for it; where one offers both, TLS is taken.",
			field: func(c *Config) any { return &c.MSRPUA.MyURI },
		},
		{
			Path: "msrp_ua.advertised_contact", Reload: NewSessions,
			Doc: "The SIP URI in the Contact of what the node sends. If empty, it is made from the listener that a request came to, or leaves by; " +
				"so it is where a sips URI is needed and this is none.",
			field: func(c *Config) any { return &c.MSRPUA.AdvertisedContact },
		},
		{
			Path: "msrp_ua.relay_uri", Reload: Restart,
			Doc: "The MSRP relay (RFC 4976) that all sessions go through, answered and started ones: `msrps://HOST;tcp`, without session-id. If empty, there is none. " +
				"Without a port it is found by the SRV record `_msrps._tcp.HOST`, else at port 2855. Its certificate must be for HOST, from an authority of " +
				"`tls.ca_list`. A relay of `msrp:` is used in clear, port 2855 if none is named, which is warned of at the start: anybody on the way can read along. " +
				"The relay's challenge is answered by the `uac_auth.credential` of its realm. Several relays in a chain, separated by spaces, are passed in that " +
				"order, the nearest one first. A call that the relay gives no path to is refused with 480 or 503.",
			field: func(c *Config) any { return &c.MSRPUA.RelayURI },
		},
		{
			Path: "msrp_ua.hash_size", Reload: Restart,
			Doc: "In OpenSIPS the binary logarithm of the number of shards of the session table, 1 to 20. Taken and checked for the sake of its " +
				"configurations; it has no effect, for the table here needs no size.",
			field: func(c *Config) any { return &c.MSRPUA.HashSize },
		},
		{
			Path: "msrp_ua.cleanup_interval", Reload: Live,
			Doc:   "Seconds between two sweeps of the session table for sessions that have reached `max_duration`.",
			field: func(c *Config) any { return &c.MSRPUA.CleanupInterval },
		},
		{
			Path: "msrp_ua.max_duration", Reload: NewSessions,
			Doc:   "Seconds that a session may last; then it is ended by BYE, no later than one sweep after it is due. 0: no limit.",
			field: func(c *Config) any { return &c.MSRPUA.MaxDuration },
		},
	}
}
