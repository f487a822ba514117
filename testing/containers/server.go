package containers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/modules/postgres"
)

// startTimeout bounds the start of a container, its image's download included.
const startTimeout = 5 * time.Minute

// server is a running container with the templates that were made in it.
type server struct {
	start     sync.Once
	err       error
	container *postgres.PostgresContainer
	url       *url.URL
	databases atomic.Int64

	mu        sync.Mutex
	templates map[string]*template
}

// template is a migrated database that nobody connects to, so that it can be copied.
type template struct {
	make sync.Once
	err  error
	name string
}

// Nothing in these databases has to survive a crash, and most of what a test waits for would be the disk.
var fast = []string{
	"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
	"-c", "max_connections=400", "-c", "jit=off",
}

func (s *server) run(image string) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	s.container, s.err = postgres.Run(ctx, image,
		testcontainers.WithCmdArgs(fast...),
		testcontainers.WithTmpfs(map[string]string{"/pgdata": "rw"}),
		testcontainers.WithEnv(map[string]string{"PGDATA": "/pgdata/data"}),
		postgres.BasicWaitStrategies(),
	)
	if s.err != nil {
		s.err = fmt.Errorf("starting a container of %s: %w", image, s.err)
		return
	}
	var text string
	if text, s.err = s.container.ConnectionString(ctx, "sslmode=disable"); s.err == nil {
		s.url, s.err = url.Parse(text)
	}
}

// end removes the container at once: there is nothing in it to be saved.
func (s *server) end() error {
	if s.container == nil {
		return nil
	}
	return testcontainers.TerminateContainer(s.container, testcontainers.StopTimeout(0))
}

// urlOf returns the URL of one of the server's databases.
func (s *server) urlOf(database string) string {
	u := *s.url
	u.Path = "/" + database
	return u.String()
}

// exec runs a statement in the server's own database.
func (s *server) exec(ctx context.Context, sql string) error {
	return s.with(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql)
		return err
	})
}

// with calls fn with a connection to the server's own database.
func (s *server) with(ctx context.Context, fn func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, s.url.String())
	if err != nil {
		return fmt.Errorf("connecting to the container: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return fn(conn)
}

var errUnfinished = errors.New("a function given to WithPrepared has not returned, as it ended the test that it ran in")

// create makes a database for one test and returns its name.
func (s *server) create(ctx context.Context, c config) (string, error) {
	t := s.template(c.template())
	t.make.Do(func() {
		t.err = errUnfinished // as it stays if a preparation ends its test's goroutine, for example by t.FailNow
		t.err = s.fill(ctx, t.name, c)
	})
	if t.err != nil {
		return "", fmt.Errorf("making the template: %w", t.err)
	}
	name := fmt.Sprintf("test_%d", s.databases.Add(1))
	if err := s.exec(ctx, fmt.Sprintf("create database %s template %s", name, t.name)); err != nil {
		return "", fmt.Errorf("copying the template: %w", err)
	}
	return name, nil
}

func (s *server) template(key string) *template {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.templates == nil {
		s.templates = map[string]*template{}
	}
	t := s.templates[key]
	if t == nil {
		t = &template{name: fmt.Sprintf("template_%d", len(s.templates))}
		s.templates[key] = t
	}
	return t
}

func (s *server) fill(ctx context.Context, name string, c config) error {
	if err := s.exec(ctx, "create database "+name); err != nil {
		return err
	}
	if err := fillTemplate(ctx, s.urlOf(name), c); err != nil {
		return err
	}
	if err := s.exec(ctx, fmt.Sprintf("alter database %s allow_connections false", name)); err != nil {
		return err
	}
	return s.vacate(ctx, name)
}

func (s *server) drop(ctx context.Context, name string) error {
	return s.exec(ctx, fmt.Sprintf("drop database if exists %s with (force)", name))
}
