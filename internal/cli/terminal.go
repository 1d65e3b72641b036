package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// maxChatLine bounds one typed line, in octets.
const maxChatLine = 1 << 20

// lineReader gives typed lines, without their ends; io.EOF after the last one.
type lineReader interface {
	ReadLine() (string, error)
}

// outlet is a writer whose target changes when the terminal does.
type outlet struct {
	mu sync.Mutex
	to io.Writer
}

func (o *outlet) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(b)
}

func (o *outlet) set(w io.Writer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.to = w
}

// console is where a conversation is typed and shown.
type console struct {
	in       io.Reader
	plain    IO // what the command was given
	out, err outlet
}

// newConsole shows what is written to the IO that it returns where std has it, until talk is called.
func newConsole(std IO) (*console, IO) {
	c := &console{in: std.In, plain: std}
	c.out.to, c.err.to = std.Out, std.Err
	return c, IO{In: std.In, Out: &c.out, Err: &c.err}
}

// talk gives the lines that are typed from now on: on a terminal with line editing and a history (the arrow keys), what comes being shown above the line
// that is typed. There, the end of the input (Ctrl-D or Ctrl-C) calls leave. rest ends it.
func (c *console) talk(leave func()) (lines lineReader, rest func(), err error) {
	in, isFile := c.in.(*os.File)
	if !isFile || !term.IsTerminal(int(in.Fd())) || !isTerminal(c.plain.Out) {
		return newScanned(c.in), func() {}, nil
	}
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, nil, fmt.Errorf("the terminal: %w", err)
	}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, c.plain.Out}, "> ")
	if width, height, err := term.GetSize(int(in.Fd())); err == nil && width > 0 {
		_ = t.SetSize(width, height) // without, 80 columns do
	}
	c.out.set(t)
	c.err.set(t)
	return edited{t, leave}, func() {
		_ = term.Restore(int(in.Fd()), before) // nothing better can be done
		c.out.set(c.plain.Out)
		c.err.set(c.plain.Err)
		fmt.Fprintln(c.plain.Out)
	}, nil
}

// edited reads lines of a terminal.
type edited struct {
	*term.Terminal
	leave func()
}

func (e edited) ReadLine() (string, error) {
	line, err := e.Terminal.ReadLine()
	if errors.Is(err, term.ErrPasteIndicator) {
		err = nil
	}
	if err != nil {
		e.leave()
	}
	return line, err
}

// scanned reads lines of what is no terminal.
type scanned struct{ *bufio.Scanner }

func newScanned(in io.Reader) scanned {
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxChatLine)
	return scanned{s}
}

func (s scanned) ReadLine() (string, error) {
	if s.Scan() {
		return s.Text(), nil
	}
	if err := s.Err(); err != nil {
		return "", err
	}
	return "", io.EOF
}

// readLines hands over lines until they end or done is closed, and then closes lines.
func readLines(in lineReader, errOut io.Writer, lines chan<- string, done <-chan struct{}) {
	defer close(lines)
	for {
		line, err := in.ReadLine()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				fmt.Fprintln(errOut, "the input cannot be read any further:", err)
			}
			return
		}
		select {
		case lines <- line:
		case <-done:
			return
		}
	}
}

// isTerminal says whether w is one.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	s, err := f.Stat()
	return err == nil && s.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}
