package msrpsdp

import (
	"github.com/pion/sdp/v3"

	"github.com/parley-msrp/parley/msrp"
)

// direction finds the direction among attributes, else says otherwise. The first one counts.
func direction(attributes []sdp.Attribute, otherwise string) string {
	for _, a := range attributes {
		switch a.Key {
		case "sendrecv", "sendonly", "recvonly", "inactive":
			return a.Key
		}
	}
	return otherwise
}

// sends and receives say what the author of a direction may do; anything unknown is sendrecv.
func sends(d string) bool    { return d != "recvonly" && d != "inactive" }
func receives(d string) bool { return d != "sendonly" && d != "inactive" }

func directionOf(send, receive bool) string {
	switch {
	case send && receive:
		return "sendrecv"
	case send:
		return "sendonly"
	case receive:
		return "recvonly"
	}
	return "inactive"
}

// turn returns the direction to answer to an offered one when we would like to do want (RFC 3264 §6.1, D-018). An empty want is
// sendrecv, and stays empty, which is not written, where the answer is sendrecv.
func turn(want, offered string) string {
	d := directionOf(sends(want) && receives(offered), receives(want) && sends(offered))
	if want == "" && d == "sendrecv" {
		return ""
	}
	return d
}

// agreed is what we may do when we said own and the peer said peer, whoever of both was first.
func agreed(own, peer string) msrp.Direction {
	switch turn(own, peer) {
	case "sendonly":
		return msrp.SendOnly
	case "recvonly":
		return msrp.RecvOnly
	case "inactive":
		return msrp.Inactive
	}
	return msrp.SendRecv
}

// Agreed is what we may do where the local's direction is wished here and the peer says the other one, whoever is first.
func (l *Local) Agreed(peer string) msrp.Direction { return agreed(l.Direction, peer) }
