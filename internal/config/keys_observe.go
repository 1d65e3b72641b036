package config

// observationKeys are those of what shows how a node works.
func observationKeys() []Key {
	return []Key{
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
}
