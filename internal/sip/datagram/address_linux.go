package datagram

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// name is room for a socket address of either family; both have their port at the same place.
type name = unix.RawSockaddrInet6

func port(n *name) *[2]byte { return (*[2]byte)(unsafe.Pointer(&n.Port)) }

// zone is the name of the link that was asked for last: mostly it is the same again.
type zone struct {
	link uint32
	name string
}

// address reads a socket address; of a mapped one the IPv4 address.
func (z *zone) address(n *name) netip.AddrPort {
	var a netip.Addr
	switch n.Family {
	case unix.AF_INET:
		a = netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(n)).Addr)
	case unix.AF_INET6:
		if a = netip.AddrFrom16(n.Addr).Unmap(); n.Scope_id != 0 {
			a = a.WithZone(z.nameOf(n.Scope_id))
		}
	}
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port(n)[:]))
}

func (z *zone) nameOf(link uint32) string {
	if z.link != link {
		z.link, z.name = link, strconv.FormatUint(uint64(link), 10)
		if i, err := net.InterfaceByIndex(int(link)); err == nil {
			z.name = i.Name
		}
	}
	return z.name
}

// linkOf is the number of a link; 0 where there is no such link.
func (z *zone) linkOf(name string) uint32 {
	if z.link == 0 || z.name != name {
		z.link, z.name = 0, name
		if i, err := net.InterfaceByName(name); err == nil {
			z.link = uint32(i.Index)
		} else if n, err := strconv.ParseUint(name, 10, 32); err == nil {
			z.link = uint32(n)
		}
	}
	return z.link
}

// setAddress writes an address for a socket of a family, and gives its length; 0 where there is none, or none of that family.
func (z *zone) setAddress(n *name, family int, to netip.AddrPort) uint32 {
	a := to.Addr()
	switch {
	case !a.IsValid():
		return 0
	case family == unix.AF_INET6:
		*n = name{Family: unix.AF_INET6, Addr: a.As16()}
		if a.Zone() != "" {
			n.Scope_id = z.linkOf(a.Zone())
		}
		binary.BigEndian.PutUint16(port(n)[:], to.Port())
		return unix.SizeofSockaddrInet6
	case !a.Unmap().Is4():
		return 0
	}
	*(*unix.RawSockaddrInet4)(unsafe.Pointer(n)) = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: a.Unmap().As4()}
	binary.BigEndian.PutUint16(port(n)[:], to.Port())
	return unix.SizeofSockaddrInet4
}
