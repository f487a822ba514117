// Package otelsession reports what session managers do as OpenTelemetry spans and metrics. It needs the API of
// OpenTelemetry alone; exporters and their configuration are the application's.
//
// A session is named by its handle, as session.id. The token is in no observation, and so in no span or metric.
package otelsession

import (
	"context"
	"fmt"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/simples-go/sessions/session"
)

// scope names what makes the spans and metrics.
const scope = "github.com/simples-go/sessions/otel"

// The metrics.
const (
	MetricDuration   = "sessions.operation.duration" // histogram of seconds, of what waits for the store
	MetricOperations = "sessions.operations"         // counter
	MetricCollected  = "sessions.collected"          // counter of the expired sessions that managers have deleted
	MetricSockets    = "sessions.sockets.open"       // up-down counter
)

// The attributes. Spans have session.id besides, and user.id if Config.Owner is set; both have error.type after an
// error.
const (
	attributeOperation = attribute.Key("sessions.operation.name")
	attributeOutcome   = attribute.Key("sessions.outcome")
	attributeError     = attribute.Key("error.type")
	attributeSession   = attribute.Key("session.id")
	attributeUser      = attribute.Key("user.id")
)

// buckets reach from what a load takes on a database nearby to Config.StoreTimeout.
var buckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}

// Config configures a Telemetry. The zero value uses the global providers.
type Config struct {
	TracerProvider trace.TracerProvider // default: the global one
	MeterProvider  metric.MeterProvider // default: the global one

	// Owner puts the session's owner into spans, as user.id. Owners are not in metrics in any case: there are too many.
	Owner bool
}

// Telemetry makes spans and metrics of observations. All methods are safe for concurrent use.
type Telemetry struct {
	tracer     trace.Tracer
	meter      metric.Meter
	owner      bool
	duration   metric.Float64Histogram
	operations metric.Int64Counter
	collected  metric.Int64Counter
	sets       sync.Map // the attributes of each kind
}

// New returns a Telemetry. An error is that of the meter.
func New(config Config) (*Telemetry, error) {
	if config.TracerProvider == nil {
		config.TracerProvider = otel.GetTracerProvider()
	}
	if config.MeterProvider == nil {
		config.MeterProvider = otel.GetMeterProvider()
	}
	t := &Telemetry{
		tracer: config.TracerProvider.Tracer(scope), meter: config.MeterProvider.Meter(scope), owner: config.Owner,
	}
	var err error
	t.duration, err = t.meter.Float64Histogram(MetricDuration, metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(buckets...),
		metric.WithDescription("How long the operations of session managers on their stores take."))
	if err != nil {
		return nil, fmt.Errorf("otelsession: %s: %w", MetricDuration, err)
	}
	t.operations, err = t.meter.Int64Counter(MetricOperations, metric.WithUnit("{operation}"),
		metric.WithDescription("The operations of session managers, by their outcome."))
	if err != nil {
		return nil, fmt.Errorf("otelsession: %s: %w", MetricOperations, err)
	}
	t.collected, err = t.meter.Int64Counter(MetricCollected, metric.WithUnit("{session}"),
		metric.WithDescription("The expired sessions that session managers have deleted."))
	if err != nil {
		return nil, fmt.Errorf("otelsession: %s: %w", MetricCollected, err)
	}
	return t, nil
}

// Sockets reports how many sockets and other handlers that watch their session m has open, until the registration is
// taken back. Call it once for a manager; those derived from it are counted with it.
func (t *Telemetry) Sockets(m *session.Manager) (metric.Registration, error) {
	gauge, err := t.meter.Int64ObservableUpDownCounter(MetricSockets, metric.WithUnit("{socket}"),
		metric.WithDescription("The open sockets, and other handlers that watch their session."))
	if err != nil {
		return nil, fmt.Errorf("otelsession: %s: %w", MetricSockets, err)
	}
	registration, err := t.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(gauge, int64(m.OpenSockets()))
		return nil
	}, gauge)
	if err != nil {
		return nil, fmt.Errorf("otelsession: %s: %w", MetricSockets, err)
	}
	return registration, nil
}

// Observe is for session.Config.Observe.
func (t *Telemetry) Observe(ctx context.Context, o session.Observation) {
	k := kindOf(o)
	attributes := t.attributes(k)
	t.operations.Add(ctx, 1, attributes)
	if o.Op == session.OpCollect {
		t.collected.Add(ctx, o.Deleted)
	}
	if !takesTime(o.Op) {
		return
	}
	t.duration.Record(ctx, o.Duration.Seconds(), attributes)
	if trace.SpanContextFromContext(ctx).IsValid() { // else it would be a trace of its own, as of each look at the sockets
		t.span(ctx, o, k)
	}
}

// takesTime reports whether an operation is a call to the store. The others are moments, or happen beside one.
func takesTime(op session.Op) bool {
	switch op {
	case session.OpRotate, session.OpUnproven, session.OpReuse, session.OpEnd:
		return false
	}
	return true
}

// span records one after the fact, below that of the request.
func (t *Telemetry) span(ctx context.Context, o session.Observation, k kind) {
	_, span := t.tracer.Start(ctx, "session."+string(o.Op), trace.WithTimestamp(o.Start))
	if span.IsRecording() {
		span.SetAttributes(k.keyValues()...)
		if !o.Handle.IsZero() {
			span.SetAttributes(attributeSession.String(o.Handle.String()))
		}
		if t.owner && o.Owner != "" {
			span.SetAttributes(attributeUser.String(o.Owner))
		}
		if k.outcome == session.Failed {
			span.SetStatus(codes.Error, o.Err.Error())
		}
	}
	span.End(trace.WithTimestamp(o.Start.Add(o.Duration)))
}

// attributes returns those of a kind, made once.
func (t *Telemetry) attributes(k kind) metric.MeasurementOption {
	if made, ok := t.sets.Load(k); ok {
		return made.(metric.MeasurementOption)
	}
	made, _ := t.sets.LoadOrStore(k, metric.WithAttributeSet(attribute.NewSet(k.keyValues()...)))
	return made.(metric.MeasurementOption)
}
