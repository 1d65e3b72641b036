package dialog

import (
	"github.com/parley-msrp/parley/internal/auth"
	"github.com/parley-msrp/parley/internal/sip"
)

// wallet holds what the requests of a dialog, or of a registration, answer challenges with. Touched by tasks only. The zero value has not been
// challenged yet, a nil one has nothing to answer with.
type wallet struct{ client *auth.Client }

// show puts the credentials of the realms that have challenged before into a request (RFC 3261 §22.2).
func (w *wallet) show(m *sip.Message) {
	if w == nil {
		return
	}
	for _, h := range w.client.Headers(auth.Request{Method: m.Method, URI: m.RequestURI, Body: m.Body}) {
		m.Add(h.Name, h.Value)
	}
}

// challenged says whether the request is worth sending again with other credentials, which show then gives (S-027).
func (w *wallet) challenged(keys []auth.Credential, try *auth.Try, r *sip.Message) bool {
	if w == nil || len(keys) == 0 || r == nil || r.Status != 401 && r.Status != 407 {
		return false
	}
	client := w.client
	if client == nil {
		client = auth.NewClient(keys)
	}
	again := client.Challenged(try, auth.Challenges{WWW: r.Values("WWW-Authenticate"), Proxy: r.Values("Proxy-Authenticate")})
	if again {
		w.client = client
	}
	return again
}

// credentials are those that a request carried: the ACK of its 2xx repeats them (RFC 3261 §22.1; S-027).
func credentials(request *sip.Message) []sip.Header {
	var h []sip.Header
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		for _, v := range request.Values(name) {
			h = append(h, sip.Header{Name: name, Value: v})
		}
	}
	return h
}
