package daemon

import (
	"fmt"

	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/mi"
	"github.com/parley-msrp/parley/internal/mi/datagram"
	"github.com/parley-msrp/parley/internal/mi/fifo"
)

// serveMI opens what carries the management interface besides HTTP.
func (n *node) serveMI(c *config.MI, methods *mi.Server) error {
	if c.FIFO != "" {
		f, err := fifo.Listen(fifo.Config{Path: c.FIFO, Mode: c.FIFOMode, ReplyDir: c.ReplyDir, MI: methods, Logger: n.log})
		if err != nil {
			return fmt.Errorf("mi.fifo: %w", err)
		}
		n.mi = append(n.mi, f)
	}
	for _, d := range c.Datagrams() {
		s, err := datagram.Listen(datagram.Config{Network: d.Network, Address: d.Address, MI: methods, Logger: n.log})
		if err != nil {
			return fmt.Errorf("mi.datagram: %w", err)
		}
		n.mi = append(n.mi, s)
	}
	return nil
}
