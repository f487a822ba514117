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

	// DisableTouch is connect-pg-simple's option of this name. A session ends then when its row says so, which only
	// its saves move, and not when it is not used.
	DisableTouch bool
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
	OriginalMaxAge json.RawMessage `json:"originalMaxAge"` // milliseconds, null or, if cookie.expires was set to it, false
}

// age returns the age at which the cookie ends; ok is false if it ends with the browser.
func (c expressCookie) age() (age time.Duration, ok bool, err error) {
	switch string(c.OriginalMaxAge) {
	case "", "null", "false":
		return 0, false, nil
	}
	var millis float64
	err = json.Unmarshal(c.OriginalMaxAge, &millis)
	return time.Duration(millis * float64(time.Millisecond)), true, err
}

// Load implements session.Importer. Each access of express-session extends the session by the age of its cookie,
// unless touches are disabled.
func (s *ConnectPG) Load(ctx context.Context, id string) (*session.Imported, error) {
	var data []byte
	var expires float64
	const query = `select sess, {epoch expire} from {table} where sid = $1 and {epoch expire} >= {now}`
	if err := s.table().row(ctx, query, id, &data, &expires); err != nil {
		return nil, err
	}
	entries, err := object(data)
	if err != nil {
		return nil, err
	}
	var cookie expressCookie
	if raw, ok := entries["cookie"].(json.RawMessage); ok {
		err = json.Unmarshal(raw, &cookie)
	}
	age, persistent, errAge := cookie.age()
	if err != nil || errAge != nil {
		return nil, corrupt("its cookie is not what express-session writes")
	}
	delete(entries, "cookie")
	in := &session.Imported{Entries: entries, Persistent: persistent, NonPersistent: !persistent}
	switch {
	case s.DisableTouch:
		in.Deadline = at(expires)
	case persistent:
		in.Idle = age
	default:
		in.Idle = cmp.Or(s.TTL, 24*time.Hour)
	}
	return in, nil
}

// End implements session.Importer.
func (s *ConnectPG) End(ctx context.Context, id string) error {
	return s.table().exec(ctx, `delete from {table} where sid = $1`, id)
}
