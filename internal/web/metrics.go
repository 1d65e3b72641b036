package web

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/parley-msrp/parley/internal/statistics"
	"github.com/parley-msrp/parley/internal/web/openapi"
)

// metricsPrefix is before each name of the node's own.
const metricsPrefix = "parley_"

// maxScrapes is how many may ask at the same time: each goes through all sessions.
const maxScrapes = 4

func (s *Server) metricsRoutes() []route {
	return []route{{Operation: openapi.Operation{
		Method: "GET", Path: "/metrics", ID: "getMetrics", Tag: "node", Summary: "Read what is counted", Detail: "In the format of Prometheus.",
		Answers: []openapi.Answer{{Status: 200, Doc: "All metrics.", Type: "text/plain", Schema: &openapi.Schema{Type: "string"}}},
	}, serve: s.metrics()}}
}

// metrics tells what is counted in the format of Prometheus.
func (s *Server) metrics() http.HandlerFunc {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collector{s.config.Statistics},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: metricsPrefix + "event_streams", Help: "Clients that follow the events over HTTP."}, func() float64 { return float64(len(s.streams)) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: metricsPrefix + "build_info", Help: "Always 1.", ConstLabels: prometheus.Labels{"version": s.config.Version},
		}, func() float64 { return 1 }),
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes}).ServeHTTP
}

// collector gives Prometheus what a set has. What the set has is known only when it is asked, so nothing is described before.
type collector struct{ set *statistics.Set }

// Describe implements prometheus.Collector.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	for _, v := range c.set.All() {
		var names, values []string
		for _, l := range v.Labels {
			names, values = append(names, l.Name), append(values, l.Value)
		}
		desc := prometheus.NewDesc(metricsPrefix+v.Metric.Metric, v.Help, names, nil)
		switch v.Kind {
		case statistics.Timing:
			buckets := make(map[float64]uint64, len(v.Distribution.Buckets))
			for _, b := range v.Distribution.Buckets {
				buckets[b.Bound.Seconds()] = b.Count
			}
			to <- prometheus.MustNewConstHistogram(desc, v.Distribution.Count, v.Distribution.Sum.Seconds(), buckets, values...)
		case statistics.Varying:
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v.Number, values...)
		default:
			to <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, v.Number, values...)
		}
	}
}
