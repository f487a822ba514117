// Package onepool has the sessions on one pool of connections with GORM, ent, sqlc and database/sql.
package onepool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/simples-go/sessions/examples/recipes/onepool/ent"
	"github.com/simples-go/sessions/examples/recipes/onepool/queries"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/sqlstore/postgres"
)

// App is an application whose parts share a pool. Its limit holds for all of them together.
type App struct {
	Sessions *session.Manager
	SQL      *sql.DB
	GORM     *gorm.DB
	Ent      *ent.Client
	pool     *pgxpool.Pool
}

// Open returns the sessions and what else uses the pool. Close SQL before the pool.
func Open(pool *pgxpool.Pool) (*App, error) {
	store, err := postgres.New(pool)
	if err != nil {
		return nil, err
	}
	sessions, err := session.New(store, session.Config{})
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDBFromPool(pool)
	orm, err := gorm.Open(gormpostgres.New(gormpostgres.Config{Conn: db}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open GORM: %w", err), db.Close())
	}
	client := ent.NewClient(ent.Driver(entsql.OpenDB(dialect.Postgres, db)))
	return &App{sessions, db, orm, client, pool}, nil
}

// User is a row of the application's, for GORM.
type User struct {
	Name     string `gorm:"primaryKey"`
	Password string `gorm:"check:password <> ''"`
}

// ByGORM stores a new password and ends all sessions of the user, both or neither.
func (a *App) ByGORM(ctx context.Context, user, hash string) error {
	return a.GORM.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.Model(&User{Name: user}).Update("password", hash).Error; err != nil {
			return fmt.Errorf("change password: %w", err)
		}
		if err := tx.Exec("delete from sessions where owner = ?", user).Error; err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		return nil
	})
}

// ByEnt does the same, with code that was generated with the feature sql/execquery.
func (a *App) ByEnt(ctx context.Context, user, hash string) error {
	tx, err := a.Ent.Tx(ctx)
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	if err := tx.User.UpdateOneID(user).SetPassword(hash).Exec(ctx); err != nil {
		return errors.Join(fmt.Errorf("change password: %w", err), tx.Rollback())
	}
	if _, err := tx.ExecContext(ctx, "delete from sessions where owner = $1", user); err != nil {
		return errors.Join(fmt.Errorf("end sessions: %w", err), tx.Rollback())
	}
	return tx.Commit()
}

// BySQLC does the same on the pool itself.
func (a *App) BySQLC(ctx context.Context, user, hash string) error {
	return pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
		q := queries.New(tx)
		if err := q.SetPassword(ctx, queries.SetPasswordParams{Name: user, Password: hash}); err != nil {
			return fmt.Errorf("change password: %w", err)
		}
		if err := q.EndSessions(ctx, &user); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		return nil
	})
}
