package config

// faceKeys are those of what drives a node, and of where its events go.
func faceKeys() []Key {
	return []Key{
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
			Path: "webhooks", Reload: Restart, secret: true, entry: "url",
			Doc: "Where events are posted to, a list of `URL secret=SECRET`; behind that may stand `type=EVENT`, `session=ID` and `tag=NAME` or `tag=NAME=VALUE`, each several " +
				"times: only events of one of the types, of one of the sessions, with all of the tags. " +
				"An entry may be a mapping with these names, too: `{url: URL, secret: SECRET, type: [EVENT, EVENT]}`. The secret signs what is sent, 16 to 256 characters without blanks. A new entry begins " +
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
				"node runs as, and of root.",
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
	}
}
