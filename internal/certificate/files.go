// Package certificate keeps a TLS certificate and the authorities that peers' certificates have to come from, both from files, which are read
// again when they change.
package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Config names the files, all PEM.
type Config struct {
	Certificate string       // the own certificate, and behind it those that lead to its authority; empty: none
	PrivateKey  string       // its key
	Authorities string       // of peers' certificates; empty: the system's
	Logger      *slog.Logger // nil: none
}

const (
	// lookEvery is how often at most the files are looked at.
	lookEvery = time.Second
	// maxFile bounds a file, in octets.
	maxFile = 4 << 20
)

// Files is what the files say. Safe for concurrent use.
type Files struct {
	mu     sync.Mutex
	cfg    Config
	own    *tls.Certificate
	roots  *x509.CertPool // nil: the system's
	seen   [3]stamp
	looked time.Time
}

// stamp tells a changed file from an unchanged one.
type stamp struct {
	modified time.Time
	size     int64
}

// Load reads the files. The error names the one that is wrong.
func Load(c Config) (*Files, error) {
	f := &Files{}
	put, err := f.Prepare(c)
	if err != nil {
		return nil, err
	}
	put()
	return f, nil
}

// Prepare reads files, which may be others than before. What they say counts once put is called. The error names the one that is wrong.
func (f *Files) Prepare(c Config) (put func(), err error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	seen, looked := c.stamps(), time.Now()
	own, roots, err := c.read()
	if err != nil {
		return nil, err
	}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.cfg, f.own, f.roots, f.seen, f.looked = c, own, roots, seen, looked
	}, nil
}

// Certificate is the own certificate as the files have it now; nil without one. The error is always nil.
func (f *Files) Certificate() (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look()
	return f.own, nil
}

// Roots are the authorities as the files have them now; nil: the system's. The error is always nil.
func (f *Files) Roots() (*x509.CertPool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look()
	return f.roots, nil
}

// look reads the files again if they changed. Where that fails, because they are being written for example, what was there before stays.
func (f *Files) look() {
	if time.Since(f.looked) < lookEvery {
		return
	}
	f.looked = time.Now()
	now := f.cfg.stamps()
	if now == f.seen {
		return
	}
	f.seen = now
	own, roots, err := f.cfg.read()
	if err != nil {
		f.cfg.Logger.Error("TLS certificate not read again, the former one stays", "err", err)
		return
	}
	f.own, f.roots = own, roots
	if own != nil {
		f.cfg.Logger.Info("TLS certificate read again", "not_after", own.Leaf.NotAfter.UTC())
	}
}

func (c *Config) stamps() (all [3]stamp) {
	for i, name := range []string{c.Certificate, c.PrivateKey, c.Authorities} {
		if s, err := os.Stat(name); err == nil {
			all[i] = stamp{s.ModTime(), s.Size()}
		}
	}
	return all
}

var errNoPEM = errors.New("holds no certificate in PEM")

func (c *Config) read() (*tls.Certificate, *x509.CertPool, error) {
	own, err := c.readOwn()
	if err != nil || c.Authorities == "" {
		return own, nil, err
	}
	authorities, err := readFile(c.Authorities)
	if err != nil {
		return nil, nil, fmt.Errorf("authorities: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authorities) {
		return nil, nil, fmt.Errorf("authorities: %s %w", c.Authorities, errNoPEM)
	}
	return own, roots, nil
}

// readOwn gives the own certificate; nil where there is none.
func (c *Config) readOwn() (*tls.Certificate, error) {
	if c.Certificate == "" {
		return nil, nil
	}
	chain, err := readFile(c.Certificate)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	key, err := readFile(c.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	own, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with private key %s: %w", c.Certificate, c.PrivateKey, err)
	}
	return &own, nil
}

func readFile(name string) ([]byte, error) {
	s, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !s.Mode().IsRegular() || s.Size() > maxFile {
		return nil, fmt.Errorf("%s is no file of %d octets at most", name, maxFile)
	}
	return os.ReadFile(name)
}
