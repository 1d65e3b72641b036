package access_test

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/access"
)

const secret = "0123456789abcdef0123456789abcdef"

func clientsFile(t *testing.T, mode fs.FileMode, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clients")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func hashed(token string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(token))) }

func TestClients(t *testing.T) {
	c, err := access.LoadClients(clientsFile(t, 0o600, "# who\n\nbot read,send "+hashed(secret)+"\n\tops\tall\ttoken:"+secret+"x\r\n"+
		"metrics read certificate:Prometheus.example.com\nnode start certificate:sip:node.example.com\n"))
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]access.Caller{
		secret:       {Name: "bot", Rights: access.Read | access.Send | access.Known},
		secret + "x": {Name: "ops", Rights: access.All | access.Known},
		secret[1:]:   {}, "": {}, hashed(secret): {}, hashed(secret)[7:]: {}, strings.Repeat("x", 5000): {},
	} {
		if got, found := c.ByToken(token); got != want || found != (want.Name != "") {
			t.Errorf("%.40s: %+v, %t", token, got, found)
		}
	}
	uri, _ := url.Parse("sip:node.example.com")
	for want, leaf := range map[string]*x509.Certificate{
		"metrics": {DNSNames: []string{"other", "prometheus.EXAMPLE.com"}},
		"node":    {URIs: []*url.URL{uri}},
		"":        {DNSNames: []string{"other"}, Subject: pkix.Name{CommonName: "prometheus.example.com"}},
	} {
		if got, found := c.ByCertificate(leaf); got.Name != want || found != (want != "") {
			t.Errorf("%+v, want %q", got, want)
		}
	}
	if got, _ := c.ByCertificate(&x509.Certificate{Subject: pkix.Name{CommonName: "prometheus.example.com"}}); got.Name != "metrics" {
		t.Errorf("by its CN: %+v", got)
	}
}

func TestClientsFile(t *testing.T) {
	for _, c := range []struct {
		name, text string
		mode       fs.FileMode
		want       string
	}{
		{"hashes may be read", "bot read " + hashed(secret), 0o644, ""},
		{"tokens may not", "bot read token:" + secret, 0o640, "may be read by others than its owner (mode 0640); chmod 600 would be right"},
		{"nor may anything be written", "bot read " + hashed(secret), 0o620, "may be written to by others"},
		{"two fields", "# x\nbot " + hashed(secret), 0o600, ":2: the line is not of the form NAME RIGHTS CREDENTIAL"},
		{"a right", "bot write " + hashed(secret), 0o600, `:1: "write" is no right; read, send, start, admin or all would be right`},
		{"a short token", "bot read token:short", 0o600, ":1: the token is not of 32 to 1024 octets"},
		{"a short hash", "bot read sha256:00", 0o600, ":1: the hash does not have 64"},
		{"a long hash", "bot read " + hashed(secret) + "00", 0o600, ":1: the hash does not have 64"},
		{"not a hash", "bot read sha256:" + strings.Repeat("xy", 32), 0o600, ":1: the hash does not have 64"},
		{"no kind", "bot read " + secret, 0o600, ":1: the credential is none"},
		{"no name", "bot read certificate:", 0o600, ":1: the credential is none"},
		{"a token twice", "a read token:" + secret + "\nb all " + hashed(secret), 0o600, ":2: the credential stands on a line before"},
		{"a certificate twice", "a read certificate:x\nb all certificate:X", 0o600, ":2: the credential stands on a line before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := clientsFile(t, c.mode, c.text)
			_, err := access.LoadClients(path)
			switch {
			case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path)):
				t.Errorf("%v\nwant …%s", err, c.want)
			case err != nil && strings.Contains(err.Error(), secret):
				t.Errorf("%v shows the secret", err)
			}
		})
	}
	if _, err := access.LoadClients("/nowhere/clients"); err == nil {
		t.Error("a file that is not there was read")
	}
}

func TestRights(t *testing.T) {
	for text, want := range map[string]access.Rights{
		"read": access.Read, "read,send": access.Read | access.Send, "admin,start": access.Admin | access.Start, "all": access.All, "read,read": access.Read,
	} {
		if got, err := access.ParseRights(text); got != want || err != nil {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "read,", "READ", "read send", "none"} {
		if got, err := access.ParseRights(text); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
	if s := (access.Read | access.Admin).String(); s != "read,admin" {
		t.Error(s)
	}
	if access.Needed("what nobody has thought of") != access.Admin {
		t.Error("what is not listed is open")
	}
}
