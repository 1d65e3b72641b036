package route

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/big"

	"go.starlark.net/starlark"
)

// jsonFile reads a file token by token, for the places of what is wrong and for names that stand twice.
type jsonFile struct {
	*dictFile
	decoder *json.Decoder
}

func readJSON(f *dictFile) (*starlark.Dict, error) {
	j := &jsonFile{f, json.NewDecoder(bytes.NewReader(f.text))}
	j.decoder.UseNumber()
	v, err := j.value(0)
	if err != nil {
		return nil, err
	}
	d, ok := v.(*starlark.Dict)
	if !ok {
		return nil, f.wrong(1, 1, "%s", wantDict)
	}
	if _, err := j.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, j.here("something behind the end of the document")
	}
	return d, nil
}

// here says what is wrong where the decoder is.
func (j *jsonFile) here(what string) error {
	return j.wrongAt(int(j.decoder.InputOffset()), "%s", what)
}

func (j *jsonFile) token() (json.Token, error) {
	t, err := j.decoder.Token()
	switch {
	case err == nil:
		return t, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, j.wrongAt(len(j.text), "the file ends too early")
	}
	at := int(j.decoder.InputOffset()) // behind the last token that could be read
	rest := bytes.TrimLeft(j.text[at:], " \t\r\n,:")
	return nil, j.wrongAt(len(j.text)-len(rest), "%v", err)
}

func (j *jsonFile) value(depth int) (starlark.Value, error) {
	t, err := j.token()
	if err != nil {
		return nil, err
	}
	switch v := t.(type) {
	case nil:
		return starlark.None, nil
	case bool:
		return starlark.Bool(v), nil
	case string:
		return starlark.String(v), nil
	case json.Number:
		return j.number(v.String())
	}
	if depth == maxDepth {
		return nil, j.here(wantFlat)
	}
	if t == json.Delim('[') {
		return j.list(depth + 1)
	}
	return j.dict(depth + 1)
}

func (j *jsonFile) number(text string) (starlark.Value, error) {
	v, ok := number(text)
	if !ok {
		return nil, j.here("a number that is too large")
	}
	return v, nil
}

// number reads a number as JSON writes it.
func number(text string) (starlark.Value, bool) {
	if n, ok := new(big.Int).SetString(text, 10); ok && len(text) <= 20 {
		return starlark.MakeBigInt(n), true
	}
	f, err := json.Number(text).Float64()
	return starlark.Float(f), err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
}

func (j *jsonFile) list(depth int) (starlark.Value, error) {
	var elements []starlark.Value
	for j.decoder.More() {
		v, err := j.value(depth)
		if err != nil {
			return nil, err
		}
		elements = append(elements, v)
	}
	_, err := j.token() // the bracket
	return starlark.NewList(elements), err
}

func (j *jsonFile) dict(depth int) (starlark.Value, error) {
	d := starlark.NewDict(0)
	for j.decoder.More() {
		t, err := j.token()
		if err != nil {
			return nil, err
		}
		name := t.(string)
		at := int(j.decoder.InputOffset()) - 1
		v, err := j.value(depth)
		if err != nil {
			return nil, err
		}
		if !put(d, name, v) {
			return nil, j.wrongAt(at, "%s", errTwice(name))
		}
	}
	_, err := j.token() // the brace
	return d, err
}
