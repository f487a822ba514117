package adopt

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/simples-go/sessions/session"
)

// ConnectPG reads the sessions of express-session with connect-pg-simple.
type ConnectPG struct {
	DB     *sql.DB
	Table  string // default session; with a schema, schema.session
	Cookie string // the option name of express-session; default connect.sid

	// Secrets are those of express-session's option secret: the one that signs, and those before it.
	Secrets []string

	// TTL is connect-pg-simple's option ttl, for sessions whose cookie ends with the browser. Default a day, as there.
	TTL time.Duration
}

func (s *ConnectPG) table() table { return table{s.DB, Postgres, cmp.Or(s.Table, "session")} }

// Find implements session.Importer. The cookie is URL-encoded: s:ID.SIGNATURE.
func (s *ConnectPG) Find(r *http.Request) string {
	value, err := url.PathUnescape(first(r, cmp.Or(s.Cookie, "connect.sid")))
	signed, ok := strings.CutPrefix(value, "s:")
	dot := strings.LastIndexByte(signed, '.')
	if err != nil || !ok || dot <= 0 {
		return ""
	}
	id, signature := signed[:dot], signed[dot+1:]
	for _, secret := range s.Secrets {
		if equal(signature, base64.RawStdEncoding.EncodeToString(sign([]byte(secret), []byte(id)))) {
			return id
		}
	}
	return ""
}

// expressCookie is what express-session keeps of the cookie in a session.
type expressCookie struct {
	OriginalMaxAge *float64 `json:"originalMaxAge"` // milliseconds
}

// Load implements session.Importer. Each access of express-session extends the session by the age of its cookie.
func (s *ConnectPG) Load(ctx context.Context, id string) (*session.Imported, error) {
	var data []byte
	if err := s.table().row(ctx, `select sess from {table} where sid = $1 and {epoch expire} >= {now}`, id, &data); err != nil {
		return nil, err
	}
	in := &session.Imported{}
	var err error
	if in.Entries, err = object(data); err != nil {
		return nil, err
	}
	var cookie expressCookie
	if raw, ok := in.Entries["cookie"].(json.RawMessage); ok && json.Unmarshal(raw, &cookie) != nil {
		return nil, corrupt("its cookie is not what express-session writes")
	}
	delete(in.Entries, "cookie")
	if in.Idle = cmp.Or(s.TTL, 24*time.Hour); cookie.OriginalMaxAge == nil {
		in.NonPersistent = true
	} else {
		in.Idle = time.Duration(*cookie.OriginalMaxAge * float64(time.Millisecond))
	}
	return in, nil
}

// End implements session.Importer.
func (s *ConnectPG) End(ctx context.Context, id string) error {
	return s.table().exec(ctx, `delete from {table} where sid = $1`, id)
}
