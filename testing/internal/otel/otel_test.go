package otel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	otelsession "github.com/simples-go/sessions/otel"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
)

var errDown = errors.New("the database is down")

// brittle is a store whose loads can be made to fail.
type brittle struct {
	session.Store
	err error
}

// Load implements session.Store.
func (b *brittle) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	if b.err != nil {
		return store.Record{}, b.err
	}
	return b.Store.Load(ctx, ref)
}

// telemetry is a manager with all that it reports.
type telemetry struct {
	t        *testing.T
	store    *brittle
	sessions *session.Manager
	observe  func(context.Context, session.Observation)
	registry *prometheus.Registry
	spans    *tracetest.SpanRecorder
	tracing  *sdktrace.TracerProvider
}

func newTelemetry(t *testing.T, config otelsession.Config) *telemetry {
	t.Helper()
	of := &telemetry{t: t, store: &brittle{Store: memstore.New()}, registry: prometheus.NewRegistry(), spans: tracetest.NewSpanRecorder()}
	reader, err := exporter.New(exporter.WithRegisterer(of.registry))
	of.ok(err)
	of.tracing = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(of.spans))
	config.MeterProvider, config.TracerProvider = metric.NewMeterProvider(metric.WithReader(reader)), of.tracing
	made, err := otelsession.New(config)
	of.ok(err)
	of.observe = made.Observe
	of.sessions, err = session.New(of.store, session.Config{Observe: made.Observe})
	of.ok(err)
	sockets, err := made.Sockets(of.sessions)
	of.ok(err)
	t.Cleanup(func() { of.ok(sockets.Unregister()) })
	return of
}

func (of *telemetry) ok(err error) {
	of.t.Helper()
	if err != nil {
		of.t.Fatal(err)
	}
}

// traced runs fn below a span, as in a request, and returns the spans that have ended.
func (of *telemetry) traced(fn func(context.Context)) []sdktrace.ReadOnlySpan {
	ctx, span := of.tracing.Tracer("test").Start(of.t.Context(), "request")
	before := len(of.spans.Ended())
	fn(ctx)
	ended := of.spans.Ended()[before:]
	for _, s := range ended {
		if s.Parent().SpanID() != span.SpanContext().SpanID() {
			of.t.Errorf("%s is not below the request", s.Name())
		}
	}
	span.End()
	return ended
}

// scrape returns what Prometheus reads.
func (of *telemetry) scrape() string {
	w := httptest.NewRecorder()
	promhttp.HandlerFor(of.registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func attributes(s sdktrace.ReadOnlySpan) map[attribute.Key]string {
	all := map[attribute.Key]string{}
	for _, kv := range s.Attributes() {
		all[kv.Key] = kv.Value.AsString()
	}
	return all
}

// login makes a session with a row.
func (of *telemetry) login(ctx context.Context) *session.Session {
	s := of.sessions.NewSession()
	of.ok(errors.Join(s.Login("ann"), s.Set("k", "secret value"), s.Save(ctx)))
	return s
}

// TestSpans: each call to the store is a span below the request's that names the session by its handle.
func TestSpans(t *testing.T) {
	for _, owner := range []bool{false, true} {
		t.Run(fmt.Sprintf("owner=%v", owner), func(t *testing.T) {
			of := newTelemetry(t, otelsession.Config{Owner: owner})
			var s *session.Session
			var token string
			ended := of.traced(func(ctx context.Context) {
				s = of.login(ctx)
				token = s.ID().Reveal()
				of.ok(s.Load(ctx))
				of.store.err = errDown
				_ = s.Load(ctx)
				of.store.err = fmt.Errorf("load: %w", session.ErrExpired)
				_ = s.Load(ctx)
			})
			want := []struct{ name, outcome, kind string }{
				{"session.create", "ok", ""},
				{"session.load", "ok", ""},
				{"session.load", "failed", "_OTHER"},
				{"session.load", "refused", "expired"},
			}
			if len(ended) != len(want) {
				t.Fatalf("%d spans: %v", len(ended), ended)
			}
			for i, w := range want {
				got, a := ended[i], attributes(ended[i])
				if got.Name() != w.name || a["sessions.outcome"] != w.outcome || a["error.type"] != w.kind ||
					a["session.id"] != s.Handle().String() || (a["user.id"] == "ann") != owner {
					t.Errorf("%d: span %s %v, want %v", i, got.Name(), a, w)
				}
				if failed := got.Status().Code == codes.Error; failed != (w.outcome == "failed") {
					t.Errorf("%d: status %v", i, got.Status())
				}
				if text := fmt.Sprint(got.Name(), a, got.Status(), got.Events()); strings.Contains(text, token) || strings.Contains(text, "secret value") {
					t.Errorf("%d: a token or an entry in %s", i, text)
				}
			}
		})
	}
}

// TestNoSpans: what belongs to no request makes no trace, and what takes no time no span.
func TestNoSpans(t *testing.T) {
	of := newTelemetry(t, otelsession.Config{})
	of.login(t.Context())
	ended := of.traced(func(ctx context.Context) {
		for _, op := range []session.Op{session.OpRotate, session.OpReuse, session.OpUnproven, session.OpEnd} {
			of.observe(ctx, session.Observation{Op: op, Start: time.Now()})
		}
	})
	if len(ended) > 0 || len(of.spans.Ended()) != 1 {
		t.Errorf("spans %v", of.spans.Ended())
	}
}

// TestSpanTimes: a span begins and ends when the operation did.
func TestSpanTimes(t *testing.T) {
	of := newTelemetry(t, otelsession.Config{})
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, s := range of.traced(func(ctx context.Context) {
		of.observe(ctx, session.Observation{Op: session.OpLoad, Start: start, Duration: time.Second})
	}) {
		if !s.StartTime().Equal(start) || !s.EndTime().Equal(start.Add(time.Second)) {
			t.Errorf("from %v to %v", s.StartTime(), s.EndTime())
		}
		if _, named := attributes(s)["session.id"]; named {
			t.Error("a zero handle is named")
		}
	}
}

// TestErrorTypes: each error is of few types and of the outcome that an alert needs.
func TestErrorTypes(t *testing.T) {
	of := newTelemetry(t, otelsession.Config{})
	for err, want := range map[error][2]string{
		session.ErrRotated:       {"refused", "rotated"},
		session.ErrRevoked:       {"refused", "revoked"},
		session.ErrDestroyed:     {"refused", "destroyed"},
		session.ErrGone:          {"refused", "gone"},
		store.ErrReused:          {"refused", "reused"},
		store.ErrConflict:        {"refused", "conflict"},
		session.ErrTooLarge:      {"refused", "too_large"},
		session.ErrOwnerLimit:    {"refused", "owner_limit"},
		session.ErrUnproven:      {"refused", "unproven"},
		context.Canceled:         {"cancelled", "cancelled"},
		context.DeadlineExceeded: {"failed", "timeout"},
		session.ErrCorrupt:       {"failed", "corrupt"},
		errDown:                  {"failed", "_OTHER"},
	} {
		of.observe(t.Context(), session.Observation{Op: session.OpSave, Err: fmt.Errorf("save: %w", err)})
		line := fmt.Sprintf(`sessions_operations_total{error_type=%q,[^}]*sessions_operation_name="save",sessions_outcome=%q} 1`, want[1], want[0])
		if text := of.scrape(); !regexp.MustCompile(line).MatchString(text) {
			t.Errorf("%v: no %s in\n%s", err, line, text)
		}
	}
}

// TestMetrics: an exporter shows what was done, and never whose session it was.
func TestMetrics(t *testing.T) {
	of := newTelemetry(t, otelsession.Config{Owner: true})
	s := of.login(t.Context())
	of.ok(s.Load(t.Context()))
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil)
	r.AddCookie(&http.Cookie{Name: "__Host-Http-session", Value: s.ID().Reveal()})
	of.sessions.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := session.Watch(r.Context())
		of.ok(err)
		if !regexp.MustCompile(`(?m)^sessions_sockets_open\{.*\} 1$`).MatchString(of.scrape()) {
			t.Errorf("no open socket in\n%s", of.scrape())
		}
	})).ServeHTTP(w, r)
	text := of.scrape()
	for _, want := range []string{
		`sessions_operation_duration_seconds_count\{.*sessions_operation_name="load",sessions_outcome="ok"\} 2`,
		`sessions_operation_duration_seconds_bucket\{.*sessions_operation_name="create",sessions_outcome="ok",le="0.0025"\}`,
		`sessions_sockets_open\{.*\} 0`,
	} {
		if !regexp.MustCompile(`(?m)^` + want).MatchString(text) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "ann") || strings.Contains(text, s.Handle().String()) {
		t.Errorf("metrics name a session:\n%s", text)
	}
}

// TestCollected: the sessions that runs of the collector have deleted are counted together.
func TestCollected(t *testing.T) {
	of := newTelemetry(t, otelsession.Config{})
	for _, deleted := range []int64{3, 0, 4} {
		of.observe(t.Context(), session.Observation{Op: session.OpCollect, Deleted: deleted})
	}
	if text := of.scrape(); !regexp.MustCompile(`(?m)^sessions_collected_total\{.*\} 7$`).MatchString(text) {
		t.Errorf("no 7 sessions in\n%s", text)
	}
}

// TestFilesFit: each metric and label that the dashboard and the rules ask for is one that is emitted.
func TestFilesFit(t *testing.T) {
	of := newTelemetry(t, otelsession.Config{})
	of.observe(t.Context(), session.Observation{Op: session.OpLoad, Err: errDown})
	of.observe(t.Context(), session.Observation{Op: session.OpCollect, Deleted: 1})
	text := of.scrape()
	for _, file := range []string{"dashboard.json", "alerts-service.yaml"} {
		asked := readFile(t, "../../../docs/operations/files/"+file)
		names := regexp.MustCompile(`sessions_\w+|error_type`).FindAllString(asked, -1)
		if len(names) < 10 {
			t.Errorf("%s asks for %v", file, names)
		}
		for _, name := range names {
			if !regexp.MustCompile(`(?m)^` + name + `\{|[{,]` + name + `="`).MatchString(text) {
				t.Errorf("%s asks for %s, which is not there", file, name)
			}
		}
	}
}

// TestOperationsExist: each operation and outcome that the files ask for is one of the package's.
func TestOperationsExist(t *testing.T) {
	known := map[string]bool{"ok": true, "refused": true, "cancelled": true, "failed": true}
	for _, m := range regexp.MustCompile(`Op = "(\w+)"`).FindAllStringSubmatch(readFile(t, "../../../session/observe.go"), -1) {
		known[m[1]] = true
	}
	asked := regexp.MustCompile(`sessions_(?:operation_name|outcome)[!=~]+\\?"([\w|]+)`)
	for _, file := range []string{"dashboard.json", "alerts-service.yaml"} {
		found := asked.FindAllStringSubmatch(readFile(t, "../../../docs/operations/files/"+file), -1)
		if len(found) == 0 {
			t.Errorf("%s asks for nothing", file)
		}
		for _, m := range found {
			for value := range strings.SplitSeq(m[1], "|") {
				if !known[value] {
					t.Errorf("%s asks for %q", file, value)
				}
			}
		}
	}
}

// TestDashboard: the file is a dashboard with panels of its own place each.
func TestDashboard(t *testing.T) {
	var dashboard struct {
		Title  string
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, "../../../docs/operations/files/dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	places, ids := map[string]bool{}, map[int]bool{}
	for _, p := range dashboard.Panels {
		place := fmt.Sprint(p.GridPos)
		if p.Title == "" || len(p.Targets) == 0 || places[place] || ids[p.ID] {
			t.Errorf("panel %+v", p)
		}
		places[place], ids[p.ID] = true, true
	}
	if len(dashboard.Panels) == 0 {
		t.Error("no panels")
	}
}

// TestOnlyTheAPI: whoever imports the module gets OpenTelemetry's API and nothing of its SDK.
func TestOnlyTheAPI(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "../../../otel")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	may := regexp.MustCompile(`^(github.com/simples-go/sessions(/otel)?|go.opentelemetry.io/otel(/metric|/trace|/log)?|go.opentelemetry.io/auto/sdk` +
		`|github.com/go-logr/(logr|stdr)|github.com/cespare/xxhash/v2)$`)
	for module := range strings.FieldsSeq(string(out)) {
		if !may.MatchString(module) {
			t.Errorf("module otel needs %s", module)
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
