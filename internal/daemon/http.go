package daemon

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/certificate"
	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/mi"
	"github.com/parley-msrp/parley/internal/version"
	"github.com/parley-msrp/parley/internal/web"
)

// serveHTTP serves the HTTP side on l, and over TLS where that is configured.
func (n *node) serveHTTP(l net.Listener, c *config.HTTP, methods *mi.Server) error {
	clients, err := loadClients(c)
	if err != nil {
		return err
	}
	n.gate = access.NewGate(access.GateConfig{LoopbackOpen: c.LoopbackOpen, MaxPerSecond: c.MaxPerSecond}, clients)
	var bodies web.Bodies
	if j, ok := n.journal.(*journal.Durable); ok {
		bodies = j
	}
	n.web, err = web.New(web.Config{
		MI: methods, Node: n.control, Events: n.control, Bodies: bodies, Webhooks: n.sinks.webhooks, Gate: n.gate, Statistics: n.control.Statistics().Set,
		Ready: n.ready, Reload: n.reload, Product: version.Server(), Version: version.String(), Logger: n.log, Tracer: n.tracer,
	})
	if err != nil {
		return err
	}
	if err := n.web.Start(l); err != nil {
		return err
	}
	return n.serveHTTPS(c)
}

// loadClients reads http.clients; nil where there is none.
func loadClients(c *config.HTTP) (*access.Clients, error) {
	if c.Clients == "" {
		return nil, nil
	}
	clients, err := access.LoadClients(c.Clients)
	if err != nil {
		return nil, fmt.Errorf("http.clients: %w", err)
	}
	return clients, nil
}

func noClients(c *config.HTTP) error {
	return fmt.Errorf("http.clients: %s has no client, so that nobody could use http.listen_tls; parley token makes lines for it", c.Clients)
}

func (n *node) serveHTTPS(c *config.HTTP) error {
	if len(c.ListenTLS) == 0 {
		return nil
	}
	if !n.gate.Authenticates() {
		return noClients(c)
	}
	files, err := certificate.Load(n.webFiles(c))
	if err != nil {
		return fmt.Errorf("http: %w", err)
	}
	n.httpFiles = files
	for _, address := range c.ListenTLS {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("HTTPS listener: %w", err)
		}
		if err := n.web.StartTLS(l, webTLS(files)); err != nil {
			return errors.Join(err, l.Close())
		}
		n.https = append(n.https, "https://"+l.Addr().String())
	}
	return nil
}

// webTLS shows the certificate, and verifies those of clients, as the files have them at each handshake.
func webTLS(files *certificate.Files) *tls.Config {
	c := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return files.Certificate() },
	}
	asking := c.Clone()
	asking.ClientAuth = tls.VerifyClientCertIfGiven
	// A handshake that is resumed would not look at the certificate, nor at authorities that have changed since.
	asking.SessionTicketsDisabled = true
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		roots, err := files.Roots()
		if err != nil || roots == nil {
			return nil, err // nobody is asked for a certificate
		}
		now := asking.Clone()
		now.ClientCAs = roots
		return now, nil
	}
	return c
}
