package adopt

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/simples-go/sessions/session"
)

// SCS reads the sessions of github.com/alexedwards/scs/v2 with pgxstore, postgresstore or sqlite3store. The application
// registers its own types with encoding/gob, as it does for scs.
type SCS struct {
	DB      *sql.DB
	Dialect Dialect
	Table   string // default sessions
	Cookie  string // default session

	// IdleTimeout is that of the SessionManager. The absolute timeout stands in the rows.
	IdleTimeout time.Duration

	// HashTokenInStore is the SessionManager's field of this name.
	HashTokenInStore bool

	// NonPersistent says that the SessionManager's Cookie.Persist is false. Sessions with RememberMe(true) stay persistent.
	NonPersistent bool

	// Decode, if set, decodes the data of a SessionManager that has a Codec of its own.
	Decode func(data []byte) (deadline time.Time, values map[string]any, err error)
}

func (s *SCS) table() table { return table{s.DB, s.Dialect, cmp.Or(s.Table, "sessions")} }

// scsTokenChars is the length of scs's tokens: 32 bytes in base64.
const scsTokenChars = 43

// Find implements session.Importer.
func (s *SCS) Find(r *http.Request) string {
	token := first(r, cmp.Or(s.Cookie, "session"))
	if raw, err := base64.RawURLEncoding.DecodeString(token); err != nil || len(raw) != 32 || len(token) != scsTokenChars {
		return ""
	}
	return token
}

// key is the primary key of a token's row.
func (s *SCS) key(token string) string {
	if !s.HashTokenInStore {
		return token
	}
	hash := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// rememberMe is the entry in which scs keeps what RememberMe was called with.
const rememberMe = "__rememberMe"

// Load implements session.Importer.
func (s *SCS) Load(ctx context.Context, token string) (*session.Imported, error) {
	var data []byte
	const query = `select data from {table} where token = $1 and {epoch expiry} > {now}`
	if err := s.table().row(ctx, query, s.key(token), &data); err != nil {
		return nil, err
	}
	decode := s.Decode
	if decode == nil {
		decode = decodeSCS
	}
	deadline, values, err := decode(data)
	if err != nil {
		return nil, unreadable(err)
	}
	remembered, _ := values[rememberMe].(bool)
	delete(values, rememberMe)
	return &session.Imported{
		Entries: values, Deadline: deadline, Idle: s.IdleTimeout,
		Persistent: remembered, NonPersistent: s.NonPersistent && !remembered,
	}, nil
}

// decodeSCS decodes what scs's GobCodec writes.
func decodeSCS(data []byte) (time.Time, map[string]any, error) {
	var row struct {
		Deadline time.Time
		Values   map[string]any
	}
	err := decodeGob(data, &row)
	return row.Deadline, row.Values, err
}

// End implements session.Importer.
func (s *SCS) End(ctx context.Context, token string) error {
	return s.table().exec(ctx, `delete from {table} where token = $1`, s.key(token))
}
