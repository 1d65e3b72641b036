package control

import (
	"sync/atomic"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// Figures say how the node does.
type Figures struct {
	Listeners Listeners
	Sessions  SessionCounts
	Messages  MessageCounts
	Journal   JournalCounts
}

// Listeners are the addresses that the node listens on, each with its transport: udp:127.0.0.1:5060.
type Listeners struct {
	SIP  []string `json:"sip" doc:"Where SIP is taken: TRANSPORT:ADDRESS:PORT."`
	MSRP []string `json:"msrp" doc:"Where MSRP is taken."`
}

// SessionCounts are the sessions that live, by state.
type SessionCounts struct {
	Inviting    int `json:"inviting" doc:"Their INVITE is under way."`
	Confirmed   int `json:"confirmed" doc:"Their 2xx is under way."`
	Established int `json:"established" doc:"Messages can be sent."`
	Terminated  int `json:"terminated" doc:"Their BYE is under way."`
}

// MessageCounts are the messages since the start.
type MessageCounts struct {
	Received    uint64 `json:"received" doc:"That came and were kept."`
	Sent        uint64 `json:"sent" doc:"That were accepted for sending."`
	Delivered   uint64 `json:"delivered" doc:"Of those, the ones that were answered 200, reported as successful, or written where no answer was asked for."`
	Failed      uint64 `json:"failed" doc:"The ones that failed, with whatever code."`
	Unconfirmed uint64 `json:"unconfirmed" doc:"The ones whose success REPORT did not come."`
}

// JournalCounts are the events since the start.
type JournalCounts struct {
	Kept   uint64 `json:"kept" doc:"Events that are kept, or were until there were too many."`
	Unkept uint64 `json:"unkept" doc:"Events that could not be kept."`
}

// counters are what Figures counts. All of them only rise.
type counters struct {
	received, sent, delivered, failed, unconfirmed atomic.Uint64
	kept, unkept                                   atomic.Uint64
}

// fate counts what became of a message. The failure that may follow after Written counts, too.
func (c *counters) fate(k msrp.FateKind) {
	switch k {
	case msrp.Delivered, msrp.Reported, msrp.Written:
		c.delivered.Add(1)
	case msrp.Failed:
		c.failed.Add(1)
	case msrp.Unconfirmed:
		c.unconfirmed.Add(1)
	}
}

func (c *counters) appended(err error) {
	if err != nil {
		c.unkept.Add(1)
		return
	}
	c.kept.Add(1)
}

// Figures says how the node does now.
func (c *Control) Figures() Figures {
	f := Figures{
		Listeners: Listeners{SIP: c.agent.SIPAddrs(), MSRP: c.agent.MSRPAddrs()},
		Messages: MessageCounts{
			Received: c.counters.received.Load(), Sent: c.counters.sent.Load(), Delivered: c.counters.delivered.Load(),
			Failed: c.counters.failed.Load(), Unconfirmed: c.counters.unconfirmed.Load(),
		},
		Journal: JournalCounts{Kept: c.counters.kept.Load(), Unkept: c.counters.unkept.Load()},
	}
	for _, s := range c.agent.Sessions() {
		switch s.State() {
		case ua.Inviting:
			f.Sessions.Inviting++
		case ua.Confirmed:
			f.Sessions.Confirmed++
		case ua.Established:
			f.Sessions.Established++
		case ua.Terminated:
			f.Sessions.Terminated++
		}
	}
	return f
}
