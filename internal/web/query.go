package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-msrp/parley/internal/web/openapi"
)

// readQuery reads the query of a request into a struct, whose fields' tags say the parameters' names and limits: a string, a number,
// or a list of strings, which may be given several times or with commas. What is wrong is told of all parameters.
func readQuery[T any](r *http.Request) (T, error) {
	var into T
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return into, wrongField("query", "the query cannot be read: %v", err)
	}
	fields, known := queryFields(reflect.ValueOf(&into).Elem())
	var wrong fieldsError
	for _, name := range slices.Sorted(maps.Keys(query)) {
		field, ok := fields[name]
		if !ok {
			wrong = append(wrong, FieldProblem{fmt.Sprintf("%.64s", name), "unknown parameter; there are: " + strings.Join(known, ", ")})
		} else if problem := setParameter(field, query[name]); problem != "" {
			wrong = append(wrong, FieldProblem{name, problem})
		}
	}
	if wrong != nil {
		return into, wrong
	}
	return into, nil
}

type queryField struct {
	value reflect.Value
	field reflect.StructField
}

// queryFields finds the fields by the names of their parameters, and gives numbers their defaults.
func queryFields(v reflect.Value) (fields map[string]queryField, names []string) {
	fields = map[string]queryField{}
	for f, value := range v.Fields() {
		name := openapi.MemberOf(f, "query").Name
		fields[name] = queryField{value, f}
		names = append(names, name)
		if n, err := strconv.ParseInt(f.Tag.Get("default"), 10, 64); err == nil && value.CanInt() {
			value.SetInt(n)
		}
	}
	return fields, names
}

// setParameter returns what is wrong with the values; "": nothing.
func setParameter(f queryField, values []string) string {
	switch {
	case f.value.Kind() == reflect.Slice:
		for _, text := range strings.Split(strings.Join(values, ","), ",") {
			one := reflect.New(f.value.Type().Elem()).Elem()
			if problem := setString(one, text); problem != "" {
				return problem
			}
			f.value.Set(reflect.Append(f.value, one))
		}
		return ""
	case len(values) > 1:
		return fmt.Sprintf("is given %d times", len(values))
	case f.value.CanInt():
		return setNumber(f, values[0])
	}
	return setString(f.value, values[0])
}

func setNumber(f queryField, text string) string {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return notWithin(f.field)
	}
	f.value.SetInt(n)
	return beyond(f.value, f.field)
}

// beyond says what is wrong with a number that the tags of its field do not allow; "": nothing.
func beyond(v reflect.Value, f reflect.StructField) string {
	if least, most, ok := openapi.Limits(f); ok && (v.Int() < least || v.Int() > most) {
		return notWithin(f)
	}
	return ""
}

func notWithin(f reflect.StructField) string {
	least, most, _ := openapi.Limits(f)
	return fmt.Sprintf("must be a number from %d to %d", least, most)
}

// setString refuses what is not among the values of an enumerated type.
func setString(v reflect.Value, text string) string {
	if e, ok := v.Interface().(openapi.Enumerated); ok && !slices.Contains(e.Enum(), text) {
		return fmt.Sprintf("there is no %.64q; it must be one of %s", text, strings.Join(e.Enum(), ", "))
	}
	v.SetString(text)
	return ""
}
