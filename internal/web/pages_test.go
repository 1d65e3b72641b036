package web_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestPages: what a browser gets loads what this node serves and nothing else, and holds neither script nor style of its own.
func TestPages(t *testing.T) {
	s := start(t, node{}, nil)
	loaded := map[string]bool{}
	for _, path := range []string{"/", "/docs"} {
		answer, text := s.do(t, "GET", path, "")
		if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %s, %s", path, answer.Status, answer.Header.Get("Content-Type"))
		}
		policy := answer.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: the policy %q lacks %s", path, policy, part)
			}
		}
		if regexp.MustCompile(`<style|style=|\son\w+=|<script[^>]*>[^<]|unsafe|https?:`).MatchString(text + policy) {
			t.Errorf("%s has something inline or from elsewhere: %s", path, text)
		}
		for _, m := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(text, -1) {
			loaded[m[1]] = true
		}
	}
	types := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
	for path := range loaded {
		answer, text := s.do(t, "GET", path, "")
		if want := types[path[strings.LastIndexByte(path, '.'):]]; answer.StatusCode != 200 || answer.Header.Get("Content-Type") != want || text == "" {
			t.Errorf("%s: %s, %s", path, answer.Status, answer.Header.Get("Content-Type"))
		}
		tag := answer.Header.Get("ETag")
		if answer, _ := s.do(t, "GET", path, "", "If-None-Match", tag); answer.StatusCode != 304 {
			t.Errorf("%s again: %s", path, answer.Status)
		}
	}
	for _, path := range []string{"/assets/", "/assets/..", "/assets/%2e%2e%2findex.html", "/assets/none.js", "/index.html"} {
		if answer, _ := s.do(t, "GET", path, ""); answer.StatusCode != 404 {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
}
