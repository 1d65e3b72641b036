package config

// authKeys say who this node is to others, and who its callers are.
func authKeys() []Key {
	return []Key{
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
	}
}
