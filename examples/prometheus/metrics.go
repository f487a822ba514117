// The program shows the metrics of a session manager by Prometheus's own library, without OpenTelemetry. Their names and
// labels are those that module otel has, so the dashboard and the alert rules in docs/operations/files fit both.
package main

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

// metrics counts and times what a manager does.
type metrics struct {
	duration   *prometheus.HistogramVec
	operations *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sessions_operation_duration_seconds",
			Help:    "How long the operations of session managers on their stores take.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"sessions_operation_name", "sessions_outcome"}),
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sessions_operations_total",
			Help: "The operations of session managers, by their outcome.",
		}, []string{"sessions_operation_name", "sessions_outcome", "error_type"}),
	}
	r.MustRegister(m.duration, m.operations)
	return m
}

// sockets shows how many sockets a manager has open.
func sockets(r prometheus.Registerer, m *session.Manager) {
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sessions_sockets_open",
		Help: "The open sockets, and other handlers that watch their session.",
	}, func() float64 { return float64(m.OpenSockets()) }))
}

// observe is for session.Config.Observe.
func (m *metrics) observe(_ context.Context, o session.Observation) {
	outcome, kind := outcomeOf(o.Err)
	m.operations.WithLabelValues(string(o.Op), outcome, kind).Inc()
	if o.Duration > 0 {
		m.duration.WithLabelValues(string(o.Op), outcome).Observe(o.Duration.Seconds())
	}
}

// outcomeOf tells answers from failures, which are what an alert is for.
func outcomeOf(err error) (outcome, kind string) {
	switch {
	case err == nil:
		return "ok", ""
	case errors.Is(err, session.ErrRotated):
		return "refused", "rotated"
	case errors.Is(err, session.ErrGone):
		return "refused", "gone"
	case errors.Is(err, store.ErrConflict), errors.Is(err, session.ErrTooLarge), errors.Is(err, session.ErrOwnerLimit):
		return "refused", "limit"
	case errors.Is(err, context.Canceled):
		return "cancelled", "cancelled"
	}
	return "failed", "_OTHER"
}
