package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/journal"
)

// dataDir is the folder of what outlives the process. It is this process's alone for as long as that lives.
type dataDir struct {
	path string // "": there is none
	node string // name of the node
	lock *os.File
}

// dataFormat is the version of the form of a data directory.
const dataFormat = 1

// dataState is what the file of that name in a data directory says.
type dataState struct {
	Format int    `json:"format"`
	Node   string `json:"node"`
}

// openJournal opens the data directory and the journal.
func openJournal(c config.Config, log *slog.Logger) (*dataDir, journal.Journal, error) {
	if c.Journal.Durability == "memory" {
		return &dataDir{node: nodeName(c.Node)}, journal.NewMemory(journal.MemoryConfig{}), nil
	}
	d, err := openDataDir(c.DataDir, c.Node)
	if err != nil {
		return nil, nil, err
	}
	none := func(n int64) int64 { // 0 is no limit here, and the default there
		if n == 0 {
			return -1
		}
		return n
	}
	j, err := journal.Open(context.Background(), journal.Config{
		Dir: d.path, Node: d.node, Logger: log, Fsync: c.Journal.Durability == "fsync",
		URL: c.NATS.URL, Credentials: c.NATS.Credentials, Roots: c.NATS.CAList, Replicas: c.NATS.Replicas,
		MaxAge: time.Duration(none(int64(c.Journal.MaxAge))), MaxOctets: none(int64(c.Journal.MaxOctets)), MaxEvents: int64(c.Journal.MaxEvents), MaxBodyOctets: none(int64(c.Journal.MaxBodyOctets)),
	})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("journal: %w", err), d.close())
	}
	return d, j, nil
}

// recall takes up what the process before this one left.
func (n *node) recall(c *config.Journal) error {
	j, ok := n.journal.(*journal.Durable)
	if !ok {
		return nil
	}
	n.control.KeepBodies(j, c.MaxBody)
	r, err := j.Recall(context.Background(), slices.Collect(maps.Keys(n.calls.sessions)))
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if len(r.Sessions) > 0 {
		n.log.Warn("the process ended before its sessions did", "sessions", len(r.Sessions))
	}
	n.calls.leaveOut(r.Ended)
	n.control.Recall(r, n.calls.goesOn)
	return nil
}

// openDataDir makes the folder if it is not there, and locks it. The name of the node is that of its first start unless the configuration has one.
func openDataDir(path, node string) (d *dataDir, err error) {
	if path == "" {
		if path, err = config.StateDir(); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	d = &dataDir{path: path}
	if d.lock, err = os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	if err = syscall.Flock(int(d.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		err = fmt.Errorf("data_dir: another process uses %s: stop it, or give this one a data_dir of its own", path)
	} else {
		err = d.read(node)
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// read finds out whose folder it is.
func (d *dataDir) read(node string) error {
	file := filepath.Join(d.path, "parley.json")
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		d.node = nodeName(node)
		text, err = json.Marshal(dataState{Format: dataFormat, Node: d.node})
		if err == nil {
			err = os.WriteFile(file+".new", append(text, '\n'), 0o600)
		}
		if err == nil {
			err = os.Rename(file+".new", file)
		}
		return err
	}
	if err != nil {
		return err
	}
	var s dataState
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("data_dir: %s: %w", file, err)
	}
	switch {
	case s.Format > dataFormat:
		return fmt.Errorf("data_dir: %s has format %d, and this version of Parley reads up to %d: a newer one wrote it", d.path, s.Format, dataFormat)
	case node != "" && node != s.Node:
		return fmt.Errorf("data_dir: %s is that of the node %s, and not of %s: take node out of the configuration, or give this node a data_dir of its own", d.path, s.Node, node)
	}
	d.node = s.Node
	return nil
}

// close lets another process use the folder.
func (d *dataDir) close() error {
	if d.lock == nil {
		return nil
	}
	return d.lock.Close()
}

// nodeName is the name of a node that has none yet.
func nodeName(configured string) string {
	if configured != "" {
		return configured
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	return config.NodeName(host)
}
