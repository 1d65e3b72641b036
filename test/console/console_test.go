package console

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/peer"
)

// TestConversation is what somebody does who opens the console: a session is started, messages go both ways, each gets its fate, and it is ended.
func TestConversation(t *testing.T) {
	d := serve(t)
	b := open(t, d.URL("/"), desk)
	a := peer.NewAgent(t, "udp", d.SIP().String())
	b.see("text=It is quiet here")

	b.on("#start", "click")
	b.page("fill", "#field-to", "bob")
	b.page("click", "dialog .primary")
	b.see("#field-to-says >> text=a SIP URI like sip:bob@example.org would be right")
	b.page("fill", "#field-to", "sip:bob@"+a.Addr.String())
	b.page("fill", "#field-from", "sip:support@example.org")
	b.shot("console-start.png")
	b.page("click", "dialog .primary")
	b.see("#state >> text=Calling")
	bob := answer(t, a, "*")
	b.see("#state >> text=Live")
	b.see("text=The session is established.")

	bob.say(t, "text/plain", "Good morning! My order has not come yet. It was due on Tuesday.")
	b.see(".bubble.in >> text=due on Tuesday")
	bob.say(t, "image/png", string(picture(t)))
	b.see(".bubble.in img")
	if width := b.on(".bubble.in img", "evaluate", "async (i) => { await i.decode(); return i.naturalWidth }"); width != 320.0 {
		t.Errorf("the image is %v wide", width)
	}

	b.page("fill", "textarea", "Good morning, Bob. Let me look.")
	b.page("press", "textarea", "Enter")
	send := bob.conn.Request(t, limit, "SEND")
	if string(send.Body) != "Good morning, Bob. Let me look." || send.Get("Success-Report") != "yes" {
		t.Errorf("came %q with Success-Report %q", send.Body, send.Get("Success-Report"))
	}
	b.see(".bubble.out >> text=Let me look")
	b.see(".bubble.out .fate.queued")
	bob.conn.Answer(send, 200, "OK")
	n := len(send.Body)
	bob.conn.Put(bob.session.Report(send.Get("Message-ID"), fmt.Sprintf("1-%d/%d", n, n), "000 200 OK").Bytes())
	b.see(".bubble.out .fate.reported")

	b.page("uncheck", ".check input")
	b.page("fill", "textarea", "It left our house on Monday.")
	b.page("click", "[aria-label=Send]")
	bob.conn.Answer(bob.conn.Request(t, limit, "SEND"), 200, "OK")
	b.see(".bubble.out .fate.delivered")

	file := filepath.Join(t.TempDir(), "delivery note.txt")
	if err := os.WriteFile(file, bytes.Repeat([]byte("one parcel\n"), 20), 0o600); err != nil {
		t.Fatal(err)
	}
	b.on("input[type=file]", "setInputFiles", file)
	note := bob.conn.Request(t, limit, "SEND")
	bob.conn.Answer(note, 200, "OK")
	if got := note.Get("Content-Disposition"); got != `attachment; filename="delivery note.txt"` || len(note.Body) != 220 {
		t.Errorf("the file came as %s with %d octets", got, len(note.Body))
	}
	b.see(".bubble.out .file >> text=delivery note.txt")

	bob.say(t, "text/plain", "Thank you. Tomorrow before ten would be fine.")
	b.see("text=Tomorrow before ten")
	b.shot("console-conversation.png")

	b.page("fill", "textarea", "too much")
	b.page("press", "textarea", "Enter")
	bob.conn.Answer(bob.conn.Request(t, limit, "SEND"), 413, "Enough")
	b.see(".bubble.failed .fate >> text=failed: 413 · Enough")

	b.page("click", "text=Details")
	b.see("dd >> text=sip:bob@" + a.Addr.String())
	b.page("click", "[aria-label='Copy: Send a message']")
	copied, _ := b.page("evaluate", "navigator.clipboard.readText()").(string)
	if !regexp.MustCompile(`^curl \S+/v1/sessions/[0-9a-f]{32}/messages -H 'Content-Type: application/json' -d '\{"body":"hello"\}'$`).MatchString(copied) {
		t.Errorf("copied %q", copied)
	}
	b.page("click", "text=Conversation")

	// A page that is opened again shows what was said.
	b.page("reload")
	b.see(".bubble.out .fate.reported")
	b.see(".bubble.out >> text=Good morning, Bob. Let me look.")

	b.on("#end", "click")
	bob.Answer(t, a.Request(t, limit, "BYE"), 200, "OK")
	b.see("#state >> text=Ended")
	if b.on("textarea", "isDisabled") != true {
		t.Error("one can still write")
	}
	b.quiet("422")
}

// TestPeerEnds: the page says what ended a session, and what made it come to nothing.
func TestPeerEnds(t *testing.T) {
	d := serve(t)
	b := open(t, d.URL("/"), phone)
	carol := dial(t, d, "carol@example.net")
	b.see(".row >> text=carol")
	b.page("click", ".row >> text=carol")
	b.see("#state >> text=Live")
	carol.say(t, "text/plain", "hello")
	b.see(".bubble >> text=hello")
	b.page("fill", "textarea", "Hello Carol. What can we do for you?")
	b.page("click", "[aria-label=Send]")
	send := carol.conn.Request(t, limit, "SEND")
	carol.conn.Answer(send, 200, "OK")
	carol.conn.Put(carol.session.Report(send.Get("Message-ID"), "1-36/36", "000 200 OK").Bytes())
	b.see(".fate.reported")
	carol.say(t, "text/plain", "I would like to change the address of my delivery.")
	b.see(".bubble >> text=change the address")
	b.shot("console-phone.png")
	carol.Bye(t, limit)
	b.see("text=The session is over: BYE.")
	b.page("click", "[aria-label='Back to the sessions']")
	b.see(".row >> text=BYE")

	a := peer.NewAgent(t, "udp", d.SIP().String())
	b.page("click", "#start")
	b.page("fill", "#field-to", "sip:dave@"+a.Addr.String())
	b.page("click", "dialog .primary")
	invite := a.Request(t, limit, "INVITE")
	a.Answering(invite).Answer(t, invite, 486, "Busy Here")
	b.see("text=The session came to nothing: 486 Busy Here.")
	b.quiet()
}

// TestToken: where a node asks for a token, so does the page; one with too few rights is told what it lacks.
func TestToken(t *testing.T) {
	clients := filepath.Join(t.TempDir(), "clients")
	all, some := strings.Repeat("a", 32), strings.Repeat("s", 32)
	if err := os.WriteFile(clients, []byte("ops all token:"+all+"\nbot read token:"+some+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := serveWith(t, "  loopback_open: false\n  clients: "+clients+"\n")
	b := open(t, d.URL("/"), desk)
	b.see("text=This node asks for a token")
	b.page("fill", "#field-token", some)
	b.page("click", "dialog .primary")
	b.see("text=It is quiet here")
	b.see(".link-state.on")
	b.page("click", "#start")
	b.page("fill", "#field-to", "sip:bob@127.0.0.1:9")
	b.page("fill", "#field-from", "sip:alice@127.0.0.1")
	b.page("click", "dialog .primary")
	b.see("dialog [role=alert] >> text=this takes the right start, and bot has read")
	b.page("keyboard.press", "Escape")

	b.page("evaluate", "sessionStorage.clear()")
	b.page("reload")
	b.page("fill", "#field-token", all)
	b.page("click", "dialog .primary")
	heidi := dial(t, d, "heidi@example.org")
	b.page("click", ".row >> text=heidi")
	heidi.say(t, "text/plain", "hello")
	b.see(".bubble >> text=hello")
	b.page("fill", "textarea", "and to you")
	b.page("press", "textarea", "Enter")
	heidi.conn.Answer(heidi.conn.Request(t, limit, "SEND"), 200, "OK")
	b.quiet("401", "403")
}

// TestManySessions: the list holds few rows in the document, and is searched, filtered and walked through by keys.
func TestManySessions(t *testing.T) {
	const calls = 150 // each is two sessions: the node calls itself
	d := serve(t)
	b := open(t, d.URL("/"), desk)
	for i := range calls {
		from := fmt.Sprintf("sip:caller%03d@example.org", i)
		script := `async ([to, from]) => (await fetch("/v1/sessions", {method: "POST", headers: {"Content-Type": "application/json"},
			body: JSON.stringify({to_uri: to, from_uri: from})})).status`
		if status := b.page("evaluate", script, []string{"sip:self@" + d.SIP().String(), from}); status != 201.0 {
			t.Fatalf("call %d: status %v", i, status)
		}
	}
	b.see(fmt.Sprintf(".foot >> text=%d of %d", 2*calls, 2*calls))
	if n, _ := b.on(".row", "count").(float64); n < 8 || n > 60 {
		t.Errorf("%v rows in the document", n)
	}
	b.page("keyboard.press", "/")
	b.page("keyboard.type", "caller007")
	b.see(fmt.Sprintf(".foot >> text=2 of %d", 2*calls))
	b.on("[aria-label='Search sessions']", "fill", "")
	b.on("[role=listbox]", "focus")
	b.page("keyboard.press", "End")
	b.see(".row.selected >> text=self")
	b.page("keyboard.press", "ArrowUp")
	b.see(".row.selected >> text=caller000")
	b.page("click", ".choice >> text=Ended")
	b.see("text=None of that kind")
	b.quiet()
}

// TestLongConversation: of a conversation the newest thousand are shown, the last one in sight.
func TestLongConversation(t *testing.T) {
	d := serve(t)
	ivan := dial(t, d, "ivan@example.org")
	for i := range 1100 {
		ivan.say(t, "text/plain", fmt.Sprintf("line %d", i))
	}
	b := open(t, d.URL("/"), desk)
	b.page("click", ".row >> text=ivan")
	b.see("text=101 earlier ones are not shown.") // the note that it was established, too
	b.see(".bubble >> text=line 1099")
	if n := b.on(".bubble", "count"); n != 1000.0 {
		t.Errorf("%v messages in the document", n)
	}
	below := `async (l) => {
		const below = () => l.scrollHeight - l.scrollTop - l.clientHeight
		for (let i = 0; i < 100 && below() > 60; i++) await new Promise((next) => setTimeout(next, 100)) // they come in several goes
		return below()
	}`
	if at := b.on(".log", "evaluate", below); at.(float64) > 60 {
		t.Errorf("the last one is %v points out of sight", at)
	}
	b.quiet()
}

func TestEventsAndHealth(t *testing.T) {
	d := serve(t)
	b := open(t, d.URL("/#/events"), desk)
	b.see("[role=status] >> text=live")
	erin := dial(t, d, "erin@example.org")
	erin.say(t, "text/plain", "first")
	b.see(".row >> text=session new")
	b.see(".row >> text=first")
	b.page("click", "#pause")
	erin.say(t, "text/plain", "second")
	b.see("[role=status] >> text=paused, 1 more")
	if strings.Contains(b.text(".rows"), "second") {
		t.Error("an event comes in while the list is paused")
	}
	b.page("click", "#pause")
	b.see(".row >> text=second")
	b.page("click", ".choice >> text=Sessions")
	b.gone(".row >> text=second")
	b.page("click", ".choice >> text=All")
	b.page("fill", "[aria-label='Filter events']", "second")
	b.gone(".row >> text=first")
	b.page("click", ".row >> text=second")
	b.see("pre:has-text('specversion')")
	b.page("fill", "[aria-label='Filter events']", "")
	b.shot("console-events.png")

	b.page("click", "nav >> text=Health")
	for range 20 {
		erin.say(t, "text/plain", "more")
	}
	b.see("[aria-label=Messages] >> text=22 received")
	// A line that is flat has no height, and counts as hidden.
	b.on("[role=img][aria-label*='Messages, per second'] polyline >> nth=0", "waitFor", map[string]any{"state": "attached"})
	b.see("dd >> text=udp:" + d.SIP().String())
	if os.Getenv("PARLEY_SCREENSHOTS") != "" {
		erin.chat(t, b, 45) // for a picture that shows something
	}
	b.shot("console-health.png")
	b.quiet()
}

// TestTrace: a session that is started with a trace shows every message as a ladder, with its text.
func TestTrace(t *testing.T) {
	d := serve(t)
	b := open(t, d.URL("/"), desk)
	a := peer.NewAgent(t, "udp", d.SIP().String())
	b.on("#start", "click")
	b.page("fill", "#field-to", "sip:frank@"+a.Addr.String())
	b.page("check", "dialog .check input")
	b.page("click", "dialog .primary")
	frank := answer(t, a, "*")
	b.see("#state >> text=Live")
	b.page("click", ".choice >> text=Trace")
	b.see(".step.sip.out >> text=INVITE")
	b.see(".step.sip.in >> text=200 OK")
	b.see(".step.sip.out >> text=ACK")
	frank.say(t, "text/plain", "as it is on the wire")
	b.see(".step.msrp.in >> text=1-20/20 text/plain")
	b.page("click", ".step >> text=1-20/20")
	b.see("pre >> text=as it is on the wire")
	b.see("pre >> text=To-Path: msrp://")
	b.shot("console-trace.png")
	b.page("keyboard.press", "Home")
	b.page("click", ".step >> text=INVITE")
	b.see("pre >> text=m=message")
	frank.Bye(t, limit)
	b.see(".step.sip.in >> text=BYE")
	b.quiet()
}

// TestTraceOfTheNextCall: a call that comes in is seen from its INVITE on.
func TestTraceOfTheNextCall(t *testing.T) {
	d := serve(t)
	b := open(t, d.URL("/"), desk)
	b.page("click", "text=Trace the next call")
	b.see("text=The next call will be traced")
	dial(t, d, "grace@example.org").say(t, "text/plain", "hello")
	b.page("click", ".row >> text=grace")
	b.page("click", ".choice >> text=Trace")
	b.see(".step.sip.in >> text=INVITE")
	b.see(".step.sip.out >> text=200 OK")
	b.see(".step.msrp.in >> text=1-5/5")
	b.quiet()
}

func TestPageOfTheAPI(t *testing.T) {
	d := serve(t)
	b := open(t, d.URL("/docs"), desk)
	b.page("click", "#startSession summary")
	b.see("#startSession td >> text=content_types")
	b.see("#startSession >> text=curl " + d.URL("/v1/sessions"))
	b.page("click", "#E_MSRP_MSG_SENT summary")
	b.see("#E_MSRP_MSG_SENT td >> text=fate")
	b.quiet()
}

// picture is a PNG of 320 by 200.
func picture(t *testing.T) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 320, 200))
	for y := range 200 {
		for x := range 320 {
			c := color.RGBA{0xe8, 0xe2, 0xd6, 0xff}
			switch {
			case x > 90 && x < 230 && y > 70 && y < 160 && (x < 155 || x > 165): // a parcel, with its tape
				c = color.RGBA{0xc0, 0x8a, 0x3e, 0xff}
			case x >= 155 && x <= 165 && y > 70 && y < 160:
				c = color.RGBA{0x8a, 0x5f, 0x26, 0xff}
			case y >= 160:
				c = color.RGBA{0xb8, 0xb2, 0xa4, 0xff}
			}
			m.Set(x, y, c)
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
