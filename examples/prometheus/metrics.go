// The program shows the metrics of a session manager by Prometheus's own library, without OpenTelemetry. Their names and
// labels are those that module otel has, so the dashboard and the alert rules in docs/operations/files fit both.
package main

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/simples-go/sessions/session"
)

// metrics counts and times what a manager does.
type metrics struct {
	duration   *prometheus.HistogramVec
	operations *prometheus.CounterVec
	collected  prometheus.Counter
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
		collected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sessions_collected_total",
			Help: "The expired sessions that session managers have deleted.",
		}),
	}
	r.MustRegister(m.duration, m.operations, m.collected)
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
	outcome := session.OutcomeOf(o.Err).String()
	m.operations.WithLabelValues(string(o.Op), outcome, errorType(o.Err)).Inc()
	m.collected.Add(float64(o.Deleted))
	if o.Duration > 0 {
		m.duration.WithLabelValues(string(o.Op), outcome).Observe(o.Duration.Seconds())
	}
}

// errorType returns the label of an error. Errors that are not worth one of their own share "_OTHER".
func errorType(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, session.ErrRotated):
		return "rotated"
	case errors.Is(err, session.ErrGone):
		return "gone"
	}
	switch session.OutcomeOf(err) {
	case session.Refused:
		return "limit"
	case session.Cancelled:
		return "cancelled"
	}
	return "_OTHER"
}
