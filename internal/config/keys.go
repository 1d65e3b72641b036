package config

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Reload says when a changed value takes effect in a running node.
type Reload uint8

// The reload classes.
const (
	Live        Reload = iota + 1 // at once
	NewSessions                   // for sessions that begin after the change
	Restart                       // at the next start
)

func (r Reload) String() string {
	switch r {
	case Live:
		return "live"
	case NewSessions:
		return "new sessions"
	}
	return "restart"
}

// Key is one key of the configuration.
type Key struct {
	Path    string // as in YAML: "sip.listen"
	Default string // as YAML text
	Doc     string // Markdown, one paragraph
	Reload  Reload

	// field points at the key's place in a configuration: *string, *[]string, *int, *bool, *fs.FileMode (octal) or
	// *time.Duration (seconds in YAML).
	field func(*Config) any
	// derived is the default's text for a key whose default follows from others.
	derived string
	// secret says that the value is not to be shown: no line of the file that holds it is.
	secret bool
}

// Variable is the environment variable that sets the key: PARLEY_SIP_LISTEN for sip.listen.
func (k *Key) Variable() string {
	return "PARLEY_" + strings.ToUpper(strings.ReplaceAll(k.Path, ".", "_"))
}

// Section is the part of the path before the dot; "" for a key of its own.
func (k *Key) Section() string {
	s, _, found := strings.Cut(k.Path, ".")
	if !found {
		return ""
	}
	return s
}

// Name is the part of the path after the dot.
func (k *Key) Name() string { return k.Path[strings.LastIndexByte(k.Path, '.')+1:] }

// Keys returns every key, in the order of the documentation.
func Keys() []Key {
	keys := []Key{
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
			Path: "sip.register", Reload: Restart,
			Doc: "Addresses that the node keeps registered at a registrar, so that calls to them come here: a list of `sip:USER@DOMAIN`, or of `sips:` URIs where " +
				"there is a `tls:` listener. Behind the address, and blanks, may stand `registrar=sip:HOST:PORT` (else the domain), " +
				"`contact=sip:USER@HOST:PORT` (else as `msrp_ua.advertised_contact`) and `expires=SECONDS` (else 3600). `uac_auth.credential` answers the registrar's challenges. Whether it went well is in the log.",
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
		{
			Path: "uac_auth.credential", Reload: Restart, secret: true,
			Doc: "Who this node is where it is asked to authenticate itself (401, 407): a list of `username:realm:password`. The realm is that of the " +
				"challenge, the password everything behind the second colon. In the variable no password can hold a comma.",
			field: func(c *Config) any { return &c.UACAuth.Credential },
		},
		{
			Path: "auth.users", Reload: Restart,
			Doc: "File of the users that callers can authenticate themselves as, by digest: `username:realm:secret` in each line; a relative name counts from " +
				"the folder of the configuration file. The secret is a password, or a hash of username:realm:password in hexadecimal: of 64 digits SHA-256, of " +
				"32 digits MD5, as htdigest writes it. A password that looks like one of them stands behind `plain:`. A user may have one line for each kind. " +
				"Lines that begin with `#` are comments. The request route asks for credentials with `challenge(realm)`, `auth.listeners` do so by themselves.",
			field: func(c *Config) any { return &c.Auth.Users },
		},
		{
			Path: "auth.realm", Reload: Restart,
			Doc:   "The realm that `auth.listeners` ask for.",
			field: func(c *Config) any { return &c.Auth.Realm },
		},
		{
			Path: "auth.listeners", Reload: Restart,
			Doc: "Listeners, as they stand in `sip.listen`, where every request has to show the credentials of a user of `auth.realm`: also those inside of calls, " +
				"except of calls that this node started, and whatever protocol they come by to that address and port. ACK and CANCEL cannot be asked. Where " +
				"there is such a listener, requests over connections that this node opened have to show credentials too.",
			field: func(c *Config) any { return &c.Auth.Listeners },
		},
		{
			Path: "auth.md5", Reload: Restart,
			Doc:   "Offers MD5 below SHA-256, for callers that know nothing better.",
			field: func(c *Config) any { return &c.Auth.MD5 },
		},
		{
			Path: "auth.nonce_lifetime", Reload: Restart,
			Doc:   "Seconds that a challenge can be answered, also by further requests. Each of them counts once: a request that is repeated by somebody else is refused.",
			field: func(c *Config) any { return &c.Auth.NonceLifetime },
		},
		{
			Path: "route", Reload: NewSessions,
			Doc: "File of the request route, a script that decides about each INVITE; a relative name counts from the folder of the " +
				"configuration file. Without it every MSRP offer is answered with accept-types `text/plain *`.",
			field: func(c *Config) any { return &c.Route },
		},
		{
			Path: "data_dir", Reload: Restart,
			Doc: "Folder of what outlives the process; a relative name counts from the folder of the configuration file. It is made with mode 0700 if it is not " +
				"there, and belongs to one process at a time. Empty: `$XDG_STATE_HOME/parley`, or without that variable `~/.local/state/parley`.",
			field: func(c *Config) any { return &c.DataDir },
		},
		{
			Path: "node", Reload: Restart,
			Doc: "The node's name, of letters, digits, `-` and `_`: in `source` of its events (`/parley/NAME`), and in the subjects `parley.event.NAME.SHARD` of its " +
				"journal. Nodes that share a NATS cluster need names of their own. Empty: the host's name at the first start, which the data directory remembers.",
			field: func(c *Config) any { return &c.Node },
		},
		{
			Path: "journal.durability", Reload: Restart,
			Doc: "When an event counts as kept, and with it the message that is answered 200 then: `process` when it is written to the file system, so that it outlives " +
				"the process; `fsync` when it is on the disk, so that it outlives a loss of power; `memory` at once: the journal is the newest events in memory, " +
				"nothing outlives the process, and there is no data directory. With `nats.url` the cluster's own configuration decides between the first two.",
			field: func(c *Config) any { return &c.Journal.Durability },
		},
		{
			Path: "journal.max_age", Reload: Restart,
			Doc:   "Seconds that events are kept. What is older, and what a limit below has no room for, is dropped, the oldest first, read or not. 0: no limit.",
			field: func(c *Config) any { return &c.Journal.MaxAge },
		},
		{
			Path: "journal.max_octets", Reload: Restart,
			Doc:   "Octets that events take on the disk at most, 16777216 or more. 0: no limit.",
			field: func(c *Config) any { return &c.Journal.MaxOctets },
		},
		{
			Path: "journal.max_events", Reload: Restart,
			Doc:   "Events that are kept at most; held to within a minute, and rounded up to what was stored together. 0: no limit.",
			field: func(c *Config) any { return &c.Journal.MaxEvents },
		},
		{
			Path: "journal.max_body", Reload: Restart,
			Doc: "Octets of a message's body that its event has at most, 1024 to 524288; above 65536 the NATS servers of `nats.url` need a `max_payload` of twelve times as much. " +
				"A larger body is kept beside the events while it comes, and is never in memory as a whole; `body_ref` in its event says where. With `durability: memory` all bodies are in events.",
			field: func(c *Config) any { return &c.Journal.MaxBody },
		},
		{
			Path: "journal.max_body_octets", Reload: Restart,
			Doc: "Octets that the bodies beside the events take on the disk at most, 16777216 or more, and twice `msrp.max_message`. They are dropped with their events, and the oldest earlier where three quarters of " +
				"this are taken; a message that finds no room is refused with 413. 0: no limit.",
			field: func(c *Config) any { return &c.Journal.MaxBodyOctets },
		},
		{
			Path: "nats.url", Reload: Restart, secret: true,
			Doc: "A NATS cluster with JetStream, version 2.11 or newer, that holds the journal: `nats://HOST:PORT`, or several with commas between. Empty: a server within " +
				"the process, whose files are in `data_dir`, and which listens nowhere.",
			field: func(c *Config) any { return &c.NATS.URL },
		},
		{
			Path: "nats.credentials", Reload: Restart,
			Doc:   "File of the credentials for `nats.url`, as `nsc` makes it.",
			field: func(c *Config) any { return &c.NATS.Credentials },
		},
		{
			Path: "nats.ca_list", Reload: Restart,
			Doc:   "PEM file of the authorities that the servers of `nats.url` are verified with. Empty: the system's.",
			field: func(c *Config) any { return &c.NATS.CAList },
		},
		{
			Path: "nats.replicas", Reload: Restart,
			Doc:   "Servers of `nats.url` that each have the journal, 1 to 5, when it is made.",
			field: func(c *Config) any { return &c.NATS.Replicas },
		},
		{
			Path: "http.listen", Reload: Restart,
			Doc:   "Where HTTP without TLS is listened for, `HOST:PORT`: the API, the management interface, events, health. On loopback only.",
			field: func(c *Config) any { return &c.HTTP.Listen },
		},
		{
			Path: "http.loopback_open", Reload: Restart,
			Doc:   "Whether everybody on this machine may do everything at `http.listen`, without a token. If `false`, `http.clients` counts there as well.",
			field: func(c *Config) any { return &c.HTTP.LoopbackOpen },
		},
		{
			Path: "http.listen_tls", Reload: Restart,
			Doc: "Where HTTPS is listened for: a list of `HOST:PORT`, of any address. Needs a certificate, and `http.clients`: here nobody does anything without a token or " +
				"certificate.",
			field: func(c *Config) any { return &c.HTTP.ListenTLS },
		},
		{
			Path: "http.certificate", Reload: Live, derived: "that of `tls.certificate` where `http.listen_tls` has listeners",
			Doc: "PEM file of the certificate that HTTPS shows, and of those that lead to its authority. This file and the next two are read again when they change; relative " +
				"names count from the folder of the configuration file.",
			field: func(c *Config) any { return &c.HTTP.Certificate },
		},
		{
			Path: "http.private_key", Reload: Live, derived: "that of `tls.private_key` where `http.listen_tls` has listeners",
			Doc:   "PEM file of the key of `http.certificate`.",
			field: func(c *Config) any { return &c.HTTP.PrivateKey },
		},
		{
			Path: "http.client_ca", Reload: Live,
			Doc: "PEM file of the authorities that clients' certificates have to come from. They stand in for tokens where `http.clients` has a `certificate:` line for them: a client " +
				"may show one. If empty, none is asked for.",
			field: func(c *Config) any { return &c.HTTP.ClientCA },
		},
		{
			Path: "http.clients", Reload: Live,
			Doc: "File of those who may use the HTTP side, and what for: on each line a name, rights (`read`, `send`, `start`, `admin` with commas between, or `all`) and a credential " +
				"(`sha256:HASH` of a token, `token:TOKEN`, or `certificate:NAME`). `parley token NAME RIGHTS` makes a token and its line. See http.md.",
			field: func(c *Config) any { return &c.HTTP.Clients },
		},
		{
			Path: "http.max_requests_per_second", Reload: Restart,
			Doc: "Requests a second of each client of `http.clients`, and of each address without credential; more get 429. Those that `http.loopback_open` lets in are not counted. " +
				"0: no limit.",
			field: func(c *Config) any { return &c.HTTP.MaxPerSecond },
		},
		{
			Path: "webhooks", Reload: Restart, secret: true,
			Doc: "Where events are posted to, a list of `URL secret=SECRET`; behind that may stand `type=EVENT`, `session=ID` and `tag=NAME` or `tag=NAME=VALUE`, each several " +
				"times: only events of one of the types, of one of the sessions, with all of the tags. The secret signs what is sent, 16 to 256 characters without blanks. A new entry begins " +
				"with what happens from then on; one whose URL, types, sessions or tags change is a new one. See [http.md](http.md#webhooks); more webhooks can be made there. In the variable no entry can hold a comma.",
			field: func(c *Config) any { return &c.Webhooks },
		},
		{
			Path: "ask.url", Reload: Restart,
			Doc: "Where the application is asked what to do with a call, by the request route's [`ask`](route.md#asking-the-application). Where there is no `route`, it is asked about every call. " +
				"If empty, `ask` is an error.",
			field: func(c *Config) any { return &c.Ask.URL },
		},
		{
			Path: "ask.secret", Reload: Restart, secret: true,
			Doc:   "What the question is signed with, as events to `webhooks` are: 16 to 256 characters without blanks.",
			field: func(c *Config) any { return &c.Ask.Secret },
		},
		{
			Path: "ask.timeout", Reload: Restart,
			Doc:   "Seconds that the application has to answer, 30 at most. After that the call is handled as `ask` says, else refused with 480.",
			field: func(c *Config) any { return &c.Ask.Timeout },
		},
		{
			Path: "events.subscribe", Reload: Restart,
			Doc: "Sockets that get events from the start and without end, as `subscribe_event` in the start-up route of OpenSIPS: a list of `EVENT SOCKET`, such as " +
				"`E_MSRP_MSG_RECEIVED udp:127.0.0.1:9091`. Sockets are `udp:HOST:PORT`, `tcp:HOST:PORT` and `unix:/PATH`; see `event_subscribe` in mi.md.",
			field: func(c *Config) any { return &c.Events.Subscribe },
		},
		{
			Path: "events.target_allow", Reload: Restart,
			Doc: "Where events may be sent to, to sockets and to webhooks: a list of addresses, prefixes and the words of `msrp.connect_allow`. Empty: anywhere. What counts " +
				"is the address that is sent to, whatever name leads there. Unspecified, broadcast and multicast addresses never are.",
			field: func(c *Config) any { return &c.Events.TargetAllow },
		},
		{
			Path: "events.target_deny", Reload: Restart,
			Doc:   "Where no event is sent to, even where `events.target_allow` has it.",
			field: func(c *Config) any { return &c.Events.TargetDeny },
		},
		{
			Path: "events.unix_sockets", Reload: Restart,
			Doc:   "Whether events may be sent to unix sockets.",
			field: func(c *Config) any { return &c.Events.UnixSockets },
		},
		{
			Path: "events.max_sockets", Reload: Restart,
			Doc:   "How many sockets may get events at the same time, 1 to 10,000. Each follows the journal by itself.",
			field: func(c *Config) any { return &c.Events.MaxSockets },
		},
		{
			Path: "mi.fifo", Reload: Restart,
			Doc: "Path of the FIFO of the management interface, which the node makes; opensips-cli looks for `/tmp/opensips_fifo`. Empty: there is none. Who may write " +
				"to it may do everything.",
			field: func(c *Config) any { return &c.MI.FIFO },
		},
		{
			Path: "mi.fifo_mode", Reload: Restart,
			Doc: "Permissions of the FIFO, in octal. Clients of other users are not answered, whatever it says: answers go only into FIFOs of the user that the " +
				"node runs as.",
			field: func(c *Config) any { return &c.MI.FIFOMode },
		},
		{
			Path: "mi.reply_dir", Reload: Restart,
			Doc:   "Folder of the FIFOs that clients make for their answers. If empty, that of `mi.fifo`.",
			field: func(c *Config) any { return &c.MI.ReplyDir },
		},
		{
			Path: "mi.datagram", Reload: Restart,
			Doc: "Sockets on which the management interface takes a request in a datagram, and answers in one: a list of `udp:HOST:PORT`, on loopback only, since " +
				"datagrams carry no authentication, and `unix:PATH`, which only the user may use that the node runs as.",
			field: func(c *Config) any { return &c.MI.Datagram },
		},
		{
			Path: "log.level", Reload: Live,
			Doc:   "The least that is logged: `debug`, `info`, `warn` or `error`.",
			field: func(c *Config) any { return &c.Log.Level },
		},
		{
			Path: "log.format", Reload: Restart,
			Doc:   "`text` or `json`, one line for each record.",
			field: func(c *Config) any { return &c.Log.Format },
		},
		{
			Path: "hep.target", Reload: Restart,
			Doc: "Where each SIP and MSRP message is sent to as it passes, in HEPv3, for Homer and other capture servers: `udp:HOST:PORT` or `tcp:HOST:PORT`, usually port 9060. If empty, " +
				"none is, and that costs nothing. See [monitoring.md](monitoring.md#capture).",
			field: func(c *Config) any { return &c.HEP.Target },
		},
		{
			Path: "hep.id", Reload: Restart,
			Doc:   "The number of this node as a capture agent, from 0 to 4294967295.",
			field: func(c *Config) any { return &c.HEP.ID },
		},
		{
			Path: "hep.password", Reload: Restart, secret: true,
			Doc:   "What the capture server asks its agents for, at most 256 octets; it is sent as it stands. If empty, nothing.",
			field: func(c *Config) any { return &c.HEP.Password },
		},
		{
			Path: "hep.bodies", Reload: Restart,
			Doc:   "Whether the capture server gets what MSRP messages say, too, of each the first 16 KiB. If `false`, only their heads.",
			field: func(c *Config) any { return &c.HEP.Bodies },
		},
		{
			Path: "otel.endpoint", Reload: Restart,
			Doc: "URL of an OpenTelemetry collector, or another receiver of OTLP over HTTP, for traces of messages; usually port 4318. Where it has no path, `/v1/traces` is added. If empty, nothing " +
				"is traced, and that costs nothing. See [monitoring.md](monitoring.md#traces).",
			field: func(c *Config) any { return &c.OTel.Endpoint },
		},
		{
			Path: "otel.one_in", Reload: Restart,
			Doc:   "Of how many messages one is traced, 1 to 1,000,000. Where a command comes with a `traceparent`, that says whether it is.",
			field: func(c *Config) any { return &c.OTel.OneIn },
		},
	}
	c := Default()
	for i := range keys {
		keys[i].Default = keys[i].Text(&c)
	}
	return keys
}

// Text is the key's value in c, as YAML text on one line.
func (k *Key) Text(c *Config) string {
	switch v := k.field(c).(type) {
	case *string:
		if k.Section() == "log" {
			return *v
		}
		return strconv.Quote(*v)
	case *[]string:
		words := make([]string, len(*v))
		for i, s := range *v {
			words[i] = strconv.Quote(s)
		}
		return "[" + strings.Join(words, ", ") + "]"
	case *int:
		return strconv.Itoa(*v)
	case *bool:
		return strconv.FormatBool(*v)
	case *fs.FileMode:
		return fmt.Sprintf("%04o", uint32(*v))
	case *time.Duration:
		return strconv.FormatFloat(v.Seconds(), 'f', -1, 64)
	}
	return ""
}

// find returns the key with that path.
func find(keys []Key, path string) (*Key, bool) {
	i := slices.IndexFunc(keys, func(k Key) bool { return k.Path == path })
	if i < 0 {
		return nil, false
	}
	return &keys[i], true
}
