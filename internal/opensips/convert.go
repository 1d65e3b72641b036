package opensips

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-msrp/parley/internal/config"
)

// Result is what a file says in Parley's configuration.
type Result struct {
	YAML  []byte // a configuration file
	Route []byte // a request route; nil: the file answers no INVITE with msrp_ua_answer
	Notes []Note // what could not be carried over, or is to be looked at, in the order of the file
}

// Note is one thing that could not be carried over, or that is to be looked at.
type Note struct {
	Line int    `json:"line"` // of opensips.cfg, from 1; 0: none in particular
	Text string `json:"text"`
}

func (n Note) String() string {
	if n.Line == 0 {
		return n.Text
	}
	return fmt.Sprintf("line %d: %s", n.Line, n.Text)
}

// RouteName is the file that the configuration names as its request route.
const RouteName = "route.star"

// Convert reads an opensips.cfg. The error is a *SyntaxError for what cannot be read. What the result says is right by itself, but whether it passes
// config.Load is for the caller to see: it may name addresses that are wrong in the file.
func Convert(contents string) (Result, error) {
	f, err := parse(contents)
	if err != nil {
		return Result{}, err
	}
	c := &conversion{file: f}
	c.sockets()
	c.parameters()
	c.globals()
	c.rest()
	route := c.route()
	slices.SortStableFunc(c.notes, func(a, b Note) int { return cmp.Compare(a.Line, b.Line) })
	return Result{YAML: c.yaml(), Route: route, Notes: c.notes}, nil
}

// conversion collects the values of keys, by path.
type conversion struct {
	file   *file
	values []value
	notes  []Note
}

// value is that of one key.
type value struct {
	path   string
	one    string
	list   []string // for a key that takes a list; then one is empty
	number bool     // one is written without quotes
	line   int      // where it stood, or the first of its list
}

func (c *conversion) note(line int, format string, args ...any) {
	c.notes = append(c.notes, Note{line, fmt.Sprintf(format, args...)})
}

func (c *conversion) find(path string) *value {
	if i := slices.IndexFunc(c.values, func(v value) bool { return v.path == path }); i >= 0 {
		return &c.values[i]
	}
	return nil
}

func (c *conversion) set(path, one string, number bool, line int) {
	if v := c.find(path); v != nil {
		c.note(line, "%s stands twice; this one counts, as in OpenSIPS", path)
		v.one, v.line = one, line
		return
	}
	c.values = append(c.values, value{path: path, one: one, number: number, line: line})
}

func (c *conversion) add(path, entry string, line int) {
	v := c.find(path)
	if v == nil {
		c.values = append(c.values, value{path: path, line: line})
		v = &c.values[len(c.values)-1]
	}
	if !slices.Contains(v.list, entry) {
		v.list = append(v.list, entry)
	}
}

// ports are those that a socket without one has.
var ports = map[string]string{"udp": "5060", "tcp": "5060", "tls": "5061", "msrp": "2855", "msrps": "2855"}

// sockets takes what is listened on: socket= of OpenSIPS 3, listen= of older ones.
func (c *conversion) sockets() {
	for _, s := range c.file.settings {
		if s.name != "socket" && s.name != "listen" {
			continue
		}
		proto, address, found := strings.Cut(s.value, ":")
		fallback, known := ports[proto]
		if !found || !known {
			c.note(s.line, "%s=%s: Parley listens for udp, tcp and tls, and for msrp and msrps; this is left out", s.name, s.value)
			continue
		}
		host, port := address, fallback
		if h, p, err := net.SplitHostPort(address); err == nil {
			host, port = h, p
		}
		host = strings.Trim(host, "[]")
		if host == "*" {
			host = "0.0.0.0"
		}
		if _, err := netip.ParseAddr(host); err != nil {
			c.note(s.line, "%s=%s: OpenSIPS takes names of hosts and interfaces here; see that %q leads to an address of this machine", s.name, s.value, host)
		}
		at := net.JoinHostPort(host, port)
		switch proto {
		case "msrp":
			c.add("msrp.listen", "tcp:"+at, s.line)
		case "msrps":
			c.add("msrp.listen", "tls:"+at, s.line)
		default:
			c.add("sip.listen", proto+":"+at, s.line)
		}
		c.options(s)
	}
}

// options are the words behind a socket.
func (c *conversion) options(s setting) {
	for i := 0; i < len(s.more); i++ {
		switch o := strings.ToLower(s.more[i]); o {
		case "as":
			if i++; i < len(s.more) {
				c.note(s.line, "this socket is advertised as %s: in Parley, msrp_ua.advertised_contact says what stands in the Contact, and msrp_ua.my_uri in the session description", s.more[i])
			}
		case "use_workers", "use_children":
			i++ // Parley needs no processes
		case "tag", "use_auto_scaling_profile", "accept_subdomain_alias", "anycast", "reuse_port", "frag":
			c.note(s.line, "the option %s of the socket has no counterpart", o)
			if o == "tag" || o == "use_auto_scaling_profile" {
				i++
			}
		}
	}
}

// target is the key that a module's parameter becomes.
type target struct {
	path   string
	number bool
	list   bool
}

// targets are the parameters that are carried over as they are.
var targets = map[string]target{
	"msrp_ua.hash_size":          {path: "msrp_ua.hash_size", number: true},
	"msrp_ua.cleanup_interval":   {path: "msrp_ua.cleanup_interval", number: true},
	"msrp_ua.max_duration":       {path: "msrp_ua.max_duration", number: true},
	"msrp_ua.my_uri":             {path: "msrp_ua.my_uri"},
	"msrp_ua.advertised_contact": {path: "msrp_ua.advertised_contact"},
	"msrp_ua.relay_uri":          {path: "msrp_ua.relay_uri"},
	"uac_auth.credential":        {path: "uac_auth.credential", list: true},
}

// parameters takes those of the modules.
func (c *conversion) parameters() {
	var http struct {
		ip, port string
		line     int
	}
	for _, p := range c.file.params {
		name := p.module + "." + p.name
		if t, ok := targets[name]; ok {
			switch {
			case t.list:
				c.add(t.path, p.value, p.line)
			case t.number && !number(p.value):
				c.note(p.line, "%s: %q is no number; the default holds", name, p.value)
			default:
				c.set(t.path, p.value, t.number, p.line)
			}
			continue
		}
		switch name {
		case "httpd.ip":
			http.ip, http.line = p.value, p.line
		case "httpd.port":
			http.port, http.line = p.value, p.line
		default:
			c.parameter(p, name)
		}
	}
	if http.line > 0 {
		c.set("http.listen", net.JoinHostPort(cmp.Or(http.ip, "127.0.0.1"), cmp.Or(http.port, "8888")), false, http.line)
	}
}

// parameter takes what is carried over in another form, or not at all.
func (c *conversion) parameter(p parameter, name string) {
	domain, path := "", p.value
	if strings.HasPrefix(path, "[") {
		domain, path, _ = strings.Cut(strings.TrimPrefix(path, "["), "]")
	}
	files := map[string]string{"tls_mgm.certificate": "tls.certificate", "tls_mgm.private_key": "tls.private_key", "tls_mgm.ca_list": "tls.ca_list"}
	switch key := files[name]; {
	case key != "" && c.find(key) != nil:
		c.note(p.line, "%s of the TLS domain %q: Parley has one certificate; this one is left out", name, domain)
	case key != "":
		c.set(key, path, false, p.line)
	case name == "mi_http.root":
		if strings.Trim(p.value, "/") != "mi" {
			c.note(p.line, "the management interface is at /mi, not at /%s", strings.Trim(p.value, "/"))
		}
	case p.module == "mi_fifo" && p.name == "fifo_name":
		c.set("mi.fifo", p.value, false, p.line)
	case p.module == "mi_fifo" && p.name == "reply_dir":
		c.set("mi.reply_dir", p.value, false, p.line)
	case p.module == "mi_datagram" && p.name == "socket_name":
		c.datagram(p)
	case p.module == "proto_msrp" || p.module == "msrp_ua" || p.module == "uac_auth" || p.module == "proto_msrps" || p.module == "msrp_relay" ||
		strings.HasPrefix(p.module, "mi_") || p.module == "httpd" || p.module == "tls_mgm" || strings.HasPrefix(p.module, "event_"):
		c.note(p.line, "%s = %q has no counterpart and is left out", name, p.value)
	}
}

func number(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil
}

// globals takes what stands outside of modules.
func (c *conversion) globals() {
	levels := map[string]string{"-3": "error", "-2": "error", "-1": "error", "0": "error", "1": "warn", "2": "warn", "3": "info", "4": "debug"}
	for _, s := range c.file.settings {
		switch s.name {
		case "log_level", "debug":
			level, known := levels[s.value]
			if !known {
				c.note(s.line, "%s=%s: no such level; info holds", s.name, s.value)
				continue
			}
			c.set("log.level", level, true, s.line)
		case "advertised_address", "advertised_port", "alias", "auto_aliases", "mhomed", "server_header", "user_agent_header":
			c.note(s.line, "%s has no counterpart and is left out", s.name)
		}
	}
}

// ours are the modules whose work Parley does, or that it needs nothing of.
var ours = []string{
	"msrp_ua", "proto_msrp", "proto_msrps", "uac_auth", "mi_http", "httpd", "mi_fifo", "mi_datagram", "event_datagram", "event_stream", "proto_udp", "proto_tcp", "proto_tls",
	"tls_mgm", "tls_openssl", "tls_wolfssl", "tm", "sl", "signaling", "sipmsgops", "maxfwd", "dialog", "rr", "b2b_entities", "textops", "mi_html", "sl",
}

// rest says what was found and means nothing here.
func (c *conversion) rest() {
	for _, m := range c.file.modules {
		name := strings.TrimSuffix(m.value[strings.LastIndexByte(m.value, '/')+1:], ".so")
		if !slices.Contains(ours, name) {
			c.note(m.line, "the module %s has no counterpart: Parley is a user agent, and what proxies do stays with the proxy", name)
		}
	}
	for _, i := range c.file.includes {
		c.note(i.line, "%s is not read: import %q by itself", i.name, i.value)
	}
	for _, r := range c.file.routes {
		if r.name != "route" || r.value != "" {
			c.note(r.line, "%s is not carried over", routeName(r))
		}
	}
	if c.find("msrp_ua.my_uri") == nil {
		c.note(0, "my_uri of msrp_ua is not set, which OpenSIPS demands; Parley takes msrp://127.0.0.1:2855;tcp")
	}
}

func routeName(r setting) string {
	if r.value == "" {
		return r.name
	}
	return r.name + "[" + r.value + "]"
}

// route is the request route of what is answered.
func (c *conversion) route() []byte {
	var types []string
	for _, a := range c.file.answers {
		if a.types == "" {
			c.note(a.line, "the types of this msrp_ua_answer are not a constant: write what is meant into %s", RouteName)
			continue
		}
		if !slices.Contains(types, a.types) {
			types = append(types, a.types)
		}
	}
	if len(types) == 0 {
		return nil
	}
	c.set("route", RouteName, false, c.file.answers[0].line)
	var b strings.Builder
	b.WriteString("# Who is answered, and with which media types.\n")
	if c.file.used > 0 || len(types) > 1 {
		c.note(c.file.answers[0].line, "of the request route only its msrp_ua_answer is carried over, not its conditions: look at %s", RouteName)
	}
	b.WriteString("def request(msg):\n")
	for _, other := range types[1:] {
		fmt.Fprintf(&b, "    # opensips.cfg also has: msrp_ua_answer(%s)\n", strconv.Quote(other))
	}
	fmt.Fprintf(&b, "    msrp_ua_answer(%s)\n", strconv.Quote(types[0]))
	return []byte(b.String())
}

// yaml writes the values in the order of the configuration's documentation.
func (c *conversion) yaml() []byte {
	var b strings.Builder
	b.WriteString("# Made from an opensips.cfg. All keys are in docs/configuration.md.\n")
	section := ""
	keys := config.Keys()
	for i := range keys {
		v := c.find(keys[i].Path)
		if v == nil {
			continue
		}
		if s := keys[i].Section(); s != section {
			section = s
			if s != "" {
				b.WriteString(s + ":\n")
			}
		}
		if section != "" {
			b.WriteString("  ")
		}
		fmt.Fprintf(&b, "%s: %s\n", keys[i].Name(), v.text())
	}
	return []byte(b.String())
}

func (v *value) text() string {
	switch {
	case v.list != nil:
		words := make([]string, len(v.list))
		for i, s := range v.list {
			words[i] = strconv.Quote(s)
		}
		return "[" + strings.Join(words, ", ") + "]"
	case v.number:
		return v.one
	}
	return strconv.Quote(v.one)
}

// datagram takes a socket of mi_datagram: a path, or udp:HOST:PORT.
func (c *conversion) datagram(p parameter) {
	switch {
	case strings.HasPrefix(p.value, "/"):
		c.add("mi.datagram", "unix:"+p.value, p.line)
	case strings.HasPrefix(p.value, "udp:"):
		c.add("mi.datagram", p.value, p.line)
	default:
		c.note(p.line, "mi_datagram.socket_name = %q: a path, or udp:HOST:PORT, is understood", p.value)
	}
}
