package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
)

func TestTakeNumbersEachSend(t *testing.T) {
	sends := newTemplate("msrp://127.0.0.1:2855/to;tcp", "msrp://127.0.0.1:2856/from;tcp", 5, 2)
	sends.take(1)
	want := ""
	for _, number := range []string{"000000000002", "000000000003"} {
		want += fmt.Sprintf("MSRP t%[1]s SEND\r\nTo-Path: msrp://127.0.0.1:2855/to;tcp\r\nFrom-Path: msrp://127.0.0.1:2856/from;tcp\r\n"+
			"Message-ID: m%[1]s\r\nByte-Range: 1-5/5\r\nContent-Type: text/plain\r\n\r\nxxxxx\r\n-------t%[1]s$\r\n", number)
	}
	if got := string(sends.take(2)); got != want {
		t.Errorf("second and third SEND:\n%s\nwant:\n%s", got, want)
	}
}

func TestCutFrame(t *testing.T) {
	const whole = "MSRP ab12 SEND\r\nTo-Path: x\r\n\r\n\r\n-------other$\r\n\r\n-------ab12$\r\n"
	id, kind, frame, rest, err := cutFrame([]byte(whole + "MSRP"))
	if string(id) != "ab12" || string(kind) != "SEND" || string(frame) != whole || string(rest) != "MSRP" || err != nil {
		t.Errorf("cutFrame = %q, %q, %q, %q, %v", id, kind, frame, rest, err)
	}
	for n := range len(whole) {
		if _, _, _, rest, err := cutFrame([]byte(whole[:n])); !errors.Is(err, errIncomplete) || string(rest) != whole[:n] {
			t.Errorf("the first %d octets: rest %q, error %v", n, rest, err)
		}
	}
	if _, _, _, _, err := cutFrame([]byte("HTTP/1.1 200 OK\r\n")); err == nil || errors.Is(err, errIncomplete) {
		t.Errorf("HTTP: error %v", err)
	}
}

// TestEchoAnswersWhatWasRead feeds the echo in pieces and whole: the responses are the same, and those of one read leave in one write.
func TestEchoAnswersWhatWasRead(t *testing.T) {
	sends := newTemplate("msrp://127.0.0.1:2855/to;tcp", "msrp://127.0.0.1:2856/from;tcp", 100, 3)
	stream := string(sends.take(3))
	var want []string
	for number := 1; number <= 3; number++ {
		want = append(want, fmt.Sprintf("MSRP t%012[1]d 200 OK\r\nTo-Path: msrp://127.0.0.1:2856/from;tcp\r\nFrom-Path: msrp://127.0.0.1:2855/to;tcp\r\n-------t%012[1]d$\r\n", number))
	}
	tests := []struct {
		name string
		in   io.Reader
		want []string
	}{
		{"in one read", strings.NewReader(stream), []string{strings.Join(want, "")}},
		{"octet by octet", iotest.OneByteReader(strings.NewReader(stream)), want},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := &writes{}
			err := new(echo).serve(struct {
				io.Reader
				io.Writer
			}{test.in, out})
			if !errors.Is(err, io.EOF) {
				t.Errorf("the echo ended with %v", err)
			}
			if !slices.Equal(out.writes, test.want) {
				t.Errorf("writes:\n%q\nwant:\n%q", out.writes, test.want)
			}
		})
	}
}

type writes struct{ writes []string }

func (w *writes) Write(b []byte) (int, error) {
	w.writes = append(w.writes, string(b))
	return len(b), nil
}

// TestEchoKeepsNothingOfLargeBodies cuts a SEND that the echo does not keep, and a small one after it, in two at every offset.
func TestEchoKeepsNothingOfLargeBodies(t *testing.T) {
	sends := newTemplate("msrp://127.0.0.1:2855/to;tcp", "msrp://127.0.0.1:2856/from;tcp", bigFrame, 1)
	stream := string(sends.take(1))
	small := newTemplate("msrp://127.0.0.1:2855/to;tcp", "msrp://127.0.0.1:2856/from;tcp", 10, 1)
	small.take(1)
	stream += string(small.take(1))
	var want string
	for number := 1; number <= 2; number++ {
		want += fmt.Sprintf("MSRP t%012[1]d 200 OK\r\nTo-Path: msrp://127.0.0.1:2856/from;tcp\r\nFrom-Path: msrp://127.0.0.1:2855/to;tcp\r\n-------t%012[1]d$\r\n", number)
	}
	for cut := range len(stream) {
		out := &writes{}
		err := new(echo).serve(struct {
			io.Reader
			io.Writer
		}{io.MultiReader(strings.NewReader(stream[:cut]), strings.NewReader(stream[cut:])), out})
		if got := strings.Join(out.writes, ""); !errors.Is(err, io.EOF) || got != want {
			t.Fatalf("cut at %d: error %v, answers:\n%q\nwant:\n%q", cut, err, got, want)
		}
	}
}

// TestRefusalEndsTheRun shows that a response other than 200 is not counted as a message.
func TestRefusalEndsTheRun(t *testing.T) {
	addr := listen(t, func(conn net.Conn) {
		for i, status := range []string{"200 OK", "413 no"} { // the first SEND is taken, the next one is not
			conn.Read(make([]byte, 4096))
			fmt.Fprintf(conn, "MSRP t%012[1]d %[2]s\r\n-------t%012[1]d$\r\n", i+1, status)
		}
		io.Copy(io.Discard, conn)
	})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = newSession(conn, ownPath(addr), ownPath(addr)).run(row{Window: 1}, new(atomic.Bool))
	if err == nil || !strings.Contains(err.Error(), "413 no") {
		t.Errorf("the run ended with %v, want the refusal", err)
	}
}

// listen serves connections until the end of the test.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go accept(l, serve) // ends with the listener
	return l.Addr().String()
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{[]float64{7}, 7}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 3}, 2.5}} {
		if got := median(test.values); got != test.want {
			t.Errorf("median(%v) = %v, want %v", test.values, got, test.want)
		}
	}
}
