package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// write puts a certificate of its own, with that name, into two files.
func write(t *testing.T, name, certificate, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	for file, b := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (f *Files) name(t *testing.T) string {
	t.Helper()
	c, err := f.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf.Subject.CommonName
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	certificate, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	synctest.Test(t, func(t *testing.T) {
		write(t, "first", certificate, key)
		f, err := Load(Config{Certificate: certificate, PrivateKey: key, Authorities: certificate})
		if err != nil {
			t.Fatal(err)
		}
		roots, _ := f.Roots()
		if f.name(t) != "first" || roots == nil {
			t.Errorf("%s, %v", f.name(t), roots)
		}
		write(t, "second, with a longer name", certificate, key)
		time.Sleep(lookEvery)
		if got := f.name(t); got != "second, with a longer name" {
			t.Errorf("after a change: %s", got)
		}
		if again, _ := f.Roots(); again == roots {
			t.Error("the authorities are the former ones")
		}
		if err := os.WriteFile(key, []byte("half a key"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lookEvery)
		if got := f.name(t); got != "second, with a longer name" {
			t.Errorf("after a change for the worse: %s", got)
		}
		write(t, "third", certificate, key)
		time.Sleep(lookEvery)
		if got := f.name(t); got != "third" {
			t.Errorf("after it was mended: %s", got)
		}
	})
}

func TestWrongFiles(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, "a", in("a.pem"), in("a.key"))
	write(t, "b", in("b.pem"), in("b.key"))
	for want, c := range map[string]Config{
		"certificate: ": {Certificate: in("none.pem"), PrivateKey: in("a.key")},
		"private key: ": {Certificate: in("a.pem"), PrivateKey: in("none.key")},
		"b.key":         {Certificate: in("a.pem"), PrivateKey: in("b.key")},
		"authorities: ": {Certificate: in("a.pem"), PrivateKey: in("a.key"), Authorities: in("none.pem")},
		"no file":       {Certificate: dir, PrivateKey: in("a.key")},
		"in PEM":        {Certificate: in("a.pem"), PrivateKey: in("a.key"), Authorities: in("a.key")},
	} {
		if f, err := Load(c); err == nil || f != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestAuthoritiesAlone has no certificate of its own, but knows whom to trust; those who do may change.
func TestAuthoritiesAlone(t *testing.T) {
	dir := t.TempDir()
	authorities, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "key.pem")
	synctest.Test(t, func(t *testing.T) {
		write(t, "first", authorities, key)
		f, err := Load(Config{Authorities: authorities})
		if err != nil {
			t.Fatal(err)
		}
		before, _ := f.Roots()
		if own, err := f.Certificate(); own != nil || err != nil || before == nil {
			t.Errorf("%v, %v, authorities %v", own, err, before)
		}
		write(t, "second, with a longer name", authorities, key)
		time.Sleep(2 * time.Second)
		if after, _ := f.Roots(); after == nil || after.Equal(before) {
			t.Error("the authorities are those that were there before")
		}
	})
	if none, err := Load(Config{}); err != nil {
		t.Error(err)
	} else if roots, _ := none.Roots(); roots != nil {
		t.Error("authorities out of nothing")
	}
}
