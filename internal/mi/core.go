package mi

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// which lists all names, those that begin so where command ends in a colon, or the lists of parameters of a command.
func (s *Server) which(p params) (any, error) {
	command, given, err := p.text("command")
	if err != nil {
		return nil, err
	}
	if !given {
		return s.names(""), nil
	}
	if strings.HasSuffix(command, ":") {
		if names := s.names(command); names != nil {
			return names, nil
		}
		return nil, unknownCommand()
	}
	row, known := s.byName[command]
	if !known {
		return nil, unknownCommand()
	}
	return row.recipes, nil
}

// names are those that begin with prefix, in the order of the table.
func (s *Server) names(prefix string) []string {
	var names []string
	for _, row := range s.rows {
		for _, name := range row.names {
			if strings.HasPrefix(name, prefix) {
				names = append(names, name)
			}
		}
	}
	return names
}

func unknownCommand() error { return &rpcError{Code: 404, Message: "unknown MI command"} }

func (s *Server) help(p params) (any, error) {
	type answer struct {
		Help       string
		ExportedBy string `json:"Exported by,omitempty"`
	}
	command, given, err := p.text("mi_cmd")
	if err != nil {
		return nil, err
	}
	if !given {
		return answer{Help: "help mi_cmd - returns information about 'mi_cmd'"}, nil
	}
	row, known := s.byName[command]
	if !known {
		return nil, unknownCommand()
	}
	module, _, prefixed := strings.Cut(row.names[0], ":")
	if !prefixed {
		module = "core"
	}
	return answer{row.help, module}, nil
}

func (s *Server) version(params) (any, error) {
	return struct{ Server string }{fmt.Sprintf("%s (%s (%s/%s))", s.config.Product, s.config.Version, runtime.GOARCH, runtime.GOOS)}, nil
}

func (s *Server) uptime(params) (any, error) {
	now := s.config.Now()
	return struct {
		Now     string
		UpSince string `json:"Up since"`
		UpTime  string `json:"Up time"`
	}{
		Now:     now.UTC().Format(time.RFC3339),
		UpSince: s.config.Started.UTC().Format(time.RFC3339),
		UpTime:  fmt.Sprintf("%d [sec]", int64(now.Sub(s.config.Started)/time.Second)),
	}, nil
}

// processType describes the one process.
const processType = "daemon"

func (s *Server) ps(params) (any, error) {
	type process struct {
		ID   int
		PID  int
		Type string
	}
	return struct{ Processes []process }{[]process{{0, os.Getpid(), processType}}}, nil
}

func (s *Server) pwd(params) (any, error) {
	directory, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	return struct{ WD string }{directory}, nil
}

func (s *Server) arg(params) (any, error) { return os.Args, nil }
