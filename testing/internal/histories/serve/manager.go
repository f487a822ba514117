// Package serve is the program under trial: a small service on package session and a store of choice.
package serve

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/sqlstore/sqlite"
	"github.com/simples-go/sessions/testing/internal/histories/wire"
)

// Config is how a server is started, as JSON on its command line.
type Config struct {
	Addr         string
	Store        string        // memory, sqlite:PATH, or a Postgres URL
	Listen       string        // a Postgres URL that goes around the pooler; "-": none
	NoPrepare    bool          // the pooler knows nothing of prepared statements
	Poll         time.Duration // of open sockets' sessions; default 300 ms
	StoreTimeout time.Duration // zero fields: the library's defaults
	Grace        time.Duration
	OwnerMax     int
	EndOldest    bool
	Mistake      string // a deliberate fault of the store, see Mistakes
	Seed         uint64
}

// open opens the store that the configuration names, and makes its table if need be.
func (c *Config) open(ctx context.Context) (store.Store, error) {
	switch path, file := strings.CutPrefix(c.Store, "sqlite:"); {
	case c.Store == "memory":
		return memstore.New(), nil
	case file:
		return sqlite.Open(ctx, path, sqlite.WithMigrate(migrate.UpSQLite))
	}
	return postgres.Open(ctx, c.Store, c.postgresOptions()...)
}

func (c *Config) postgresOptions() []postgres.Option {
	opts := []postgres.Option{postgres.WithLogger(slog.New(slog.DiscardHandler))}
	switch c.Listen {
	case "":
	case "-":
		opts = append(opts, postgres.WithoutListen())
	default:
		opts = append(opts, postgres.WithListenURL(c.Listen))
	}
	if c.NoPrepare {
		opts = append(opts, postgres.WithoutPreparedStatements())
	}
	return opts
}

func (c *Config) manager(s store.Store) (*session.Manager, error) {
	return session.New(s, session.Config{
		Cookie:       session.Cookie{InsecureHTTP: true, Name: "session"},
		StoreTimeout: c.StoreTimeout,
		// Nothing is to happen at times that the seed does not know.
		CollectInterval: -1,
		RotationGrace:   c.Grace,
		Owner:           session.OwnerLimit{Max: c.OwnerMax, EndOldest: c.EndOldest},
		Logger:          slog.New(slog.DiscardHandler),
		ErrorHandler:    answerError,
		WebSocket: session.WebSocket{
			AllowMissingOrigin: true, PollInterval: cmp.Or(c.Poll, 300*time.Millisecond), OnSaveError: noteSaveError,
		},
	})
}

// New returns the service on a store.
func New(c *Config, s store.Store) (http.Handler, *session.Manager, error) {
	faulty := newFaulty(s, c.Mistake, c.Seed)
	m, err := c.manager(faulty)
	if err != nil {
		return nil, nil, err
	}
	return newService(m, faulty), m, nil
}

// Main is the server as a process: it serves until its standard input ends, or in peace after SIGTERM.
func Main(config string, in io.Reader, out io.Writer) error {
	var c Config
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return fmt.Errorf("the server's configuration: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	handler, m, err := New(&c, s)
	if err != nil {
		return err
	}
	server := &http.Server{Addr: c.Addr, Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = server.Close()
	}()
	ended := endInPeace(server, m)
	_, _ = fmt.Fprintln(out, "serving")
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return ended()
}

// endInPeace ends the server after SIGTERM, as a deployment does. The function that it returns waits for that, if it has
// begun.
func endInPeace(server *http.Server, m *session.Manager) func() error {
	asked, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	done := make(chan error, 1)
	go func() {
		<-asked.Done()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		done <- errors.Join(server.Shutdown(ctx), m.Shutdown(ctx))
	}()
	return func() error {
		if asked.Err() == nil {
			stop()
			return nil
		}
		return <-done
	}
}

// answerError answers a request whose session could not be loaded or committed.
func answerError(w http.ResponseWriter, r *http.Request, err error) {
	a := traceOf(r.Context()).answer
	a.Error, a.Text = classify(err), err.Error()
	reply(w, session.StatusCode(err), a)
}

func classify(err error) wire.Class {
	switch {
	case err == nil:
		return wire.None
	case errors.Is(err, session.ErrRotated):
		return wire.Rotated
	case errors.Is(err, session.ErrGone):
		return wire.Gone
	case session.OutcomeOf(err) == session.Refused:
		return wire.Refused
	}
	return wire.Failed
}

func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}
