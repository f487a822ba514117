package containers

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers/internal/engine"
)

// ImageVariable, SESSIONS_TEST_POSTGRES_IMAGE, is the environment variable that names the image if no option does.
const ImageVariable = engine.ImageVariable

// DefaultImage, a postgres:17-alpine, is used if neither an option nor ImageVariable names one. Any image that takes
// POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB and PGDATA as the official one does will do.
const DefaultImage = engine.DefaultImage

// Option changes what Postgres gives. The zero configuration is a table named sessions in the schema public.
type Option func(*config)

type config struct {
	image   string
	table   string
	schema  string
	empty   bool
	prepare []preparation
	store   []postgres.Option
}

type preparation struct {
	name string
	fn   func(context.Context, *pgx.Conn) error
}

// WithImage names the image to run. It goes before ImageVariable.
func WithImage(name string) Option { return func(c *config) { c.image = name } }

// WithTable names the table of sessions.
func WithTable(name string) Option { return func(c *config) { c.table = name } }

// WithSchema names the schema of the table of sessions. It is made.
func WithSchema(name string) Option { return func(c *config) { c.schema = name } }

// WithoutMigrations leaves the database without the tables of sessions, for tests that migrate by themselves.
func WithoutMigrations() Option { return func(c *config) { c.empty = true } }

// WithPrepared runs fn once on the template, after the migration: here the application's own tables are made. What
// name stands for must not change within a process: a template is made once for each combination of names and tables.
// Connections that fn opens by itself, to conn.Config().ConnString(), are to be done with their work when it returns.
func WithPrepared(name string, fn func(ctx context.Context, conn *pgx.Conn) error) Option {
	return func(c *config) { c.prepare = append(c.prepare, preparation{name, fn}) }
}

// WithStoreOptions are passed on to the store, after those for table and schema.
func WithStoreOptions(opts ...postgres.Option) Option {
	return func(c *config) { c.store = append(c.store, opts...) }
}

func newConfig(opts []Option) config {
	var c config
	for _, opt := range opts {
		opt(&c)
	}
	c.image = engine.Image(c.image)
	return c
}

// template returns the name by which a server's templates differ.
func (c config) template() string {
	names := make([]string, 0, len(c.prepare))
	for _, p := range c.prepare {
		names = append(names, p.name)
	}
	return fmt.Sprintf("%q %q %t %q", c.schema, c.table, c.empty, names)
}
