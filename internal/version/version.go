// Package version says which Parley this is.
package version

import "runtime/debug"

// Product is the name that SIP, HTTP and the management interface show.
const Product = "Parley"

// String is the version of the module, or "devel" with the commit for a build from a work tree.
func String() string {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := b.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range b.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}

// Server is the value of SIP's and HTTP's Server header: product and version.
func Server() string { return Product + "/" + String() }
