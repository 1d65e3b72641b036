package reliability

import (
	"context"
	"log"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

// limit is how long anything may take that is due at once.
const limit = 2 * time.Minute

// builds is the folder of what the tests run.
var builds string

func TestMain(m *testing.M) {
	var err error
	if builds, err = os.MkdirTemp("", "parley-reliability-"); err != nil {
		log.Fatal(err)
	}
	code := m.Run()
	if err := os.RemoveAll(builds); err != nil {
		log.Print(err)
	}
	os.Exit(code)
}

var built = sync.OnceValues(func() (string, error) {
	return daemon.Build(context.Background(), daemon.Program, builds, false)
})

func program(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// call is a call to the daemon, with its MSRP connection.
type call struct {
	*peer.Dialog
	id      string // session_id
	session peer.Session
	conn    *peer.Conn
	pace    time.Duration // between messages of load
}

func place(t *testing.T, d *daemon.Daemon) *call {
	t.Helper()
	c := &call{Dialog: peer.NewAgent(t, "udp", d.SIP().String()).NewDialog("bob")}
	own := "msrp://127.0.0.1:9/" + peer.Ident() + ";tcp"
	_, r := c.Call(t, limit, peer.Offer("*", own))
	if r.Code() != 200 {
		t.Fatalf("the INVITE was answered %s", r.Start)
	}
	c.Ack(t)
	l := peer.ParseSDP(r.Body).Media[0]
	c.session = peer.Session{Own: own, Remote: l.Path()}
	_, id, _ := strings.Cut(strings.TrimPrefix(l.Path(), "msrp://"), "/")
	c.id = strings.TrimSuffix(id, ";tcp")
	c.conn = peer.DialMSRP(t, d.Addr.String()+":"+l.Port())
	bind := c.session.Bodiless()
	c.conn.Put(bind.Bytes())
	if f := c.conn.Response(t, limit, bind.ID); f.Code != 200 {
		t.Fatalf("the binding SEND was answered %d", f.Code)
	}
	return c
}
