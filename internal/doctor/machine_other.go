//go:build !linux

package doctor

import "github.com/parley-msrp/parley/internal/config"

func files(*config.Config) []Finding { return nil }

func clock() []Finding { return nil }
