// Command stub answers every INVITE with one fixed session description, every other SIP request and every MSRP SEND with 200, every
// call of the management interface with "OK", and never tells an event. It is the measure of the conformance tests: a
// test that passes against it shows nothing about the program under test.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	host := flag.String("host", "127.0.0.1", "address to listen on")
	sip := flag.String("sip", "5060", "SIP port, UDP and TCP")
	msrp := flag.String("msrp", "2855", "MSRP port")
	web := flag.String("http", "8888", "HTTP port")
	flag.Parse()
	at := func(port string) string { return net.JoinHostPort(*host, port) }
	s := stub{sip: at(*sip), msrp: at(*msrp)}
	if err := s.listen(at(*web)); err != nil {
		log.Fatal(err)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
}

// stub holds the addresses that it tells its peers.
type stub struct{ sip, msrp string }

func (s stub) listen(web string) error {
	udp, err := net.ListenPacket("udp", s.sip)
	if err != nil {
		return err
	}
	tcp, err := net.Listen("tcp", s.sip)
	if err != nil {
		return err
	}
	msrp, err := net.Listen("tcp", s.msrp)
	if err != nil {
		return err
	}
	h, err := net.Listen("tcp", web)
	if err != nil {
		return err
	}
	go s.datagrams(udp)
	go accept(tcp, s.stream)
	go accept(msrp, answerSends)
	go func() { log.Print(http.Serve(h, pages())) }()
	return nil
}

func accept(l net.Listener, serve func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			serve(c)
		}()
	}
}

func (s stub) datagrams(c net.PacketConn) {
	b := make([]byte, 1<<16)
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			continue
		}
		if r := s.answer(string(b[:n]), "udp"); r != "" {
			_, _ = c.WriteTo([]byte(r), from)
		}
	}
}

func (s stub) stream(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		var head strings.Builder
		length := 0
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			head.WriteString(line)
			if v, found := strings.CutPrefix(line, "Content-Length:"); found {
				length, _ = strconv.Atoi(strings.TrimSpace(v))
			}
			if strings.TrimSpace(line) == "" {
				break
			}
		}
		if _, err := r.Discard(length); err != nil {
			return
		}
		if a := s.answer(head.String(), "tcp"); a != "" {
			_, _ = c.Write([]byte(a))
		}
	}
}

// answer makes the 200 to any request.
func (s stub) answer(request, transport string) string {
	lines := strings.Split(request, "\r\n")
	method, _, _ := strings.Cut(lines[0], " ")
	if method == "ACK" || strings.HasPrefix(method, "SIP/") || method == "" {
		return ""
	}
	a := "SIP/2.0 200 OK\r\n"
	for _, l := range lines[1:] {
		name, _, _ := strings.Cut(l, ":")
		switch strings.ToLower(name) {
		case "via", "from", "call-id", "cseq", "record-route":
			a += l + "\r\n"
		case "to":
			if !strings.Contains(l, ";tag=") {
				l += ";tag=stub"
			}
			a += l + "\r\n"
		}
		if l == "" {
			break
		}
	}
	a += "Contact: <sip:stub@" + s.sip + ";transport=" + transport + ">\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\nSupported: \r\n"
	body := ""
	if method == "INVITE" {
		host, port, _ := net.SplitHostPort(s.msrp)
		body = fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns= -\r\nc=IN IP4 %s\r\nt=0 0\r\nm=message %s TCP/MSRP *\r\n"+
			"a=accept-types:text/plain *\r\na=path:msrp://%s/0123456789abcdef0123456789abcdef;tcp\r\n", host, host, port, s.msrp)
		a += "Content-Type: application/sdp\r\n"
	}
	return a + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// answerSends answers whatever looks like a SEND, at its end-line.
func answerSends(c net.Conn) {
	r := bufio.NewReader(c)
	var id, to, from string
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		f := strings.Fields(line)
		switch {
		case len(f) == 3 && f[0] == "MSRP" && f[2] == "SEND":
			id, to, from = f[1], "", ""
		case strings.HasPrefix(line, "To-Path: ") && to == "":
			to = line[len("To-Path: "):]
		case strings.HasPrefix(line, "From-Path: ") && from == "":
			from = line[len("From-Path: "):]
		case id != "" && strings.HasPrefix(line, "-------"+id):
			first, _, _ := strings.Cut(from, " ")
			_, _ = fmt.Fprintf(c, "MSRP %s 200 OK\r\nTo-Path: %s\r\nFrom-Path: %s\r\n-------%s$\r\n", id, first, to, id)
			id = ""
		}
	}
}

func pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/v1/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("POST /mi", func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Method string          `json:"method"`
			ID     json.RawMessage `json:"id"`
		}
		_ = json.NewDecoder(r.Body).Decode(&q)
		if q.ID == nil {
			q.ID = json.RawMessage("null")
		}
		result := `"OK"`
		if strings.HasSuffix(q.Method, "list_sessions") {
			result = "[]"
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","result":%s,"id":%s}`, result, q.ID)
	})
	return mux
}
