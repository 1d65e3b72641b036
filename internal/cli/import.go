package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/internal/opensips"
)

type importCommand struct {
	File  string `arg:"" help:"The opensips.cfg to read."`
	To    string `default:"." placeholder:"DIR" help:"Folder that gets parley.yaml, and route.star where something is answered (${default})."`
	Force bool   `help:"Overwrite files that are there."`
	output
}

// maxImport bounds an opensips.cfg, in octets.
const maxImport = 4 << 20

// imported is what the command tells.
type imported struct {
	Files []string        `json:"files"`
	Notes []opensips.Note `json:"notes"`
	Check string          `json:"check,omitempty"` // what config check would say; "": nothing is wrong
}

func (c *importCommand) Run(std IO) error {
	contents, err := readAtMost(c.File, maxImport)
	if err != nil {
		return err
	}
	r, err := opensips.Convert(string(contents))
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	done := imported{Files: []string{}, Notes: append([]opensips.Note{}, r.Notes...)}
	yaml := filepath.Join(c.To, "parley.yaml")
	write := func(name string, contents []byte) error {
		if err := c.write(name, contents); err != nil {
			return err
		}
		done.Files = append(done.Files, name)
		return nil
	}
	if r.Route != nil {
		if err := write(filepath.Join(c.To, opensips.RouteName), r.Route); err != nil {
			return err
		}
	}
	if err := write(yaml, r.YAML); err != nil {
		return err
	}
	if _, err := config.Load(yaml); err != nil {
		done.Check = err.Error()
	}
	return c.print(std.Out, done, func(w io.Writer) error { return done.print(w, c.File, yaml) })
}

// write makes a file that only its owner reads: it may hold credentials.
func (c *importCommand) write(name string, contents []byte) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if c.Force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(name, flags, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; name another folder with --to, or overwrite it with --force", name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(contents)
	return errors.Join(err, f.Close())
}

func (d *imported) print(w io.Writer, from, yaml string) error {
	for _, name := range d.Files {
		fmt.Fprintln(w, "wrote", name)
	}
	if len(d.Notes) > 0 {
		fmt.Fprintf(w, "\nTo look at, by the lines of %s:\n", from)
		for _, n := range d.Notes {
			fmt.Fprintln(w, "  "+printable(n.String()))
		}
	}
	if d.Check != "" {
		fmt.Fprintf(w, "\nTo mend before the daemon starts:\n%s\n", d.Check)
		return nil
	}
	_, err := fmt.Fprintf(w, "\nStart it with: parley serve --config %s\n", yaml)
	return err
}

// readAtMost reads a file of up to limit octets.
func readAtMost(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	contents, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(contents)) > limit {
		return nil, fmt.Errorf("%s has more than %d octets", name, limit)
	}
	return contents, nil
}
