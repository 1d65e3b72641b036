package cpim_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/parley-msrp/parley/cpim"
)

const imdn = "urn:ietf:params:imdn"

func TestNamespace(t *testing.T) {
	for _, c := range []struct {
		name    string
		headers []string
		want    []string // texts of the IMDN Message-ID headers
	}{
		{"P-007/any prefix", []string{"NS: abc <" + imdn + ">", "abc.Message-ID: x"}, []string{"x"}},
		{"P-007/no space", []string{"NS: abc<" + imdn + ">", "abc.Message-ID: x"}, []string{"x"}},
		{"P-007/undeclared", []string{"imdn.Message-ID: x"}, nil},
		{"P-007/declared too late", []string{"imdn.Message-ID: x", "NS: imdn <" + imdn + ">"}, nil},
		{"P-007/declared again", []string{"NS: a <" + imdn + ">", "a.Message-ID: x", "NS: a <urn:other>", "a.Message-ID: y"}, []string{"x"}},
		{"P-007/default", []string{"Message-ID: w", "NS: <" + imdn + ">", "Message-ID: x", "NS: <urn:other>", "Message-ID: y"}, []string{"x"}},
		{"P-007/case matters", []string{"NS: a <" + imdn + ">", "A.Message-ID: x", "a.message-id: y", "a.Message-ID: z"}, []string{"z"}},
		{"P-007/two prefixes", []string{"NS: a <" + imdn + ">", "NS: b <" + imdn + ">", "b.Message-ID: x", "a.Message-ID: y"}, []string{"x", "y"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for h := range parse(t, with(c.headers...)).All(imdn, "Message-ID") {
				got = append(got, h.Text())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}

	t.Run("P-007/core headers under a prefix", func(t *testing.T) {
		m := parse(t, "NS: <urn:other>\r\nNS: core <"+cpim.CoreNamespace+">\r\nFrom: someone else\r\ncore.From: <sip:a@x>\r\ncore.To: <sip:b@x>\r\n"+textPlain)
		if m.From().URI != "sip:a@x" {
			t.Errorf("%v", m.From())
		}
	})

	t.Run("P-007/resolved", func(t *testing.T) {
		m := parse(t, usual)
		if ns, name, ok := m.Resolve(4); ns != imdn || name != "Message-ID" || !ok {
			t.Error(ns, name, ok)
		}
	})
}

func TestRequire(t *testing.T) {
	understood := func(namespace, name string) bool { return namespace == imdn && name == "Message-ID" }
	for _, c := range []struct {
		name    string
		headers []string
		missing []string
	}{
		{"P-008/nothing", nil, nil},
		{"P-008/core headers", []string{"Require: From,  DateTime,cc, NS"}, nil},
		{"P-008/unknown", []string{"NS: abc <urn:abc>", "Require: abc.Must"}, []string{"abc.Must"}},
		{"P-008/not declared", []string{"Require: imdn.Message-ID"}, []string{"imdn.Message-ID"}},
		{"P-008/understood", []string{"NS: x <" + imdn + ">", "Require: x.Message-ID"}, nil},
		{"P-008/several headers and names", []string{"NS: x <" + imdn + ">", "Require: x.Message-ID, x.Other", "Require: Foo"}, []string{"x.Other", "Foo"}},
		{"P-008/empty", []string{"Require:"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := parse(t, with(c.headers...)).CheckRequire(understood)
			if err == nil && c.missing == nil {
				return
			}
			if e, ok := errors.AsType[*cpim.RequireError](err); !ok || !slices.Equal(e.Names, c.missing) {
				t.Errorf("%v, want %q", err, c.missing)
			}
		})
	}
}
