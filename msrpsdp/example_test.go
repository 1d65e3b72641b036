package msrpsdp_test

import (
	"fmt"
	"strings"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

// An offer is parsed, each of its lines is taken or refused, and the answer is written.
func Example() {
	offer, err := msrpsdp.Parse([]byte(`v=0
o=alice 2890844526 2890844526 IN IP4 alice.example
s=-
c=IN IP4 alice.example
t=0 0
m=audio 49170 RTP/AVP 0
m=message 7394 TCP/MSRP *
a=accept-types:text/plain text/html
a=path:msrp://alice.example:7394/2s93i93idj;tcp
`))
	if err != nil {
		fmt.Println("400 or 488:", err)
		return
	}
	if refusal := offer.Refusal(); refusal != nil {
		fmt.Println("488, Warning:", refusal.Warning("bob.example"))
		return
	}

	accept := msrp.Types{"text/plain"}
	locals := make([]*msrpsdp.Local, len(offer.Lines))
	for i := range offer.Lines {
		line := &offer.Lines[i]
		if why := line.Refuses(accept); why != nil {
			fmt.Printf("line %d is refused: %v\n", i+1, why)
			continue
		}
		// One session for each line: package msrp makes the URI.
		uri, _ := msrp.ParseURI("msrp://bob.example:2855/kjhd37s2s20w2a;tcp")
		locals[i] = &msrpsdp.Local{Path: []msrp.URI{uri}, Accept: accept}
	}
	answer := msrpsdp.Answer(offer, locals)

	_, lines, _ := strings.Cut(strings.ReplaceAll(string(answer.Bytes()), "\r\n", "\n"), "t=0 0\n")
	fmt.Print(lines)
	fmt.Println("the peer is", answer.Peer(1, &offer.Lines[1]).Path[0].Host)
	// Output:
	// line 1 is refused: media type audio is not available
	// m=audio 0 RTP/AVP 0
	// m=message 2855 TCP/MSRP *
	// a=accept-types:text/plain
	// a=path:msrp://bob.example:2855/kjhd37s2s20w2a;tcp
	// the peer is alice.example
}
