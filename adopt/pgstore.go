package adopt

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"time"

	"github.com/simples-go/sessions/session"
)

// PGStore reads the sessions of github.com/gorilla/sessions with github.com/antonlindstrom/pgstore. The application
// registers its own types with encoding/gob, as it does for gorilla. Entries whose key is no string are left out.
type PGStore struct {
	DB     *sql.DB
	Table  string // default http_sessions
	Cookie string // the session's name, which is the cookie's

	// KeyPairs are those that NewPGStore was called with: hash key, block key, hash key, …
	KeyPairs [][]byte

	// MaxAge is that of the store's Options. Default 30 days, as there.
	MaxAge time.Duration

	// NonPersistent says that the store's Options.MaxAge is 0, so that cookies end with the browser: pgstore writes
	// rows then that have expired at once, and reads them all the same. What it has sealed lives for MaxAge.
	NonPersistent bool
}

func (s *PGStore) table() table { return table{s.DB, Postgres, cmp.Or(s.Table, "http_sessions")} }

func (s *PGStore) seal() secureCookies {
	return secureCookies{s.Cookie, s.KeyPairs, cmp.Or(s.MaxAge, 30*24*time.Hour)}
}

// Find implements session.Importer.
func (s *PGStore) Find(r *http.Request) string {
	value := first(r, s.Cookie)
	if value == "" {
		return ""
	}
	id, err := openGob[string](s.seal(), []byte(value))
	if err != nil {
		return ""
	}
	return id
}

// Load implements session.Importer.
func (s *PGStore) Load(ctx context.Context, id string) (*session.Imported, error) {
	var data []byte
	var created, expires float64
	query := `select data, coalesce({epoch created_on}, 0), {epoch expires_on} from {table} where key = $1`
	if !s.NonPersistent {
		query += ` and {epoch expires_on} > {now}`
	}
	if err := s.table().row(ctx, query, []byte(id), &data, &created, &expires); err != nil {
		return nil, err
	}
	values, err := openGob[map[any]any](s.seal(), data)
	if err != nil {
		return nil, unreadable(err)
	}
	in := &session.Imported{NonPersistent: s.NonPersistent}
	if !s.NonPersistent {
		in.Deadline = at(expires)
	}
	if created > 0 {
		in.Created = at(created)
	}
	in.Entries, in.Skipped = withStringKeys(values)
	return in, nil
}

func withStringKeys(values map[any]any) (entries map[string]any, skipped []error) {
	entries = make(map[string]any, len(values))
	for key, value := range values {
		if name, ok := key.(string); ok {
			entries[name] = value
		} else {
			skipped = append(skipped, fmt.Errorf("the key %v is a %T, not a string", key, key))
		}
	}
	return entries, skipped
}

// End implements session.Importer.
func (s *PGStore) End(ctx context.Context, id string) error {
	return s.table().exec(ctx, `delete from {table} where key = $1`, []byte(id))
}
