package interop

import (
	"context"
	"testing"

	"github.com/parley-msrp/parley/test/peer"
)

// TestSIGTERM ends the daemon in mid-conversation: new calls are refused, the peers of live ones get a BYE, and the exit status is 0.
func TestSIGTERM(t *testing.T) {
	for _, proto := range []string{"udp", "tcp"} {
		t.Run("SIP over "+proto, func(t *testing.T) {
			d := launch(t, "")
			t.Cleanup(d.Kill)
			agent := peer.NewAgent(t, proto, d.SIP().String())
			dialog := agent.NewDialog("bob")
			own := "msrp://127.0.0.1:9999/" + peer.Ident() + ";tcp"
			if _, answer := dialog.Call(t, answerLimit, peer.Offer("text/plain", own)); answer.Code() != 200 {
				t.Fatalf("the INVITE was answered %s", answer.Start)
			} else {
				dialog.Ack(t)
				s := peer.Session{Own: own, Remote: peer.ParseSDP(answer.Body).Media[0].Path()}
				conn := peer.DialMSRP(t, hostPort(s.Remote))
				hello := s.Send("hello")
				conn.Put(hello.Bytes())
				if response := conn.Response(t, answerLimit, hello.ID); response.Code != 200 {
					t.Fatalf("the SEND was answered %d", response.Code)
				}
				conn.Put(s.Chunk("half", "1-5/10", "first", '+').Bytes())
			}

			d.Terminate()
			bye := agent.Request(t, answerLimit, "BYE")
			if bye.Get("Call-ID") != dialog.CallID || bye.Tag("To") != dialog.LocalTag {
				t.Errorf("the BYE is not of the call: Call-ID %s, To %s", bye.Get("Call-ID"), bye.Get("To"))
			}
			other := agent.NewDialog("carol")
			if _, answer := other.Call(t, answerLimit, peer.Offer("text/plain", own)); answer.Code() != 503 {
				t.Errorf("an INVITE after SIGTERM was answered %s, want 503", answer.Start)
			}
			dialog.Answer(t, bye, 200, "OK")

			ctx, cancel := context.WithTimeout(t.Context(), stopLimit)
			defer cancel()
			if err := d.Wait(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}
