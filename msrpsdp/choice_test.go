package msrpsdp_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

func TestChoice(t *testing.T) {
	const head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
	const audio = "m=audio 4000 RTP/AVP 0\r\n"
	line := func(types string) string {
		return "m=message 2855 TCP/MSRP *\r\na=accept-types:" + types + "\r\na=path:msrp://192.0.2.1:2855/a;tcp\r\n"
	}
	tls := strings.NewReplacer("TCP/MSRP", "TCP/TLS/MSRP", "msrp:", "msrps:").Replace(line("*"))
	for _, c := range []struct {
		name, body string
		types      msrp.Types
		refused    int // the Warning with text/plain; 0: it can be taken
	}{
		{"each type once", head + audio + line("text/plain image/png") + line("text/html text/plain"), msrp.Types{"text/plain", "image/png", "text/html"}, 0},
		{"no type in common", head + line("image/png"), msrp.Types{"image/png"}, msrpsdp.WarnFormat},
		{"the second line can be taken", head + line("image/png") + line("text/plain"), msrp.Types{"image/png", "text/plain"}, 0},
		{"TLS alone", head + tls, nil, msrpsdp.WarnTransport},
		{"no message line", head + audio, nil, msrpsdp.WarnMedia},
		{"no line", head, nil, msrpsdp.WarnMedia},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := msrpsdp.Parse([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Types((*msrpsdp.Line).Refuses); !slices.Equal(got, c.types) {
				t.Errorf("types %q, want %q", got, c.types)
			}
			err = d.Refuses(msrp.Types{"text/plain"})
			if line, ok := errors.AsType[*msrpsdp.LineError](err); (c.refused == 0) != (err == nil) || ok && line.Warn != c.refused {
				t.Errorf("refused: %v, want %d", err, c.refused)
			}
		})
	}
}
