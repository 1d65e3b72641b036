//go:build unix

package fifo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	firstPause = time.Millisecond
	lastPause  = 50 * time.Millisecond
)

// create makes the FIFO, and opens it for reading and writing, so that it never ends. No link is followed.
func create(path string, mode fs.FileMode) (*os.File, error) {
	if err := unix.Mkfifo(path, uint32(mode.Perm())); errors.Is(err, unix.EEXIST) {
		if err := removeStale(path); err != nil {
			return nil, err
		}
		err = unix.Mkfifo(path, uint32(mode.Perm()))
		if err != nil {
			return nil, &fs.PathError{Op: "mkfifo", Path: path, Err: err}
		}
	} else if err != nil {
		return nil, &fs.PathError{Op: "mkfifo", Path: path, Err: err}
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || !isOwn(&st) {
		unix.Close(fd)
		return nil, fmt.Errorf("%s: somebody has put something else there", path)
	}
	// The mask of the process may have taken something off.
	if err := unix.Fchmod(fd, uint32(mode.Perm())); err != nil {
		unix.Close(fd)
		return nil, &fs.PathError{Op: "chmod", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// isOwn says whether something is a FIFO of the user that this process runs as.
func isOwn(st *unix.Stat_t) bool { return isFIFOOf(st, os.Geteuid()) }

func isFIFOOf(st *unix.Stat_t, user int) bool {
	return uint32(st.Mode)&unix.S_IFMT == unix.S_IFIFO && int(st.Uid) == user
}

// isClients says whether something is a FIFO that answers may go into: of the user that this process runs as, or of root, who runs opensips-cli as a
// rule and can read all of this process's anyway.
func isClients(st *unix.Stat_t) bool { return isOwn(st) || isFIFOOf(st, 0) }

// removeStale removes a FIFO of this user's that nobody reads.
func removeStale(path string) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	if !isOwn(&st) {
		return fmt.Errorf("%s is there already, and is no FIFO of the user that the node runs as; remove it, or name another path", path)
	}
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
		return fmt.Errorf("%s is read by another program; stop it, or name another path", path)
	}
	if !errors.Is(err, unix.ENXIO) {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if err := unix.Unlink(path); err != nil {
		return &fs.PathError{Op: "unlink", Path: path, Err: err}
	}
	return nil
}

// remove takes the FIFO away, unless something else stands there by now.
func remove(path string, file *os.File) error {
	own, err := file.Stat()
	if err != nil {
		return err
	}
	there, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(own, there) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(path)
}

// open opens a client's FIFO for writing, and waits for the client to open it for reading. Only a plain name in the reply folder will do, of a FIFO
// that belongs to the user that this process runs as, or to root: anything else could be somebody's trap.
func (s *Server) open(ctx context.Context, name string) (*os.File, error) {
	if strings.ContainsAny(name, "/\x00") || name == "." || name == ".." {
		return nil, errors.New("the reply name is not a plain file name")
	}
	folder, err := unix.Open(s.config.ReplyDir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: s.config.ReplyDir, Err: err}
	}
	defer unix.Close(folder)
	limit := time.Now().Add(replyTime)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		file, err := openReply(folder, name)
		if !errors.Is(err, unix.ENXIO) {
			return file, err
		}
		// The client has yet to open it.
		if time.Now().After(limit) {
			return nil, errors.New("the client did not open its FIFO")
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, errors.New("too many clients have not read theirs")
		}
	}
}

var errReply = errors.New("the reply name is not that of a FIFO of the user that the node runs as, or of root")

func openReply(folder int, name string) (*os.File, error) {
	var st unix.Stat_t
	// Looked at first: opening a device can do something.
	if err := unix.Fstatat(folder, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return nil, err
	}
	if !isClients(&st) {
		return nil, errReply
	}
	fd, err := unix.Openat(folder, name, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Fstat(fd, &st); err != nil || !isClients(&st) {
		unix.Close(fd)
		return nil, errReply
	}
	return os.NewFile(uintptr(fd), name), nil
}
