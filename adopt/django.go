package adopt

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/simples-go/sessions/session"
)

// Django reads the sessions of django.contrib.sessions, with the engine db or cached_db and the JSON serializer, of Django
// 3.1 and newer.
type Django struct {
	DB      *sql.DB
	Dialect Dialect
	Table   string // default django_session
	Cookie  string // SESSION_COOKIE_NAME; default sessionid

	// SecretKeys are SECRET_KEY and SECRET_KEY_FALLBACKS.
	SecretKeys []string

	// NonPersistent is SESSION_EXPIRE_AT_BROWSER_CLOSE.
	NonPersistent bool

	// MaxBytes bounds the data of a session that Django has compressed. Default 1 MB.
	MaxBytes int64
}

func (s *Django) table() table { return table{s.DB, s.Dialect, cmp.Or(s.Table, "django_session")} }

// Find implements session.Importer. When a browser sends two cookies of the name, Django takes the last.
func (s *Django) Find(r *http.Request) string {
	key := ""
	for _, c := range r.CookiesNamed(cmp.Or(s.Cookie, "sessionid")) {
		key = c.Value
	}
	if len(key) < 8 || len(key) > 40 || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return ""
	}
	return key
}

// Load implements session.Importer.
func (s *Django) Load(ctx context.Context, key string) (*session.Imported, error) {
	var data string
	var expires float64
	const query = `select session_data, {epoch expire_date} from {table} where session_key = $1 and {epoch expire_date} > {now}`
	if err := s.table().row(ctx, query, key, &data, &expires); err != nil {
		return nil, err
	}
	text, err := s.open(data)
	if err != nil {
		return nil, err
	}
	entries, err := object(text)
	if err != nil {
		return nil, err
	}
	in := &session.Imported{Entries: entries, Deadline: at(expires), NonPersistent: s.NonPersistent}
	// What set_expiry was called with: the row's date follows from it, and 0 stands for the browser's end.
	if expiry, ok := entries["_session_expiry"].(json.RawMessage); ok {
		in.NonPersistent = string(expiry) == "0"
		in.Persistent = !in.NonPersistent
		delete(entries, "_session_expiry")
	}
	return in, nil
}

// djangoSalt is what Django derives the key of a session's signature with.
const djangoSalt = "django.contrib.sessions.SessionStore" + "signer"

// open returns the JSON of "payload:timestamp:signature".
func (s *Django) open(data string) ([]byte, error) {
	colon := strings.LastIndexByte(data, ':')
	if colon < 0 {
		return nil, corrupt("it has no signature")
	}
	signed, signature := data[:colon], data[colon+1:]
	if !s.verify(signed, signature) {
		return nil, corrupt("no key of SecretKeys has signed it")
	}
	payload, _, _ := strings.Cut(signed, ":")
	compressed := strings.HasPrefix(payload, ".")
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(payload, "."))
	if err != nil {
		return nil, corrupt("its payload is not base64")
	}
	if compressed {
		return s.inflate(text)
	}
	return text, nil
}

func (s *Django) verify(signed, signature string) bool {
	for _, secret := range s.SecretKeys {
		key := sha256.Sum256([]byte(djangoSalt + secret))
		if equal(signature, base64.RawURLEncoding.EncodeToString(sign(key[:], []byte(signed)))) {
			return true
		}
	}
	return false
}

func (s *Django) inflate(data []byte) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, unreadable(err)
	}
	most := cmp.Or(s.MaxBytes, 1<<20)
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, unreadable(err)
	}
	if int64(len(text)) > most {
		return nil, corrupt("it is larger than MaxBytes")
	}
	return text, nil
}

// equal compares signatures in constant time.
func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// End implements session.Importer.
func (s *Django) End(ctx context.Context, key string) error {
	return s.table().exec(ctx, `delete from {table} where session_key = $1`, key)
}
