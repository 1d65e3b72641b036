package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/internal/version"
	"github.com/parley-msrp/parley/ua"
)

type chatCommand struct {
	Peer      string `arg:"" optional:"" help:"SIP URI to call, like sip:bob@192.0.2.1."`
	Listen    bool   `help:"Wait for a call in place of making one."`
	As        string `placeholder:"URI" help:"Own SIP URI when calling (sip:parley@ADDRESS)."`
	SIP       string `name:"sip" placeholder:"ADDR:PORT" help:"SIP address to listen on (calling: a free port; waiting: 127.0.0.1:5060)."`
	MSRP      string `name:"msrp" placeholder:"ADDR:PORT" help:"MSRP address to listen on (a free port beside the SIP address)."`
	Advertise string `placeholder:"HOST:PORT" help:"What leads to the MSRP address from where the peer is, such as that of a NAT (the MSRP address itself)."`
	Save      string `placeholder:"DIR" type:"path" help:"Keep what is not text in this directory."`
	Verbose   bool   `short:"v" help:"Log what happens below."`
}

// maxKept is the largest message that is taken where messages are kept, in octets.
const maxKept = 4 << 30

// closeTimeout is how long the peer may take to answer the BYE.
const closeTimeout = 5 * time.Second

// Validate says what is wrong with the command line.
func (c *chatCommand) Validate() error {
	if c.Listen == (c.Peer != "") {
		return errors.New("name somebody to call, like \"parley chat sip:bob@127.0.0.1\", or wait with --listen")
	}
	return nil
}

// Run talks until the call ends, or until the input does and everything said was answered.
func (c *chatCommand) Run(ctx context.Context, std IO) error {
	if err := c.chooseAddresses(); err != nil {
		return err
	}
	terminal, std := newConsole(std)
	talk := newConversation(std, c.Save)
	if c.Listen {
		talk.vacant()
	}
	agent, err := ua.New(c.agentConfig(std, talk))
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if err := agent.Close(closing); err != nil && c.Verbose {
			fmt.Fprintln(std.Err, "parley:", err)
		}
		talk.streams.Wait()
	}()
	if c.Listen {
		at := strings.TrimPrefix(agent.SIPAddrs()[0], "udp:")
		fmt.Fprintf(std.Err, "waiting for a call at %s; try: parley chat sip:you@%s\n", at, at)
	} else {
		_, err := agent.Start(ua.StartConfig{From: c.As, To: c.Peer, Handler: talk})
		if err != nil {
			return err
		}
		fmt.Fprintf(std.Err, "calling %s …\n", c.Peer)
	}
	return talk.run(ctx, terminal, !c.Listen)
}

// chooseAddresses fills in the addresses that were not given: those that the peer can reach.
func (c *chatCommand) chooseAddresses() error {
	if c.SIP == "" {
		c.SIP = "127.0.0.1:5060"
		if !c.Listen {
			host, err := addressTowards(c.Peer)
			if err != nil {
				return err
			}
			c.SIP = net.JoinHostPort(host, "0")
		}
	}
	host, _, err := net.SplitHostPort(c.SIP)
	if err != nil {
		return fmt.Errorf("--sip %q: want ADDR:PORT: %w", c.SIP, err)
	}
	if a, err := netip.ParseAddr(host); c.MSRP == "" && err == nil && a.IsUnspecified() {
		return fmt.Errorf("--sip %s says no address that a peer could open the MSRP connection to; say one with --msrp ADDR:0", c.SIP)
	}
	if c.MSRP == "" {
		c.MSRP = net.JoinHostPort(host, "0")
	}
	if c.As == "" {
		c.As = "sip:parley@" + bracketed(host)
	}
	return nil
}

// bracketed is a host as URIs have it.
func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// addressTowards is the own address that the route to a SIP URI's host begins at. Nothing is sent.
func addressTowards(peer string) (string, error) {
	u, err := sip.ParseURI(peer)
	if err != nil || !u.IsSIP() {
		return "", fmt.Errorf("%q: want a SIP URI like sip:bob@192.0.2.1", peer)
	}
	probe, err := net.Dial("udp", net.JoinHostPort(u.Host, "5060"))
	if err != nil {
		return "", fmt.Errorf("no address towards %s: %w; say one with --sip ADDR:0", peer, err)
	}
	defer probe.Close()
	return probe.LocalAddr().(*net.UDPAddr).IP.String(), nil
}

func (c *chatCommand) agentConfig(std IO, talk *conversation) ua.Config {
	level := slog.LevelError
	if c.Verbose {
		level = slog.LevelDebug
	}
	profile := ua.Profile{}
	if c.Advertise != "" {
		profile.MyURI = "msrp://" + c.Advertise + ";tcp"
	}
	if c.Save != "" {
		profile.MaxSize = maxKept
	}
	return ua.Config{
		Profile:    profile,
		SIPListen:  []string{"udp:" + c.SIP},
		MSRPListen: []string{"tcp:" + c.MSRP},
		OnInvite:   talk.invited,
		Product:    version.Server(),
		Logger:     slog.New(slog.NewTextHandler(std.Err, &slog.HandlerOptions{Level: level})),
	}
}
