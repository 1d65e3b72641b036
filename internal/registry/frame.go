package registry

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// magic begins a file; its number is the version of the form. A program reads its own and older ones.
const magic = "parley-calls 1\n"

// A frame is the length of its payload and that one's CRC-32C, 4 octets each and big endian, and the payload: the length of the key in one octet, the key, and
// the record. An empty record says that the key was deleted.
const frameHead = 8

// maxKey is the longest key, in octets.
const maxKey = 255

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errFrame = errors.New("a record is damaged")

func encode(b []byte, key string, record []byte) []byte {
	from := len(b)
	b = append(b, make([]byte, frameHead)...)
	b = append(b, byte(len(key)))
	b = append(append(b, key...), record...)
	payload := b[from+frameHead:]
	binary.BigEndian.PutUint32(b[from:], uint32(len(payload)))
	binary.BigEndian.PutUint32(b[from+4:], crc32.Checksum(payload, castagnoli))
	return b
}

// decode reads a whole frame.
func decode(b []byte) (key string, record []byte, err error) {
	if len(b) < frameHead+1 {
		return "", nil, errFrame
	}
	payload := b[frameHead:]
	keyed := int(payload[0]) + 1
	if binary.BigEndian.Uint32(b) != uint32(len(payload)) || crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(b[4:]) || keyed > len(payload) {
		return "", nil, errFrame
	}
	return string(payload[1:keyed]), payload[keyed:], nil
}

// load reads the file. Behind the first frame that is damaged nothing counts.
func (r *Registry) load() error {
	in := bufio.NewReaderSize(r.file, 1<<20)
	head := make([]byte, len(magic))
	switch n, err := io.ReadFull(in, head); {
	case err == io.EOF, err == io.ErrUnexpectedEOF && string(head[:n]) == magic[:n]: // a new file, or one that was just made
		r.size = int64(len(magic))
		_, err := r.file.WriteAt([]byte(magic), 0)
		return err
	case err != nil && err != io.ErrUnexpectedEOF:
		return err
	case string(head[:n]) != magic:
		return fmt.Errorf("want a file that begins with %q: it is of a newer version, or another program's", magic)
	}
	r.size = int64(len(magic))
	for {
		b := make([]byte, frameHead)
		if _, err := io.ReadFull(in, b); err != nil {
			return r.tail(err)
		}
		n := binary.BigEndian.Uint32(b)
		if n > MaxRecord+maxKey+1 {
			return r.tail(errFrame)
		}
		b = append(b, make([]byte, n)...)
		if _, err := io.ReadFull(in, b[frameHead:]); err != nil {
			return r.tail(err)
		}
		key, record, err := decode(b)
		if err != nil {
			return r.tail(err)
		}
		r.live -= int64(r.index[key].n)
		delete(r.index, key)
		if len(record) > 0 {
			r.index[key] = span{r.size, len(b)}
			r.live += int64(len(b))
		}
		r.size += int64(len(b))
	}
}

// tail judges why reading ended.
func (r *Registry) tail(err error) error {
	switch {
	case err == io.EOF:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errFrame):
		r.log.Warn("the end of the registry of calls is damaged, and left out", "file", r.path, "octets", r.size)
		return nil
	}
	return err
}
