// Package onepool has GORM, database/sql and the sessions on one pool of connections.
package onepool

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/sqlstore/postgres"
)

// Open returns the sessions and GORM on a pool, whose limit holds for both together. A *sql.DB for others is GORM's.
func Open(pool *pgxpool.Pool) (*session.Manager, *gorm.DB, error) {
	db, err := gorm.Open(gormpostgres.New(gormpostgres.Config{Conn: stdlib.OpenDBFromPool(pool)}))
	if err != nil {
		return nil, nil, fmt.Errorf("open GORM: %w", err)
	}
	store, err := postgres.New(pool)
	if err != nil {
		return nil, nil, err
	}
	sessions, err := session.New(store, session.Config{})
	return sessions, db, err
}

// User is a row of the application's.
type User struct {
	Name     string `gorm:"primaryKey"`
	Password string `gorm:"check:password <> ''"`
}

// ChangePassword stores a new password and ends all sessions of the user, both or neither.
func ChangePassword(ctx context.Context, db *gorm.DB, user, hash string) error {
	return db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.Model(&User{Name: user}).Update("password", hash).Error; err != nil {
			return fmt.Errorf("change password: %w", err)
		}
		if err := tx.Exec("delete from sessions where owner = ?", user).Error; err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		return nil
	})
}
