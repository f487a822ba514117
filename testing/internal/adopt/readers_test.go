package adopt

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/gob"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/sqlite3store"
	"github.com/alexedwards/scs/v2"
	"github.com/gorilla/securecookie"
	"github.com/simples-go/sessions/adopt"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/testing/containers"
)

type cartLine struct {
	SKU string
	N   int
}

func init() {
	gob.Register(time.Time{})
	gob.Register([]cartLine{})
	gob.Register(map[cartLine]string{})
}

// visit runs a handler under scs and returns the cookie that it sent.
func visit(t *testing.T, m *scs.SessionManager, handler func(context.Context)) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { handler(r.Context()) })).
		ServeHTTP(w, request())
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	return cookie
}

func fill(m *scs.SessionManager) func(context.Context) {
	return func(ctx context.Context) {
		m.Put(ctx, "user", 42)
		m.Put(ctx, "name", `Änne "x"`)
		m.Put(ctx, "cart", []cartLine{{"a-1", 2}})
		m.RememberMe(ctx, true)
	}
}

func checkSCS(t *testing.T, m *scs.SessionManager, from *adopt.SCS) {
	t.Helper()
	m.IdleTimeout, m.Lifetime = 20*time.Minute, 12*time.Hour
	from.IdleTimeout, from.NonPersistent = m.IdleTimeout, true
	cookie := visit(t, m, fill(m))
	in := load(t, from, cookie)
	if got, want := entries(t, in), `{"cart":[{"SKU":"a-1","N":2}],"name":"Änne \"x\"","user":42}`; got != want {
		t.Errorf("entries are %s, want %s", got, want)
	}
	if left := time.Until(in.Deadline); left > m.Lifetime || left < m.Lifetime-time.Minute || in.Idle != m.IdleTimeout ||
		in.NonPersistent || !in.Persistent {
		t.Errorf("ends in %v, idle after %v, not persistent %v, persistent %v", left, in.Idle, in.NonPersistent, in.Persistent)
	}
	checkEnd(t, from, cookie)
}

// checkEnd ends the session of a cookie twice: it has to be gone.
func checkEnd(t *testing.T, from session.Importer, cookie string) {
	t.Helper()
	token := from.Find(request(cookie))
	for range 2 {
		if err := from.End(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := from.Load(t.Context(), token); !errors.Is(err, session.ErrGone) {
		t.Errorf("after its end: %v, want %v", err, session.ErrGone)
	}
	for _, forged := range forgeries(cookie) {
		if token := from.Find(request(forged)); token != "" {
			if _, err := from.Load(t.Context(), token); !errors.Is(err, session.ErrGone) {
				t.Errorf("%s: %v, want %v", forged, err, session.ErrGone)
			}
		}
	}
}

func TestSCSOnPostgres(t *testing.T) {
	for name, store := range map[string]func(*containers.Database, *sql.DB) scs.Store{
		"pgxstore": func(db *containers.Database, _ *sql.DB) scs.Store { return pgxstore.NewWithCleanupInterval(db.Pool, 0) },
		"postgresstore": func(_ *containers.Database, pool *sql.DB) scs.Store {
			return postgresstore.NewWithCleanupInterval(pool, 0)
		},
	} {
		for _, hashed := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", hashed ", hashed), func(t *testing.T) {
				db := containers.Postgres(t, containers.WithoutMigrations())
				pool := sqlOf(t, db)
				exec(t, pool, `create table sessions (token text primary key, data bytea not null, expiry timestamptz not null)`)
				m := scs.New()
				m.Store, m.HashTokenInStore = store(db, pool), hashed
				checkSCS(t, m, &adopt.SCS{DB: pool, HashTokenInStore: hashed})
			})
		}
	}
}

func TestSCSOnSQLite(t *testing.T) {
	db := onSQLite(t)
	exec(t, db, `create table sessions (token text primary key, data blob not null, expiry real not null)`)
	m := scs.New()
	m.Store = sqlite3store.NewWithCleanupInterval(db, 0)
	from := &adopt.SCS{DB: db, Dialect: adopt.SQLite}
	checkSCS(t, m, from)
	cookie := visit(t, m, fill(m))
	exec(t, db, `update sessions set expiry = julianday('now', '-1 second')`)
	checkGone(t, from, cookie)
}

func checkGone(t *testing.T, from session.Importer, cookie string) {
	t.Helper()
	token := from.Find(request(cookie))
	if _, err := from.Load(t.Context(), token); token == "" || !errors.Is(err, session.ErrGone) {
		t.Errorf("an expired session: token %q, error %v, want %v", token, err, session.ErrGone)
	}
}

// A row that cannot be decoded is not an error of the database.
func TestUnreadableSCS(t *testing.T) {
	db := onSQLite(t)
	exec(t, db, `create table sessions (token text primary key, data blob not null, expiry real not null)`)
	token := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	from := &adopt.SCS{DB: db, Dialect: adopt.SQLite}
	for _, data := range []string{"", "x", "\x00\x01", strings.Repeat("\xff", 100)} {
		exec(t, db, `replace into sessions values (?, ?, julianday('now', '+1 day'))`, token, []byte(data))
		if _, err := from.Load(t.Context(), from.Find(request("session="+token))); !errors.Is(err, session.ErrCorrupt) {
			t.Errorf("%q: %v, want %v", data, err, session.ErrCorrupt)
		}
	}
	exec(t, db, `drop table sessions`)
	_, err := from.Load(t.Context(), token)
	if err == nil || errors.Is(err, session.ErrCorrupt) || errors.Is(err, session.ErrGone) || strings.Contains(err.Error(), token) {
		t.Errorf("without a table: %v", err)
	}
}

var (
	hashKey  = []byte("0123456789abcdef0123456789abcdef")
	blockKey = []byte("an encryption key of 32 bytes ..")
)

const (
	httpSessions = `create table http_sessions (id bigserial primary key, key bytea, data bytea,
		created_on timestamptz default current_timestamp, modified_on timestamptz, expires_on timestamptz)`
	putHTTPSession = `insert into http_sessions (key, data, created_on, modified_on, expires_on)
		values ($1, $2, now() - interval '1 hour', now(), now() + interval '2 hours')`
)

// TestPGStoreRows reads what pgstore wrote, with and without encryption.
func TestPGStoreRows(t *testing.T) {
	db := onPostgres(t)
	exec(t, db, httpSessions)
	gob.RegisterName("map[main.Point]string", map[point]string{})
	keys := [][][]byte{{hashKey}, {hashKey, blockKey}}
	for i, row := range rows(t, "pgstore") {
		exec(t, db, putHTTPSession, []byte(row.Key), []byte(row.Data))
		from := &adopt.PGStore{DB: db, Cookie: "shop", KeyPairs: keys[i], MaxAge: math.MaxInt64}
		in := load(t, from, row.Cookie)
		if in.Entries["user"] != 42 || in.Entries["name"] != `Änne "x"` || len(in.Entries) != 3 {
			t.Errorf("entries are %v", in.Entries)
		}
		if len(in.Skipped) != 1 || in.Skipped[0].Error() != "the key 7 is a int, not a string" {
			t.Errorf("skipped: %v", in.Skipped)
		}
		if age, left := time.Since(in.Created), time.Until(in.Deadline); age < time.Hour || age > 61*time.Minute || left > 2*time.Hour || left < time.Hour {
			t.Errorf("%v old, ends in %v", age, left)
		}
		old := &adopt.PGStore{DB: db, Cookie: "shop", KeyPairs: keys[i], MaxAge: time.Second}
		if old.Find(request(row.Cookie)) != "" {
			t.Error("a cookie that is older than MaxAge is taken")
		}
		checkEnd(t, from, row.Cookie)
	}
}

type point struct{ X, Y int }

// TestPGStoreKeys: with the keys that securecookie rotates through, all of them open.
func TestPGStoreKeys(t *testing.T) {
	db := onPostgres(t)
	exec(t, db, httpSessions)
	older := [][]byte{[]byte("another key for the hash, 32 byte"), nil}
	codecs := securecookie.CodecsFromPairs(older...)
	cookie, err := securecookie.EncodeMulti("shop", "THEID", codecs...)
	if err != nil {
		t.Fatal(err)
	}
	data, err := securecookie.EncodeMulti("shop", map[any]any{"n": int64(1) << 60}, codecs...)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, putHTTPSession, []byte("THEID"), []byte(data))
	from := &adopt.PGStore{DB: db, Cookie: "shop", KeyPairs: append([][]byte{hashKey, blockKey}, older...)}
	if got := entries(t, load(t, from, "shop="+cookie)); got != `{"n":1152921504606846976}` {
		t.Errorf("entries are %s", got)
	}
	exec(t, db, `update http_sessions set expires_on = now()`)
	checkGone(t, from, "shop="+cookie)
}

// putShop writes a session as pgstore does, and returns its cookie's value.
func putShop(t *testing.T, db *sql.DB, codecs ...securecookie.Codec) (cookie string) {
	t.Helper()
	cookie, err := securecookie.EncodeMulti("shop", "THEID", codecs...)
	data, errData := securecookie.EncodeMulti("shop", map[any]any{"n": 1}, codecs...)
	if err := errors.Join(err, errData); err != nil {
		t.Fatal(err)
	}
	exec(t, db, putHTTPSession, []byte("THEID"), []byte(data))
	return cookie
}

// TestPGStoreSharedKey: pairs that share a hash key differ in their block keys alone, as in securecookie.
func TestPGStoreSharedKey(t *testing.T) {
	db := onPostgres(t)
	exec(t, db, httpSessions)
	cookie := putShop(t, db, securecookie.CodecsFromPairs(hashKey, blockKey)...)
	newer := []byte("another encryption key, 32 bytes")
	for _, keys := range [][][]byte{{hashKey, newer, hashKey, blockKey}, {hashKey, nil, hashKey, blockKey}} {
		from := &adopt.PGStore{DB: db, Cookie: "shop", KeyPairs: keys}
		if got := entries(t, load(t, from, "shop="+cookie)); got != `{"n":1}` {
			t.Errorf("entries are %s", got)
		}
	}
	checkForeignData(t, &adopt.PGStore{DB: db, Cookie: "shop", KeyPairs: [][]byte{hashKey, newer}}, "THEID")
}

// checkForeignData: a row that no key opens is a new visit.
func checkForeignData(t *testing.T, from session.Importer, token string) {
	t.Helper()
	if _, err := from.Load(t.Context(), token); !errors.Is(err, session.ErrCorrupt) {
		t.Errorf("%v, want %v", err, session.ErrCorrupt)
	}
}

// TestPGStoreNonPersistent: with MaxAge 0, pgstore writes rows that have expired at once.
func TestPGStoreNonPersistent(t *testing.T) {
	db := onPostgres(t)
	exec(t, db, httpSessions)
	cookie := putShop(t, db, securecookie.CodecsFromPairs(hashKey)...)
	exec(t, db, `update http_sessions set expires_on = now()`)
	from := &adopt.PGStore{DB: db, Cookie: "shop", KeyPairs: [][]byte{hashKey}}
	checkGone(t, from, "shop="+cookie)
	from.NonPersistent = true
	in := load(t, from, "shop="+cookie)
	if entries(t, in) != `{"n":1}` || !in.NonPersistent || !in.Deadline.IsZero() || time.Since(in.Created) < 59*time.Minute {
		t.Errorf("%s, not persistent %v, from %v to %v", entries(t, in), in.NonPersistent, in.Created, in.Deadline)
	}
	checkEnd(t, from, "shop="+cookie)
}

func TestConnectPGRows(t *testing.T) {
	db := onPostgres(t)
	exec(t, db, connectSession)
	from := &adopt.ConnectPG{DB: db, Secrets: []string{"newer secret", "new secret"}}
	want := []struct {
		entries string
		idle    time.Duration
		browser bool
	}{
		{`{"big":12345678901,"cart":[{"sku":"a-1","n":2}],"name":"Änne \"x\"","seen":"1970-01-01T00:00:00.000Z","userId":42}`, 14 * 24 * time.Hour, false},
		{`{"userId":"seven"}`, 24 * time.Hour, true},
	}
	for i, row := range rows(t, "connectpg") {
		exec(t, db, `insert into session values ($1, $2, now() + interval '1 hour')`, row.Key, row.Data)
		in := load(t, from, row.Cookie)
		if entries(t, in) != want[i].entries || in.Idle != want[i].idle || in.NonPersistent != want[i].browser ||
			in.Persistent == want[i].browser || !in.Deadline.IsZero() {
			t.Errorf("%s, idle after %v, not persistent %v, ends %v", entries(t, in), in.Idle, in.NonPersistent, in.Deadline)
		}
		if other := (&adopt.ConnectPG{DB: db, Secrets: []string{"old secret"}}); other.Find(request(row.Cookie)) != "" {
			t.Error("a signature of another secret is taken")
		}
		checkEnd(t, from, row.Cookie)
		exec(t, db, `insert into session values ($1, $2, now() - interval '1 second')`, row.Key, row.Data)
		checkGone(t, from, row.Cookie)
	}
}

// TestConnectPGCookies: what express-session keeps of a cookie that ends with the browser, and of others.
func TestConnectPGCookies(t *testing.T) {
	db := onPostgres(t)
	exec(t, db, connectSession)
	const day = 24 * time.Hour
	for cookie, want := range map[string]struct {
		idle       time.Duration
		persistent bool
		fails      error
	}{
		`{"originalMaxAge":null}`: {idle: day}, `{"originalMaxAge":false,"expires":false}`: {idle: day}, `{}`: {idle: day},
		`{"originalMaxAge":1500.5}`: {idle: 1500*time.Millisecond + 500*time.Microsecond, persistent: true},
		`{"originalMaxAge":"x"}`:    {fails: session.ErrCorrupt}, `{"originalMaxAge":true}`: {fails: session.ErrCorrupt},
		`"x"`: {fails: session.ErrCorrupt},
	} {
		exec(t, db, `delete from session`)
		exec(t, db, `insert into session values ('id', $1, now() + interval '1 hour')`, `{"cookie":`+cookie+`,"n":1}`)
		in, err := (&adopt.ConnectPG{DB: db}).Load(t.Context(), "id")
		if want.fails != nil {
			if !errors.Is(err, want.fails) {
				t.Errorf("%s: %v, want %v", cookie, err, want.fails)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", cookie, err)
		} else if in.Idle != want.idle || in.Persistent != want.persistent || in.NonPersistent == want.persistent {
			t.Errorf("%s: idle after %v, persistent %v, not persistent %v", cookie, in.Idle, in.Persistent, in.NonPersistent)
		}
	}
}

// TestConnectPGDisableTouch: a session that nobody touches ends when its row says so.
func TestConnectPGDisableTouch(t *testing.T) {
	db := onPostgres(t)
	exec(t, db, connectSession)
	for i, row := range rows(t, "connectpg") {
		exec(t, db, `insert into session values ($1, $2, now() + interval '1 hour')`, row.Key, row.Data)
		in := load(t, &adopt.ConnectPG{DB: db, Secrets: []string{"new secret"}, DisableTouch: true}, row.Cookie)
		if left := time.Until(in.Deadline); left > time.Hour || left < 59*time.Minute || in.Idle != 0 || in.NonPersistent != (i == 1) {
			t.Errorf("ends in %v, idle after %v, not persistent %v", left, in.Idle, in.NonPersistent)
		}
	}
}

func TestDjangoRows(t *testing.T) {
	onBoth(t, func(t *testing.T, db *sql.DB, dialect adopt.Dialect, stamp func(time.Duration) any) {
		exec(t, db, `create table django_session (session_key varchar(40) primary key, session_data text not null, expire_date `+
			map[adopt.Dialect]string{adopt.Postgres: "timestamptz", adopt.SQLite: "datetime"}[dialect]+` not null)`)
		from := &adopt.Django{DB: db, Dialect: dialect, SecretKeys: []string{"another", "the key of the site"}}
		for i, row := range rows(t, "django") {
			exec(t, db, `insert into django_session values ($1, $2, $3)`, row.Key, row.Data, stamp(time.Hour))
			in := load(t, from, row.Cookie)
			if left := time.Until(in.Deadline); left > time.Hour || left < 59*time.Minute {
				t.Errorf("ends in %v", left)
			}
			want := `"_auth_user_id":"` + []string{"42", "7"}[i] + `"`
			if got := entries(t, in); !strings.Contains(got, want) {
				t.Errorf("entries are %s, without %s", got, want)
			}
			checkForeignKey(t, &adopt.Django{DB: db, Dialect: dialect, SecretKeys: []string{"another"}}, row.Cookie)
			checkForeignKey(t, &adopt.Django{DB: db, Dialect: dialect, SecretKeys: from.SecretKeys, MaxBytes: 20}, row.Cookie)
			checkEnd(t, from, row.Cookie)
			exec(t, db, `insert into django_session values ($1, $2, $3)`, row.Key, row.Data, stamp(-time.Second))
			checkGone(t, from, row.Cookie)
		}
	})
}

// TestDjangoExpiry: what set_expiry was called with says whether the cookie outlives the browser, before the setting.
func TestDjangoExpiry(t *testing.T) {
	db := onSQLite(t)
	exec(t, db, `create table django_session (session_key varchar(40) primary key, session_data text not null, expire_date datetime not null)`)
	for text, want := range map[string]struct{ persistent, not bool }{
		`{}`: {not: true}, `{"_session_expiry":0}`: {not: true}, `{"_session_expiry":1209600}`: {persistent: true},
	} {
		signed := base64.RawURLEncoding.EncodeToString([]byte(text)) + ":1xWrhi"
		key := sha256.Sum256([]byte("django.contrib.sessions.SessionStoresigner" + "the key of the site"))
		mac := hmac.New(sha256.New, key[:])
		mac.Write([]byte(signed))
		data := signed + ":" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		exec(t, db, `replace into django_session values ('thekeyofthesession', ?, datetime('now', '+1 hour'))`, data)
		from := &adopt.Django{DB: db, Dialect: adopt.SQLite, SecretKeys: []string{"the key of the site"}, NonPersistent: true}
		in := load(t, from, "sessionid=thekeyofthesession")
		if in.Persistent != want.persistent || in.NonPersistent != want.not || len(in.Entries) != 0 {
			t.Errorf("%s: persistent %v, not persistent %v, entries %v", text, in.Persistent, in.NonPersistent, in.Entries)
		}
	}
}

// checkForeignKey: data that cannot be read is a new visit.
func checkForeignKey(t *testing.T, from session.Importer, cookie string) {
	t.Helper()
	if _, err := from.Load(t.Context(), from.Find(request(cookie))); !errors.Is(err, session.ErrCorrupt) {
		t.Errorf("%v, want %v", err, session.ErrCorrupt)
	}
}

func TestRailsRows(t *testing.T) {
	onBoth(t, func(t *testing.T, db *sql.DB, dialect adopt.Dialect, stamp func(time.Duration) any) {
		exec(t, db, `create table sessions (session_id varchar not null unique, data text, created_at `+
			map[adopt.Dialect]string{adopt.Postgres: "timestamp(6)", adopt.SQLite: "datetime(6)"}[dialect]+` not null, updated_at `+
			map[adopt.Dialect]string{adopt.Postgres: "timestamp(6)", adopt.SQLite: "datetime(6)"}[dialect]+` not null)`)
		from := &adopt.Rails{DB: db, Dialect: dialect, Cookie: "_shop_session"}
		json, marshal := rows(t, "rails")[0], rows(t, "rails")[1]
		for _, row := range []written{json, marshal} {
			exec(t, db, `insert into sessions values ($1, $2, $3, $4)`, row.Key, row.Data, stamp(-2*time.Hour), stamp(-time.Hour))
		}
		in := load(t, from, json.Cookie)
		if got, want := entries(t, in), `{"flash":{"discard":[],"flashes":{"notice":"hi"}},"name":"Änne \"x\"","user_id":42}`; got != want {
			t.Errorf("entries are %s, want %s", got, want)
		}
		if age, left := time.Since(in.Created), time.Until(in.Deadline); age.Round(time.Hour) != 2*time.Hour || left.Round(time.Hour) != 719*time.Hour {
			t.Errorf("%v old, ends in %v", age, left)
		}
		checkForeignKey(t, from, marshal.Cookie)
		checkGone(t, &adopt.Rails{DB: db, Dialect: dialect, Cookie: "_shop_session", Trim: time.Hour}, json.Cookie)
		checkEnd(t, from, json.Cookie)
	})
}

// onBoth runs fn on both databases. stamp is a time as the other system writes it.
func onBoth(t *testing.T, fn func(*testing.T, *sql.DB, adopt.Dialect, func(time.Duration) any)) {
	t.Run("SQLite", func(t *testing.T) {
		fn(t, onSQLite(t), adopt.SQLite, func(d time.Duration) any {
			return time.Now().Add(d).UTC().Format("2006-01-02 15:04:05.000000")
		})
	})
	t.Run("Postgres", func(t *testing.T) {
		fn(t, onPostgres(t), adopt.Postgres, func(d time.Duration) any { return time.Now().Add(d).UTC() })
	})
}

func TestTableNames(t *testing.T) {
	for name, good := range map[string]bool{"s": true, "web.s_1": true, `x"; drop table y; --`: false, "a.b.c": false, "1": false} {
		from := &adopt.SCS{DB: onSQLite(t), Dialect: adopt.SQLite, Table: name}
		_, err := from.Load(t.Context(), "t")
		if refused := strings.Contains(err.Error(), "is no name of a table"); refused == good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
