package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// A figure is one line of build/bench.jsonl.
type figure struct {
	Name                string  `json:"name"`
	Value               float64 `json:"value"` // median
	Unit                string  `json:"unit"`
	RatioToEcho         float64 `json:"ratio_to_echo,omitempty"`
	CPUMicrosPerMessage float64 `json:"cpu_us_per_message,omitempty"`           // median; for each MiB of bulk
	GeneratorMicros     float64 `json:"generator_cpu_us_per_message,omitempty"` // median
	Least               float64 `json:"least"`
	Most                float64 `json:"most"`
	Runs                int     `json:"runs"`
	CPUMicrosPerCall    float64 `json:"cpu_us_per_call,omitempty"`
	GeneratorPerCall    float64 `json:"generator_cpu_us_per_call,omitempty"`
	AllocsPerCall       float64 `json:"allocs_per_call,omitempty"`
	HeapOctets          int64   `json:"heap_octets,omitempty"`
}

// report writes a row for people to table, and a line for each server to lines. The last server is the echo.
func report(table, lines io.Writer, r row, servers []server, outcomes [][]outcome) error {
	figures := make([]figure, len(servers))
	for i, s := range servers {
		figures[i] = summary(outcomes[i])
		figures[i].Name = s.name + "/" + r.name()
		figures[i].Unit = works[r.Work].unit
	}
	echo := figures[len(figures)-1].Value
	fmt.Fprintf(table, "\n%s\n", r.title())
	encoder := json.NewEncoder(lines)
	for i, f := range figures {
		f.RatioToEcho = f.Value / echo
		fmt.Fprintf(table, "  %-7s %9.0f %s  (%.0f to %.0f)  %7.2f µs CPU each  %5.2f of echo  generator %7.2f µs", servers[i].name, f.Value, f.Unit, f.Least, f.Most,
			f.CPUMicrosPerMessage, f.RatioToEcho, f.GeneratorMicros)
		switch first := outcomes[i][0]; {
		case first.Sent > 0 && first.Answer > 0:
			fmt.Fprintf(table, "  (%d octets there, %d back)", first.Sent, first.Answer)
		case first.Frames > 1:
			fmt.Fprintf(table, "  (in %d frames)", first.Frames)
		}
		fmt.Fprintln(table)
		if err := encoder.Encode(f); err != nil {
			return err
		}
	}
	return nil
}

func summary(runs []outcome) figure {
	of := func(value func(outcome) float64) []float64 {
		var values []float64
		for _, o := range runs {
			values = append(values, value(o))
		}
		return values
	}
	rates := of(outcome.perSecond)
	return figure{
		Value:               median(rates),
		CPUMicrosPerMessage: median(of(func(o outcome) float64 { return o.micros(o.CPU) })),
		GeneratorMicros:     median(of(func(o outcome) float64 { return o.micros(o.Generator) })),
		Least:               slices.Min(rates),
		Most:                slices.Max(rates),
		Runs:                len(runs),
	}
}

// median of at least one value.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
