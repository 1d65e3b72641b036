package cli

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/parley-msrp/parley/internal/access"
)

type tokenCommand struct {
	Name   string `arg:"" help:"Name of the client."`
	Rights string `arg:"" help:"What it may do: read, send, start, admin, with commas between, or all."`
}

// Run prints the token to standard error, for whoever is to have it, and the line, which does not tell it, to standard output, for the file.
func (c *tokenCommand) Run(std IO) error {
	if _, err := access.ParseRights(c.Rights); err != nil {
		return err
	}
	if c.Name == "" || strings.ContainsFunc(c.Name, func(r rune) bool { return r <= ' ' || r == 0x7f }) || c.Name[0] == '#' {
		return errors.New("the name is a word without blanks that does not begin with #")
	}
	token := rand.Text() + rand.Text() // 256 bits, and nothing that a shell or a command line takes for something else
	fmt.Fprintf(std.Err, "The token, which is shown only now: %s\n", token)
	_, err := fmt.Fprintf(std.Out, "%s %s sha256:%x\n", c.Name, c.Rights, sha256.Sum256([]byte(token)))
	return err
}
