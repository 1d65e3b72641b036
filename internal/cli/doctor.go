package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/doctor"
	"github.com/parley-msrp/parley/internal/route"
)

type doctorCommand struct {
	output
	Config string `placeholder:"FILE" help:"Configuration file (YAML). Without one the defaults are looked at."`
	Peer   string `placeholder:"URI" help:"SIP URI of a peer to reach, by OPTIONS."`
	From   string `default:"sip:parley@localhost" help:"SIP URI that asks the peer (${default})."`
}

// errIll says that something has to be mended; what, was told.
var errIll = errors.New("there is something to mend")

func (c *doctorCommand) Run(ctx context.Context, std IO) error {
	var all []doctor.Finding
	conf, err := config.Load(c.Config)
	if err == nil && conf.Route != "" {
		_, err = route.Load(conf.Route)
	}
	if err != nil {
		all = []doctor.Finding{{Check: "configuration", Level: doctor.Failure, Text: err.Error()}}
	} else {
		all = append(all, doctor.Finding{Check: "configuration", Level: doctor.OK, Text: "nothing is wrong with it"})
		all = append(all, doctor.Examine(ctx, doctor.Config{Config: conf, Peer: c.Peer, From: c.From})...)
	}
	if err := c.print(std.Out, all, func(w io.Writer) error { return findings(w, all) }); err != nil {
		return err
	}
	if doctor.Worst(all) == doctor.Failure {
		return errIll
	}
	return nil
}

func findings(out io.Writer, all []doctor.Finding) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Level, f.Check, printable(f.Text))
		if f.Do != "" {
			fmt.Fprintf(w, "\t\t  → %s\n", f.Do)
		}
	}
	return w.Flush()
}
