package config

import (
	"fmt"
	"strings"
)

// Document returns docs/configuration.md: every key for people, in Markdown.
func Document() []byte {
	keys := Keys()
	var b strings.Builder
	b.WriteString(intro)
	b.WriteString("\n```yaml\n" + Example() + "```\n\n## Keys\n")
	for i := range keys {
		k := &keys[i]
		fallback := "`" + k.Default + "`"
		if k.derived != "" {
			fallback = k.derived + ", so `" + k.Default + "`"
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n- default: %s\n- variable: `%s`\n- takes effect: %s\n",
			k.Path, k.Doc, fallback, k.Variable(), k.Reload.words())
	}
	return []byte(b.String())
}

func (r Reload) words() string {
	switch r {
	case Live:
		return "at once (live)"
	case NewSessions:
		return "for new sessions"
	}
	return "at the next start (restart)"
}

// Example returns a configuration file that says what holds without one.
func Example() string {
	var b strings.Builder
	section := ""
	keys := Keys()
	for i := range keys {
		k := &keys[i]
		if s := k.Section(); s != section {
			section = s
			if s != "" {
				b.WriteString(s + ":\n")
			}
		}
		indent := ""
		if section != "" {
			indent = "  "
		}
		fmt.Fprintf(&b, "%s%s: %s\n", indent, k.Name(), k.Default)
	}
	return b.String()
}

const intro = `# Configuration

<!-- Made from the table of keys in internal/config: go test ./internal/config -run TestDocument -update -->

` + "`parley serve`" + ` needs no configuration. ` + "`--config FILE`" + ` names a YAML file that overrides the defaults; the environment overrides both.
` + "`parley config check FILE`" + ` says what is wrong with a file, or nothing.

- A key that is not known, a value of the wrong kind and a key that stands twice are errors, which show file, line and place. Anchors, aliases,
  tags and second documents are not taken.
- Times are numbers of seconds, and may have a fraction: ` + "`0.5`" + `.
- A variable of the environment has the name of its key in capitals, with ` + "`PARLEY_`" + ` before it and ` + "`_`" + ` for each dot. Lists are separated by commas.
  An empty variable counts as none.
- A running node reads all of it anew on SIGHUP, and when it is told to: ` + "`parley reload`" + `, ` + "`POST /v1/reload`" + `, or ` + "`reload`" + ` of the management interface. No session notices. What a key's
  change does then: *live* takes effect at once, *new sessions* for sessions that begin later, *restart* at the next start; the answer, and the log, say which keys those are. The files that are named are
  read anew in any case: request route, clients, certificates. Whatever is wrong, nothing changes, and the answer says what it is.

This file says what holds without one:
`
