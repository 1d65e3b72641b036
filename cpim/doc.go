// Package cpim reads and writes message/cpim (RFC 3862), the wrapper that carries sender, recipients and time of an instant message beside its
// content, as MSRP uses it (RFC 4975 §13). It does no I/O but Read's.
//
// Parse is strict where a lenient reading could show a message as what it is not, and says in typed errors what was wrong. A message that was
// parsed is written again octet by octet as it came, unknown headers included, unless its headers are changed (RFC 3862 §2.2).
package cpim

// MediaType is the media type of a CPIM message.
const MediaType = "message/cpim"

// CoreNamespace is the namespace of the headers that RFC 3862 §4 defines: From, To, cc, DateTime, Subject, NS, Require.
const CoreNamespace = "urn:ietf:params:cpim-headers:"

// Bounds of what is taken.
const (
	MaxHead    = 16 << 10 // octets before the content: both blocks of headers with their empty lines
	MaxHeaders = 100      // headers in each block
	MaxDepth   = 8        // messages within each other
)
