package route

import (
	"fmt"
	"time"
	_ "time/tzdata" // zones have names on machines without a zone database, too

	"go.starlark.net/starlark"
)

// now gives the time of the request in a zone. It stands still while the script runs.
func now(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	zone := "UTC"
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "zone?", &zone); err != nil {
		return nil, err
	}
	c, err := callOf(thread, b)
	if err != nil {
		return nil, err
	}
	location, err := scriptOf(thread).zones.load(zone)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	t := c.time.In(location)
	return &record{kind: "time", text: t.Format(time.RFC3339), attributes: starlark.StringDict{
		"date":    starlark.String(t.Format(time.DateOnly)),
		"time":    starlark.String(t.Format("15:04")),
		"weekday": starlark.String(t.Format("Mon")),
	}}, nil
}
