package adopt

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/simples-go/sessions/session"
)

// Rails reads the sessions of activerecord-session_store with its serializer json or null. Those of the serializer marshal
// are Ruby objects that only Ruby reads: set the serializer hybrid some time before the move, which writes a session as
// JSON whenever it changes.
type Rails struct {
	DB      *sql.DB
	Dialect Dialect
	Table   string // default sessions
	Cookie  string // the option key of the session store: _APPLICATION_session

	// ExpireAfter is the session store's option expire_after. Zero: the cookie ends with the browser.
	ExpireAfter time.Duration

	// Trim is the age since its last change at which the task db:sessions:trim deletes a session. Default 30 days, as there.
	Trim time.Duration
}

func (s *Rails) table() table { return table{s.DB, s.Dialect, cmp.Or(s.Table, "sessions")} }

// Find implements session.Importer.
func (s *Rails) Find(r *http.Request) string {
	id := first(r, s.Cookie)
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != 16 || strings.ToLower(id) != id {
		return ""
	}
	return id
}

// privateID is what stands in the table for the id in the cookie.
func privateID(id string) string {
	hash := sha256.Sum256([]byte(id))
	return "2::" + hex.EncodeToString(hash[:])
}

// Load implements session.Importer. Rails writes its times in UTC.
func (s *Rails) Load(ctx context.Context, id string) (*session.Imported, error) {
	var data []byte
	var created, updated float64
	query := `select data, {created}, {updated} from {table} where session_id = $1`
	query = strings.NewReplacer("{created}", s.epoch("created_at"), "{updated}", s.epoch("updated_at")).Replace(query)
	if err := s.table().row(ctx, query, privateID(id), &data, &created, &updated); err != nil {
		return nil, err
	}
	in := &session.Imported{
		Created: at(created), Deadline: at(updated).Add(cmp.Or(s.Trim, 30*24*time.Hour)),
		Idle: s.ExpireAfter, NonPersistent: s.ExpireAfter == 0,
	}
	if !time.Now().Before(in.Deadline) {
		return nil, session.ErrExpired
	}
	var err error
	in.Entries, err = railsEntries(data)
	return in, err
}

// epoch is a column without time zone as seconds since 1970.
func (s *Rails) epoch(column string) string {
	if s.Dialect == SQLite {
		return SQLite.epoch(column)
	}
	return `extract(epoch from "` + column + `"::timestamp at time zone 'UTC')::float8`
}

// railsEntries decodes the session, which the serializer json puts into an object of its own.
func railsEntries(data []byte) (map[string]any, error) {
	if len(data) > 0 && data[0] != '{' {
		return nil, corrupt("it was written by the serializer marshal")
	}
	entries, err := object(data)
	if err != nil {
		return nil, err
	}
	if value, ok := entries["value"].(json.RawMessage); ok && len(entries) == 1 {
		return object(value)
	}
	return entries, nil
}

// End implements session.Importer.
func (s *Rails) End(ctx context.Context, id string) error {
	return s.table().exec(ctx, `delete from {table} where session_id = $1`, privateID(id))
}
