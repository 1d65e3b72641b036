//go:build !unix

package fifo

import (
	"context"
	"errors"
	"io/fs"
	"os"
)

var errSystem = errors.New("FIFOs are not available on this system")

func create(string, fs.FileMode) (*os.File, error) { return nil, errSystem }

func remove(string, *os.File) error { return errSystem }

func (s *Server) open(context.Context, string) (*os.File, error) { return nil, errSystem }
