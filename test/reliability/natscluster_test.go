package reliability

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-msrp/parley/test/daemon"
)

// natsServer is one server of an outside cluster.
type natsServer struct {
	name string
	addr netip.Addr // its ports are the usual ones of this address
	args []string
	cmd  *exec.Cmd // nil: it does not run
}

// cluster is an outside NATS cluster of three servers, each a process with files of its own.
type cluster struct {
	servers [3]*natsServer
	admin   *nats.Conn
	js      jetstream.JetStream
}

var builtNATS = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "parley-reliability-nats-")
	if err != nil {
		return "", err
	}
	return daemon.Build(context.Background(), "github.com/nats-io/nats-server/v2", dir, false)
})

// natsProgram is the server of the version that the module has.
func natsProgram(t *testing.T) string {
	t.Helper()
	path, err := builtNATS()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	dir := t.TempDir()
	binary := natsProgram(t)
	c := &cluster{}
	var routes []string
	for i := range c.servers {
		addr, err := daemon.Address()
		if err != nil {
			t.Fatal(err)
		}
		c.servers[i] = &natsServer{name: fmt.Sprint("s", i), addr: addr}
		routes = append(routes, fmt.Sprintf("nats://%s:6222", addr))
	}
	for _, s := range c.servers {
		s.args = []string{
			binary, "-n", s.name, "-js", "-sd", filepath.Join(dir, s.name), "-a", s.addr.String(), "-p", "4222", "-m", "8222",
			"--cluster_name", "outside", "--cluster", fmt.Sprintf("nats://%s:6222", s.addr), "--routes", strings.Join(routes, ","),
		}
		s.start(t)
	}
	t.Cleanup(func() {
		for _, s := range c.servers {
			s.kill()
		}
	})
	for _, s := range c.servers {
		eventually(t, "NATS listens", func() bool {
			conn, err := net.Dial("tcp", s.addr.String()+":4222")
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
	c.admin = c.connect(t)
	var err error
	if c.js, err = jetstream.New(c.admin); err != nil {
		t.Fatal(err)
	}
	eventually(t, "JetStream has a leader", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.js.AccountInfo(ctx)
		return err == nil
	})
	return c
}

// url is nats.url.
func (c *cluster) url() string {
	var all []string
	for _, s := range c.servers {
		all = append(all, s.url())
	}
	return strings.Join(all, ",")
}

func (s *natsServer) url() string { return fmt.Sprintf("nats://%s:4222", s.addr) }

// connect connects to the cluster, for as long as the test takes.
func (c *cluster) connect(t *testing.T) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(c.url(), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func (s *natsServer) start(t *testing.T) {
	t.Helper()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// kill kills it with SIGKILL.
func (s *natsServer) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// info asks for the state of a stream; nil: there is no answer.
func (c *cluster) info(t *testing.T, stream string) *jetstream.StreamInfo {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	s, err := c.js.Stream(ctx, stream)
	if err != nil || s.CachedInfo().Cluster == nil {
		return nil
	}
	return s.CachedInfo()
}

// whole waits until each of the three servers has all of the streams, and returns the one that leads the first of them.
func (c *cluster) whole(t *testing.T, streams ...string) *natsServer {
	t.Helper()
	leader := ""
	for _, stream := range slices.Backward(streams) {
		eventually(t, "three servers have all of "+stream, func() bool {
			i := c.info(t, stream)
			if i == nil || i.Config.Replicas != 3 || i.Cluster.Leader == "" || len(i.Cluster.Replicas) != 2 {
				return false
			}
			leader = i.Cluster.Leader
			return !slices.ContainsFunc(i.Cluster.Replicas, func(p *jetstream.PeerInfo) bool { return !p.Current || p.Offline })
		})
	}
	return c.named(leader)
}

func (c *cluster) named(name string) *natsServer {
	return c.servers[slices.IndexFunc(c.servers[:], func(s *natsServer) bool { return s.name == name })]
}

// serving waits until a node is connected to a server, and returns that.
func (c *cluster) serving(t *testing.T, node string) (found *natsServer) {
	t.Helper()
	eventually(t, "the node is connected to a server", func() bool {
		for _, s := range c.servers {
			var about struct {
				Connections []struct{ Name string }
			}
			r, err := http.Get(fmt.Sprintf("http://%s:8222/connz", s.addr))
			if err != nil {
				continue
			}
			err = json.NewDecoder(r.Body).Decode(&about)
			r.Body.Close()
			if err == nil && slices.ContainsFunc(about.Connections, func(c struct{ Name string }) bool { return c.Name == "parley "+node }) {
				found = s
			}
		}
		return found != nil
	})
	return found
}
