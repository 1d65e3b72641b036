package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-msrp/parley/internal/web/openapi"
)

const (
	// smallBody is what a request may hold without waiting for a place among the large ones.
	smallBody = 64 << 10
	maxLarge  = 8
	largeTime = 10 * time.Second // that a large one waits for its place
)

// withBody reads the body of a request into memory and hands it to do. It is bounded, and so is how many large ones there are at the same time.
func (s *Server) withBody(w http.ResponseWriter, r *http.Request, do func(body []byte)) {
	if r.ContentLength > s.config.MaxBody {
		s.tooLarge(w)
		return
	}
	// Without a length the body may be large.
	if r.ContentLength < 0 || r.ContentLength > smallBody {
		if !s.enterLarge(r.Context()) {
			problem(w, http.StatusServiceUnavailable, "there are too many large requests at the same time")
			return
		}
		defer func() { <-s.large }()
	}
	from := r.Body
	if r.ContentLength < 0 {
		from = http.MaxBytesReader(w, from, s.config.MaxBody)
	}
	body, err := readBody(from, r.ContentLength)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		s.tooLarge(w)
	case err != nil:
		problem(w, http.StatusBadRequest, "the body could not be read to its end")
	default:
		do(body)
	}
}

// enterLarge waits for a place among the large requests; whoever gets one gives it back.
func (s *Server) enterLarge(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, largeTime)
	defer cancel()
	select {
	case s.large <- struct{}{}:
		return true
	case <-ctx.Done():
	case <-s.closing.Done():
	}
	return false
}

func (s *Server) tooLarge(w http.ResponseWriter) {
	problem(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("a request holds at most %d octets", s.config.MaxBody))
}

func readBody(body io.Reader, length int64) ([]byte, error) {
	if length < 0 {
		return io.ReadAll(body)
	}
	b := make([]byte, length)
	_, err := io.ReadFull(body, b)
	return b, err
}

// withDocument reads the JSON object that a request holds into a T, and hands that to do. What is wrong is told of all members.
func withDocument[T any](s *Server, w http.ResponseWriter, r *http.Request, do func(T)) {
	s.withBody(w, r, func(body []byte) {
		var document T
		status, err := readObject(body, reflect.ValueOf(&document).Elem())
		if err != nil {
			p := problemOf(err)
			p.Status = status
			writeProblem(w, p)
			return
		}
		do(document)
	})
}

// readObject is strict: a member that is not known, is missing, or is of another kind is told, and names count as they are written.
func readObject(body []byte, into reflect.Value) (status int, err error) {
	var members map[string]json.RawMessage
	if !utf8.Valid(body) {
		return http.StatusBadRequest, errors.New("the body is not UTF-8")
	}
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return http.StatusBadRequest, errors.New("the body must be a JSON object" + because(err))
	}
	var wrong fieldsError
	var known []string
	for f, value := range into.Fields() {
		m := openapi.MemberOf(f, "json")
		known = append(known, m.Name)
		raw, given := members[m.Name]
		delete(members, m.Name)
		null := bytes.Equal(raw, []byte("null"))
		switch {
		case (!given || null) && !m.Optional:
			wrong = append(wrong, FieldProblem{m.Name, "is required"})
		case given && !null:
			if problem := setMember(value, f, raw); problem != "" {
				wrong = append(wrong, FieldProblem{m.Name, problem})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		wrong = append(wrong, FieldProblem{fmt.Sprintf("%.64s", name), "unknown member; there are: " + strings.Join(known, ", ")})
	}
	if wrong != nil {
		return http.StatusUnprocessableEntity, wrong
	}
	return 0, nil
}

func because(err error) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf(": %v, at octet %d", syntax, syntax.Offset)
	}
	return ""
}

// setMember returns what is wrong with a value; "": nothing.
func setMember(v reflect.Value, f reflect.StructField, raw json.RawMessage) string {
	if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
		return "must be " + kindOf(v.Type())
	}
	if v.CanInt() {
		return beyond(v, f)
	}
	e, ok := v.Interface().(openapi.Enumerated)
	if ok && !slices.Contains(e.Enum(), v.String()) {
		return fmt.Sprintf("there is no %.64q; it must be one of %s", v.String(), strings.Join(e.Enum(), ", "))
	}
	return ""
}

// kindOf says for people what JSON value a type takes.
func kindOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[[]byte]():
		return "a string in base64"
	case t.Kind() == reflect.Slice:
		return "a list, each of it " + kindOf(t.Elem())
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "a string"
	case t.Kind() == reflect.Map, t.Kind() == reflect.Struct:
		return "an object"
	case t.Kind() == reflect.Pointer:
		return kindOf(t.Elem())
	}
	return "a number"
}
