package config

import (
	"errors"
	"net/url"
)

// URL is where traces go, with its path; "": nowhere.
func (o *OTel) URL() string {
	u, err := url.Parse(o.Endpoint)
	if err != nil || o.Endpoint == "" {
		return ""
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String()
}

// check checks what is said below the key otel.
func (o *OTel) check(report func(string, error)) {
	u, err := url.Parse(o.Endpoint)
	if o.Endpoint != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "") {
		report("otel.endpoint", errors.New("is not the URL of a collector; http://127.0.0.1:4318 would be right"))
	}
	report("otel.one_in", checkRange(o.OneIn, 1, 1_000_000))
}
