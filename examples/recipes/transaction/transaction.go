// Package transaction ends sessions in the application's own transaction.
package transaction

import (
	"context"
	"database/sql"
	"fmt"
)

// ChangePassword stores a new password and ends all sessions of the user, both or neither. The table is an ordinary
// one: whatever deletes a row ends its session, for good. Sockets learn of it within Config.WebSocket.PollInterval;
// call Manager.RevokeOwner after the commit too if that is too late.
func ChangePassword(ctx context.Context, db *sql.DB, user, hash string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `update users set password_hash = ? where name = ?`, hash, user); err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `delete from sessions where owner = ?`, user); err != nil {
		return fmt.Errorf("change password: end sessions: %w", err)
	}
	return tx.Commit()
}
