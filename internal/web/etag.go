package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// writeTagged answers with a document and its ETag, or with 304 where the client has just that (RFC 9110 §13.1.2).
func writeTagged(w http.ResponseWriter, r *http.Request, document any) {
	b, err := json.Marshal(document)
	if err != nil {
		problem(w, http.StatusInternalServerError, "the document cannot be written")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	writeTaggedOctets(w, r, append(b, '\n'))
}

func writeTaggedOctets(w http.ResponseWriter, r *http.Request, b []byte) {
	tag := tagOf(b)
	w.Header().Set("ETag", tag)
	if w.Header().Get("Cache-Control") == "no-store" {
		w.Header().Set("Cache-Control", "no-cache") // kept, but not used unasked
	}
	if hasTag(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(b)
}

func tagOf(b []byte) string {
	sum := sha256.Sum256(b)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

func hasTag(values []string, tag string) bool {
	for _, v := range values {
		for one := range strings.SplitSeq(v, ",") {
			if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == tag || one == "*" {
				return true
			}
		}
	}
	return false
}
