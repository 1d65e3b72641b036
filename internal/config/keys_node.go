package config

// nodeKeys are those of what a node decides by, and of what it keeps.
func nodeKeys() []Key {
	return []Key{
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
			Doc: "A NATS cluster with JetStream, version 2.11 or newer, that holds the journal: `nats://HOST:PORT`, or several with commas between: when the one that the node is connected to is lost, it takes another one. At the start a cluster that does not answer is waited for, for half a minute. Empty: a server within " +
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
			Doc:   "Servers of `nats.url` that each have the journal, 1 to 5, when it is made. With 3, one of them may be lost.",
			field: func(c *Config) any { return &c.NATS.Replicas },
		},
	}
}
