package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/certificate"
	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/ua"
)

// reloadOn reloads for each signal until ctx ends.
func (n *node) reloadOn(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			_, _ = n.reload() // it is in the log
		}
	}
}

// reload reads the configuration, and all files that it names and that can change in a running node, anew: request route, clients, certificates. All
// is read and checked before anything changes. Sessions go on; so do the connections of peers, clients and readers.
func (n *node) reload() (control.Reloaded, error) {
	n.reloading.Lock()
	defer n.reloading.Unlock()
	changed, err := n.reloadOnce()
	if err != nil {
		n.log.Error("configuration not reloaded, nothing has changed", "err", strings.ReplaceAll(err.Error(), "\n", " "))
		return changed, err
	}
	n.log.Info("configuration reloaded", "changed", changed.Changed, "at_next_start", changed.NextStart)
	return changed, nil
}

func (n *node) reloadOnce() (control.Reloaded, error) {
	switch {
	case !n.started.Load(): // the FIFO is there before the rest is
		return control.Reloaded{}, errors.New("the node is still starting")
	case n.draining.Load():
		return control.Reloaded{}, errors.New("the node is shutting down")
	}
	next, changes, err := n.config.Again()
	if err != nil {
		return control.Reloaded{}, err
	}
	put, err := n.prepare(&next)
	if err != nil {
		return control.Reloaded{}, err
	}
	// The last that can fail, and it fails as a whole.
	err = n.agent.Adjust(ua.Settings{
		SetupTimeout: next.SIP.SetupTimeout, MaxDuration: next.MSRPUA.MaxDuration, CleanupInterval: next.MSRPUA.CleanupInterval,
		MyURI: next.MSRPUA.MyURI, Contact: next.MSRPUA.AdvertisedContact,
	})
	if err != nil {
		return control.Reloaded{}, err
	}
	for _, p := range put {
		p()
	}
	// What log_level has set stays, unless the configuration says something else than before.
	if next.Log.Level != n.config.Log.Level {
		n.level.Set(levelOf(next.Log).Level())
	}
	n.config = next
	return control.Reloaded{Changed: slices.Concat([]string{}, changes.Taken), NextStart: slices.Concat([]string{}, changes.NextStart)}, nil
}

// prepare reads the files that the configuration names. What was read counts once all of put were called, which cannot fail.
func (n *node) prepare(next *config.Config) (put []func(), err error) {
	script, err := n.loadRoute(next)
	if err != nil {
		return nil, err
	}
	put = append(put, func() { n.router.script.Store(script) })
	clients, err := loadClients(&next.HTTP)
	if err != nil {
		return nil, err
	}
	if n.httpFiles != nil && !access.NewGate(access.GateConfig{}, clients).Authenticates() {
		return nil, noClients(&next.HTTP)
	}
	put = append(put, func() { n.gate.SetClients(clients) })
	files, err := n.files.Prepare(n.sipFiles(next))
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	put = append(put, files)
	if n.httpFiles != nil {
		if files, err = n.httpFiles.Prepare(n.webFiles(&next.HTTP)); err != nil {
			return nil, fmt.Errorf("http: %w", err)
		}
		put = append(put, files)
	}
	return put, nil
}

func (n *node) sipFiles(c *config.Config) certificate.Config {
	return certificate.Config{Certificate: c.TLS.Certificate, PrivateKey: c.TLS.PrivateKey, Authorities: c.TLS.CAList, Logger: n.log}
}

func (n *node) webFiles(c *config.HTTP) certificate.Config {
	return certificate.Config{Certificate: c.Certificate, PrivateKey: c.PrivateKey, Authorities: c.ClientCA, Logger: n.log}
}
