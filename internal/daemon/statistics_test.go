package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/peer"
)

// statistics asks for all that is counted.
func (r *running) statistics(t *testing.T) map[string]float64 {
	t.Helper()
	answer, err := http.Post("http://"+r.http+"/mi", "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"get_statistics","params":[["all"]]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var document struct{ Result map[string]float64 }
	if err := json.NewDecoder(answer.Body).Decode(&document); err != nil {
		t.Fatal(err)
	}
	return document.Result
}

// TestStatistics: what happens is counted, each thing once.
func TestStatistics(t *testing.T) {
	r := serve(t, free(t))
	agent := peer.NewAgent(t, "udp", r.sip)
	if _, a := agent.NewDialog("bob").Call(t, limit, "v=0\r\n"); a.Code() != 488 {
		t.Errorf("what is no offer was answered %s", a.Start)
	}
	d := agent.NewDialog("bob")
	own := "msrp://127.0.0.1:9/" + peer.Ident() + ";tcp"
	_, a := d.Call(t, limit, peer.Offer("text/plain", own))
	d.Ack(t)
	s := peer.Session{Own: own, Remote: peer.ParseSDP(a.Body).Media[0].Path()}
	_, to, _ := strings.Cut(s.Remote, "//")
	to, id, _ := strings.Cut(to, "/")
	id = strings.TrimSuffix(id, ";tcp")
	conn := peer.DialMSRP(t, to)
	for _, f := range []*peer.Frame{s.Bodiless(), s.Send("one"), s.Send("two")} {
		conn.Put(f.Bytes())
		if f := conn.Response(t, limit, f.ID); f.Code != 200 {
			t.Fatalf("answered %d", f.Code)
		}
	}
	for _, code := range []int{200, 413} {
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"msrp_ua:send_message","params":{"session_id":%q,"mime":"text/plain","body":"x"}}`, id)
		answer, err := http.Post("http://"+r.http+"/mi", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		conn.Answer(conn.Request(t, limit, "SEND"), code, "")
	}
	eventually(t, "all is counted", func() bool { s := r.statistics(t); return s["messages:out_failed"] == 1 && s["sessions:live"] == 1 })
	got := r.statistics(t)
	for name, want := range map[string]float64{
		"calls:in_200": 1, "calls:in_488": 1, "calls:out_200": 0, "calls:limited": 0, "sessions:established": 1, "sessions:live": 1, "sessions:ended": 0,
		"messages:in_received": 2, "messages:out_accepted": 2, "messages:out_delivered": 1, "messages:out_failed": 1, "messages:timeouts": 0, "messages:kept": 2,
		"msrp:chunks": 3, "msrp:reports": 0, "msrp:answers_200": 3, "msrp:transactions_200": 1, "msrp:transactions_413": 1, "msrp:responses": 2, "msrp:connections": 1,
		"msrp:limit_queue": 0, "journal:failing": 0, "subscribers:sockets": 0,
	} {
		if n, there := got[name]; n != want || !there {
			t.Errorf("%s is %v, want %v", name, n, want)
		}
	}
	for _, name := range []string{"msrp:octets_in", "msrp:octets_out", "journal:appended"} {
		if got[name] == 0 {
			t.Errorf("%s is 0", name)
		}
	}
	d.Bye(t, limit)
	eventually(t, "the end is counted", func() bool { s := r.statistics(t); return s["sessions:ended"] == 1 && s["sessions:live"] == 0 })
}
