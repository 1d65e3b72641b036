// Package config is the daemon's configuration: its keys with their documentation, defaults and reload classes, read from a YAML
// file and from the environment.
package config

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/parley-msrp/parley/internal/auth"
	"github.com/parley-msrp/parley/internal/wire"
)

// Config is the whole configuration. Keys describes each field but File.
type Config struct {
	File string // that it was read from; "": none

	SIP     SIP
	TLS     TLS
	MSRP    MSRP
	MSRPUA  MSRPUA
	UACAuth UACAuth
	Auth    Auth
	Route   string // file of the request route; "": the default route
	DataDir string // "": StateDir
	Node    string // "": by the host
	Journal Journal
	NATS    NATS
	HTTP    HTTP
	Events  Events
	Ask     Ask

	Webhooks []string // see Webhook; secret
	MI       MI
	Log      Log
	HEP      HEP
	OTel     OTel
}

// SIP is what is said below the key sip.
type SIP struct {
	Listen        []string // "udp:127.0.0.1:5060"
	SetupTimeout  time.Duration
	Allow         []string // addresses and prefixes; see Prefixes
	Deny          []string
	Trusted       []string
	Register      []string // see Registration
	OutboundProxy string   // "sip:proxy.example.com"; "": none
	DNSServers    []string // "192.0.2.53:53"; empty: the system's

	MaxCallsPerSecond, MaxCallsPerSecondPerSource int // 0: no limit, as for those below
	MaxCallsInSetup, MaxCallsInSetupPerSource     int
	MaxSessions                                   int // at least 1
	MaxSessionsPerSource                          int

	Replaces            string        // off, same_source, any
	Refer               string        // off, in_dialog
	MaxRedirects        int           // 0: none is followed
	SessionExpires      time.Duration // 0: none is asked for
	MinSE               time.Duration
	ReliableProvisional bool
}

// TLS is what is said below the key tls: PEM files, and what peers have to show.
type TLS struct {
	Certificate, PrivateKey string
	CAList                  string // "": the system's
	ClientCertificates      string // none, ask, require
	LegacyCipher            bool   // of RFC 4975 §14.2, for MSRP
}

// MSRP is what is said below the key msrp.
type MSRP struct {
	Listen              []string // "tcp:127.0.0.1:2855"; empty: Complete fills it from my_uri
	AdvertisedElsewhere bool     // something in between leads my_uri to a listener
	Setup               string   // actpass, active
	CEMA                string   // off, on, lenient
	Match               string   // uri, session_id
	UnwrapCPIM          bool     // events tell what message/cpim brings
	ConnectAllow        []string // addresses, prefixes and classes; see Targets
	ConnectDeny         []string
	ConnectAttempts     int // 0: no limit
	RelayIdleTimeout    time.Duration
	Recovery            bool // sessions outlive their connections
	RecoveryTime        time.Duration
	MaxMessage          int

	RecoveryAfterRestart bool // established calls outlive the process
}

// MSRPUA is what is said below the key msrp_ua: the parameters of OpenSIPS' module of that name.
type MSRPUA struct {
	MyURI             string
	AdvertisedContact string
	RelayURI          string // of one relay, or of several with spaces between; "": none
	HashSize          int
	CleanupInterval   time.Duration
	MaxDuration       time.Duration // 0: no limit
}

// UACAuth is what is said below the key uac_auth: the parameters of OpenSIPS' module of that name.
type UACAuth struct {
	Credential []string // username:realm:password; secret
}

// Auth is what is said below the key auth.
type Auth struct {
	Users         string   // file; "": none
	Realm         string   // that Listeners ask for
	Listeners     []string // of sip.listen
	MD5           bool
	NonceLifetime time.Duration
}

// Credentials are those of credential, as far as they can be read: Check has the words for the others.
func (u *UACAuth) Credentials() []auth.Credential {
	var all []auth.Credential
	for _, s := range u.Credential {
		if c, err := auth.ParseCredential(s); err == nil {
			all = append(all, c)
		}
	}
	return all
}

// Journal is what is said below the key journal.
type Journal struct {
	Durability string        // memory, process, fsync
	MaxAge     time.Duration // 0: no limit, as for those below
	MaxOctets  int
	MaxEvents  int

	MaxBody       int // octets of a body within an event
	MaxBodyOctets int // of all others
}

// NATS is what is said below the key nats: an outside cluster.
type NATS struct {
	URL         string // "": the embedded server
	Credentials string // file; "": none
	CAList      string // file; "": the system's
	Replicas    int
}

// HEP is what is said below the key hep: the capture server.
type HEP struct {
	Target   string // "udp:192.0.2.1:9060"; "": none
	ID       int    // of the capture agent
	Password string // "": none
	Bodies   bool   // of MSRP messages, too
}

// OTel is what is said below the key otel: traces of messages.
type OTel struct {
	Endpoint string // "http://127.0.0.1:4318"; "": none
	OneIn    int    // of so many messages one is traced
}

// StateDir is the folder for what outlives the process where data_dir names none.
func StateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "parley"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("data_dir: no home directory to keep data in: %w; say data_dir", err)
	}
	return filepath.Join(home, ".local", "state", "parley"), nil
}

// HTTP is what is said below the key http.
type HTTP struct {
	Listen       string   // HOST:PORT on loopback, without TLS
	ListenTLS    []string // HOST:PORT
	Certificate  string   // PEM files; Complete takes those of TLS where there are none
	PrivateKey   string
	ClientCA     string // "": no certificates are asked for
	Clients      string // file; "": there are none
	LoopbackOpen bool
	MaxPerSecond int // 0: no limit
}

// Ask is what is said below the key ask: whom the request route asks about a call.
type Ask struct {
	URL, Secret string
	Timeout     time.Duration
}

// Events is what is said below the key events: where they may go, and go without being asked for.
type Events struct {
	TargetAllow []string // addresses, prefixes and classes; see Targets
	TargetDeny  []string
	UnixSockets bool
	MaxSockets  int
	Subscribe   []string // "EVENT SOCKET"; see Subscription
}

// MI is what is said below the key mi: what carries the management interface besides HTTP.
type MI struct {
	FIFO     string // path; "": none
	FIFOMode fs.FileMode
	ReplyDir string   // "": Complete gives it the folder of FIFO
	Datagram []string // "udp:127.0.0.1:8080", "unix:/run/parley/mi.sock"; see Datagram
}

// Log is what is said below the key log.
type Log struct {
	Level  string // debug, info, warn, error
	Format string // text, json
}

// leastSE is the smallest session interval that there may be (RFC 4028 §5).
const leastSE = 90 * time.Second

// DefaultMSRPPort is the port of a my_uri without one (RFC 4975 §15.4; as in OpenSIPS).
const DefaultMSRPPort = 2855

// Default is the configuration without a file and an environment.
func Default() Config {
	c := base()
	c.Complete()
	return c
}

// base is Default without what follows from other keys.
func base() Config {
	return Config{
		SIP: SIP{
			Listen:       []string{"udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"},
			SetupTimeout: 60 * time.Second,

			MaxCallsInSetup: 20_000,
			MaxSessions:     100_000,
			MinSE:           leastSE,
			Replaces:        "same_source",
			Refer:           "off",
		},
		MSRP: MSRP{
			Setup: "actpass", CEMA: "off", Match: "uri", ConnectAttempts: 10, RelayIdleTimeout: time.Hour, MaxMessage: 16 << 20,
			Recovery: true, RecoveryTime: 30 * time.Second, RecoveryAfterRestart: true,
		},
		MSRPUA: MSRPUA{
			MyURI:           "msrp://127.0.0.1:2855;tcp",
			HashSize:        10,
			CleanupInterval: 60 * time.Second,
			MaxDuration:     43200 * time.Second,
		},
		Auth:    Auth{NonceLifetime: 300 * time.Second},
		TLS:     TLS{ClientCertificates: "none"},
		HTTP:    HTTP{Listen: "127.0.0.1:8888", LoopbackOpen: true, MaxPerSecond: 1000},
		Journal: Journal{Durability: "process", MaxAge: 7 * 24 * time.Hour, MaxOctets: 1 << 30, MaxBody: 64 << 10, MaxBodyOctets: 4 << 30},
		NATS:    NATS{Replicas: 1},
		Events:  Events{UnixSockets: true, MaxSockets: 64},
		Ask:     Ask{Timeout: 5 * time.Second},
		Log:     Log{Level: "info", Format: "text"},
		MI:      MI{FIFOMode: 0o600},
		OTel:    OTel{OneIn: 1},
	}
}

// URI is my_uri, its port filled in. The error says what is wrong with it.
func (m *MSRPUA) URI() (wire.URI, error) { return ownURI(m.MyURI) }

// Complete fills in what follows from other keys: an empty mi.reply_dir is the folder of mi.fifo; HTTP shows the certificate of
// tls where it has none of its own; an empty msrp.listen listens where my_uri leads to; on all addresses where my_uri has a name. It does nothing where that cannot be told, for which Check has the words.
func (c *Config) Complete() {
	if h := &c.HTTP; h.Certificate == "" && h.PrivateKey == "" && len(h.ListenTLS) > 0 {
		h.Certificate, h.PrivateKey = c.TLS.Certificate, c.TLS.PrivateKey
	}
	if c.MI.ReplyDir == "" && filepath.IsAbs(c.MI.FIFO) {
		c.MI.ReplyDir = filepath.Dir(c.MI.FIFO)
	}
	if len(c.MSRP.Listen) > 0 || c.MSRP.AdvertisedElsewhere {
		return
	}
	u, err := c.MSRPUA.URI()
	if err != nil {
		return
	}
	l := Listener{Proto: msrpListener(u), Host: u.Host, Port: u.Port}
	switch _, err := netip.ParseAddr(u.Host); {
	case u.Host == "localhost":
		l.Host = "127.0.0.1"
	case err != nil:
		l.Host = "::"
	}
	c.MSRP.Listen = []string{l.String()}
}

// Load reads a file over the defaults, then the environment (PARLEY_SIP_LISTEN …, see Key.Variable) over both, completes and
// checks. Without a path there is no file. Files that the configuration file names are taken to be relative to it. The error is an
// *Error for everything that is wrong with file or environment: it names place and key, and says what would be right; an error of
// another type says that the file cannot be read.
func Load(path string) (Config, error) {
	c := base()
	c.File = path
	var src source
	if path != "" {
		text, err := read(path)
		if err != nil {
			return Config{}, err
		}
		src = source{file: path, text: text}
		src.overlayFile(&c)
		for _, name := range []*string{
			&c.Route, &c.Auth.Users, &c.TLS.Certificate, &c.TLS.PrivateKey, &c.TLS.CAList, &c.HTTP.Certificate, &c.HTTP.PrivateKey, &c.HTTP.ClientCA, &c.HTTP.Clients,
			&c.DataDir, &c.NATS.Credentials, &c.NATS.CAList,
		} {
			beside(path, name)
		}
	}
	src.overlayEnvironment(&c, os.LookupEnv)
	c.Complete()
	src.check(&c)
	if len(src.problems) > 0 {
		src.sort()
		return Config{}, &Error{Problems: src.problems}
	}
	return c, nil
}

// beside gives a file that is named in the configuration file its place: a relative name counts from the configuration file.
func beside(path string, name *string) {
	if *name != "" && !filepath.IsAbs(*name) {
		*name = filepath.Join(filepath.Dir(path), *name)
	}
}

// maxFile bounds the configuration file, in octets.
const maxFile = 1 << 20

func read(path string) ([]byte, error) {
	s, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if s.Size() > maxFile {
		return nil, fmt.Errorf("configuration: %s has %s octets, %d are taken", path, strconv.FormatInt(s.Size(), 10), maxFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return text, nil
}
