package cli

import (
	"context"
	"fmt"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/route"
)

type serveCommand struct {
	Config string `placeholder:"FILE" help:"Configuration file (YAML). Without one the defaults hold."`
}

func (c *serveCommand) Run(ctx context.Context, std IO, serve Serve) error {
	conf, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	return serve(ctx, conf, std.Out, std.Err)
}

type configCommand struct {
	Check configCheckCommand `cmd:"" help:"Say what is wrong with a configuration file, or nothing."`
}

type configCheckCommand struct {
	File string `arg:"" help:"The file to check."`
}

func (c *configCheckCommand) Run() error {
	conf, err := config.Load(c.File)
	if err != nil {
		return err
	}
	if _, err := conf.Auth.LoadUsers(); err != nil {
		return err
	}
	if conf.HTTP.Clients != "" {
		if _, err := access.LoadClients(conf.HTTP.Clients); err != nil {
			return fmt.Errorf("http.clients: %w", err)
		}
	}
	if conf.Route == "" {
		return nil
	}
	if _, err := route.Load(conf.Route); err != nil {
		return fmt.Errorf("route: %w", err)
	}
	return nil
}
