package route

import (
	"fmt"
	"sync"
	"time"
)

// maxZones bounds the time zones that are kept; there are about six hundred.
const maxZones = 1024

// zones are the time zones that a script used: each is a file to read.
type zones struct {
	mu   sync.Mutex
	kept map[string]*time.Location
}

func (z *zones) load(name string) (*time.Location, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if l := z.kept[name]; l != nil {
		return l, nil
	}
	// The machine's own zone would make the script say other things elsewhere.
	if name == "" || name == "Local" {
		return nil, unknownZone(name)
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		return nil, unknownZone(name)
	}
	if len(z.kept) < maxZones {
		if z.kept == nil {
			z.kept = map[string]*time.Location{}
		}
		z.kept[name] = l
	}
	return l, nil
}

func unknownZone(name string) error {
	return fmt.Errorf("no time zone is called %.64q: want a name like Europe/Berlin", name)
}
