package route

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"

	"go.starlark.net/starlark"
)

// readCSV reads rows (RFC 4180) whose first field is the name. With two fields the second is its value, with more the list of the others, with
// one True. Lines that begin with # and empty lines are skipped.
func readCSV(f *dictFile) (*starlark.Dict, error) {
	r := csv.NewReader(bytes.NewReader(f.text))
	r.Comment, r.TrimLeadingSpace, r.ReuseRecord = '#', true, true
	d := starlark.NewDict(0)
	fields := 0
	for {
		row, err := r.Read()
		switch parse, ok := errors.AsType[*csv.ParseError](err); {
		case errors.Is(err, io.EOF):
			return d, nil
		case errors.Is(err, csv.ErrFieldCount):
			return nil, f.wrong(parse.Line, 1, "a row of %d fields after rows of %d", len(row), fields)
		case ok:
			return nil, f.wrong(parse.Line, parse.Column, "%v", parse.Err)
		case err != nil:
			return nil, err
		}
		fields = len(row)
		if !put(d, row[0], csvValue(row[1:])) {
			line, column := r.FieldPos(0)
			return nil, f.wrong(line, column, "%s", errTwice(row[0]))
		}
	}
}

func csvValue(rest []string) starlark.Value {
	switch len(rest) {
	case 0:
		return starlark.True
	case 1:
		return starlark.String(rest[0])
	}
	return list(rest)
}
