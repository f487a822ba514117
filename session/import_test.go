package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// oldSystem is another system: sessions by token, found in the cookie "old" if the value ends in "!", which stands for a
// signature.
type oldSystem struct {
	mu    sync.Mutex
	live  map[string]session.Imported
	asked int
	ended int

	loaded func(n int) // after the n-th Load has read
	fail   error
	stuck  error // of End
}

func (o *oldSystem) Find(r *http.Request) string {
	c, err := r.Cookie("old")
	if err != nil {
		return ""
	}
	token, signed := strings.CutSuffix(c.Value, "!")
	if !signed {
		return ""
	}
	return token
}

func (o *oldSystem) Load(_ context.Context, token string) (*session.Imported, error) {
	o.mu.Lock()
	o.asked++
	n, loaded, fail := o.asked, o.loaded, o.fail
	in, ok := o.live[token]
	o.mu.Unlock()
	if loaded != nil {
		loaded(n)
	}
	switch {
	case fail != nil:
		return nil, fail
	case !ok:
		return nil, session.ErrGone
	}
	entries := map[string]any{}
	for key, value := range in.Entries {
		entries[key] = value
	}
	in.Entries = entries
	return &in, nil
}

func (o *oldSystem) End(_ context.Context, token string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stuck != nil {
		return o.stuck
	}
	if _, ok := o.live[token]; ok {
		o.ended++
	}
	delete(o.live, token)
	return nil
}

func (o *oldSystem) put(token string, in session.Imported) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.live[token] = in
}

func (o *oldSystem) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.live)
}

// move is an application in the middle of one.
type move struct {
	t     *testing.T
	store *spy
	old   *oldSystem
	site  http.Handler
	log   bytes.Buffer

	sessions *session.Manager

	during func() // called by the handler of /slow
}

const oldCookie = "old=ada!"

func newMove(t *testing.T, from session.Import, change func(*session.Config)) *move {
	t.Helper()
	m := &move{t: t, store: &spy{Store: memstore.New()}, old: &oldSystem{live: map[string]session.Imported{
		"ada": {Entries: map[string]any{"name": "Ada", "n": 1}, Owner: "ada"},
	}}}
	from.From = m.old
	config := session.Config{Import: from, Logger: slog.New(slog.NewTextHandler(&m.log, nil))}
	if change != nil {
		change(&config)
	}
	sessions, err := session.New(m.store, config)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		name, err := session.Get[string](s, "name")
		fmt.Fprintf(w, "%s %s %v", name, s.Owner(), err)
	})
	mux.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).Destroy(r.Context()); err != nil {
			http.Error(w, "", session.StatusCode(err))
		}
	})
	mux.HandleFunc("/rotate", func(w http.ResponseWriter, r *http.Request) { _ = session.FromContext(r.Context()).Generate() })
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		_ = session.FromContext(r.Context()).Has("name")
		m.during()
	})
	mux.HandleFunc("/large", func(_ http.ResponseWriter, r *http.Request) {
		_ = session.FromContext(r.Context()).Set("k", strings.Repeat("x", 2<<20))
	})
	m.sessions, m.site = sessions, sessions.Handler(mux)
	return m
}

// visit returns the answer, and the cookie that came with it.
func (m *move) visit(path string, cookies ...string) (w *httptest.ResponseRecorder, cookie string) {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Cookie", strings.Join(cookies, "; "))
	w = httptest.NewRecorder()
	m.site.ServeHTTP(w, r)
	cookie, _, _ = strings.Cut(w.Header().Get("Set-Cookie"), ";")
	return w, cookie
}

const adaIsHere, nobody = "Ada ada <nil>", "  <nil>"

// sees checks what the page shows, and returns the cookie.
func (m *move) sees(want string, cookies ...string) string {
	m.t.Helper()
	w, cookie := m.visit("/", cookies...)
	if got := w.Body.String(); got != want {
		m.t.Errorf("%v sees %q (%d), want %q", cookies, got, w.Code, want)
	}
	return cookie
}

func (m *move) wantRows(there, here int) {
	m.t.Helper()
	if m.old.len() != there || m.store.Len() != here {
		m.t.Errorf("%d rows there and %d here, want %d and %d", m.old.len(), m.store.Len(), there, here)
	}
}

func TestImportMoves(t *testing.T) {
	m := newMove(t, session.Import{}, nil)
	cookie := m.sees(adaIsHere, oldCookie)
	m.wantRows(0, 1)
	if again := m.sees(adaIsHere, cookie, oldCookie); again != "" {
		t.Errorf("a second cookie: %s", again)
	}
	if strings.Contains(m.log.String(), "level") {
		t.Errorf("logged: %s", m.log.String())
	}
}

// Twenty parallel first requests come to one row and one cookie, whichever of them is ahead.
func TestImportParallel(t *testing.T) {
	m := newMove(t, session.Import{}, nil)
	cookies := make([]string, 20)
	var wg sync.WaitGroup
	for i := range cookies {
		wg.Go(func() { cookies[i] = m.sees(adaIsHere, oldCookie) })
	}
	wg.Wait()
	for _, cookie := range cookies {
		if cookie == "" || cookie != cookies[0] {
			t.Fatalf("cookies are %q", cookies)
		}
	}
	m.wantRows(0, 1)
	if m.old.ended != 1 {
		t.Errorf("ended %d times there", m.old.ended)
	}
}

// Each statement of a move may be the last of its process, or of its request: the next request goes on from there, and no
// cookie was sent before the move was complete.
func TestImportGoesOn(t *testing.T) {
	for _, op := range []string{"create", "save", "load"} {
		for _, done := range []bool{false, true} {
			t.Run(fmt.Sprint(op, " took effect ", done), func(t *testing.T) {
				m := newMove(t, session.Import{}, nil)
				if done {
					m.store.failAfter(errDown, op)
				} else {
					m.store.failBefore(errDown, op)
				}
				w, cookie := m.visit("/", oldCookie)
				wantStatus(t, w, http.StatusServiceUnavailable)
				if cookie != "" {
					t.Errorf("a cookie before its time: %s", cookie)
				}
				m.store.failBefore(nil)
				m.sees(adaIsHere, oldCookie)
				m.wantRows(0, 1)
			})
		}
	}
}

func TestImportWaitsForTheEnd(t *testing.T) {
	m := newMove(t, session.Import{}, nil)
	m.old.stuck = errDown
	w, cookie := m.visit("/", oldCookie)
	wantStatus(t, w, http.StatusServiceUnavailable)
	if cookie != "" {
		t.Errorf("a cookie while the session lives there: %s", cookie)
	}
	m.old.stuck = nil
	m.sees(adaIsHere, oldCookie)
	m.wantRows(0, 1)
}

func TestImportAfterLogout(t *testing.T) {
	m := newMove(t, session.Import{}, nil)
	cookie := m.sees(adaIsHere, oldCookie)
	m.visit("/logout", cookie, oldCookie)
	m.sees(nobody, oldCookie)
	m.sees(nobody, cookie, oldCookie)
	m.wantRows(0, 0)
}

// A request that has read the session there, and comes to write it here after another one has moved it and its user has
// logged out, brings nothing back.
func TestImportStale(t *testing.T) {
	for n := 1; n <= 2; n++ {
		m := newMove(t, session.Import{}, nil)
		m.old.loaded = func(i int) {
			if i != n {
				return
			}
			cookie := m.sees(adaIsHere, oldCookie)
			m.visit("/logout", cookie, oldCookie)
		}
		m.sees(nobody, oldCookie)
		m.wantRows(0, 0)
	}
}

// The same with two late requests: one that has read, and one that makes a claim after the logout.
func TestImportStaleTwice(t *testing.T) {
	m := newMove(t, session.Import{}, nil)
	m.old.loaded = func(i int) {
		if i != 2 { // the first request has found the session alive, under its claim
			return
		}
		cookie := m.sees(adaIsHere, oldCookie)
		m.visit("/logout", cookie, oldCookie)
		m.store.Advance(time.Millisecond)
		m.old.put("ada", session.Imported{}) // as the late request has read it, whose claim is all that it comes to
		m.store.failAfter(errDown, "create")
		m.visit("/", oldCookie)
		_ = m.old.End(t.Context(), "ada")
		m.wantRows(0, 1)
	}
	m.sees(nobody, oldCookie)
	m.wantRows(0, 0)
}

// The other system's token finds the session for a while after the move, for requests that were under way, and then it does
// not. It finds nothing after a rotation.
func TestImportGrace(t *testing.T) {
	m := newMove(t, session.Import{}, nil)
	cookie := m.sees(adaIsHere, oldCookie)
	m.store.Advance(59 * time.Second)
	if again := m.sees(adaIsHere, oldCookie); again != cookie {
		t.Errorf("another cookie: %s, want %s", again, cookie)
	}
	m.store.Advance(2 * time.Second)
	m.sees(nobody, oldCookie)
	m.sees(adaIsHere, cookie, oldCookie)

	m = newMove(t, session.Import{}, nil)
	cookie = m.sees(adaIsHere, oldCookie)
	m.visit("/rotate", cookie)
	if got := m.sees("  "+session.ErrRotated.Error(), oldCookie); got != "" {
		t.Errorf("a cookie that overwrites the new one: %s", got)
	}
}

// A request that takes a session over, and answers after a parallel one has given it another token, does not overwrite
// the cookie that this one has sent.
func TestImportOvertaken(t *testing.T) {
	m := newMove(t, session.Import{}, nil)
	var newer string
	m.during = func() { _, newer = m.visit("/rotate", oldCookie) }
	if _, cookie := m.visit("/slow", oldCookie); cookie != "" || newer == "" {
		t.Errorf("the cookie %q after %q", cookie, newer)
	}
	m.sees(adaIsHere, newer, oldCookie)
}

// The client has nothing else that opens the session for long: it gets the cookie with an answer that reports an
// error, and with one for which the token could not be confirmed, whatever else it had sent by the cookie's name.
func TestImportSendsTheCookieInAnyCase(t *testing.T) {
	m := newMove(t, session.Import{}, nil)
	w, cookie := m.visit("/large", oldCookie)
	wantStatus(t, w, http.StatusRequestEntityTooLarge)
	m.store.Advance(2 * time.Minute)
	m.sees(adaIsHere, cookie)

	m = newMove(t, session.Import{}, nil)
	m.store.failBefore(errDown, "touch")
	_, cookie = m.visit("/", oldCookie)
	m.store.Advance(2 * time.Minute)
	m.sees(adaIsHere, cookie)

	m = newMove(t, session.Import{}, nil)
	m.store.failBefore(errDown, "touch")
	planted := strings.Repeat("A", 64)
	w, _ = m.visit("/", "__Host-Http-session="+planted, "__Host-Http-session=B"+planted[1:], oldCookie)
	for _, line := range w.Header().Values("Set-Cookie") {
		if strings.Contains(line, planted) {
			t.Errorf("sent: %s", line)
		}
		cookie, _, _ = strings.Cut(line, ";")
	}
	m.sees(adaIsHere, cookie)
}

// What is forged costs no statement, what is unknown one here and one there; neither leaves a row.
func TestImportNothing(t *testing.T) {
	m := newMove(t, session.Import{}, nil)
	for _, cookie := range []string{"old=ada", "old=", "old=!", "old=ada!x", "other=ada!"} {
		m.sees(nobody, cookie)
	}
	if m.old.asked != 0 || len(m.store.taken()) != 0 {
		t.Errorf("%d questions there for forged cookies", m.old.asked)
	}
	if cookie := m.sees(nobody, "old=bert!"); cookie != "" {
		t.Errorf("a cookie for an unknown one: %s", cookie)
	}
	if got := m.store.taken(); m.old.asked != 1 || len(got) != 1 {
		t.Errorf("%d questions there and %v here for an unknown cookie", m.old.asked, got)
	}
	m.wantRows(1, 0)
	m.old.fail = errDown
	w, _ := m.visit("/", oldCookie)
	wantStatus(t, w, http.StatusServiceUnavailable)
	m.old.fail = fmt.Errorf("%w: a type that is not registered", session.ErrCorrupt)
	m.sees(nobody, oldCookie)
	m.wantRows(1, 0)
}

// A token of this library goes before: the other system is not asked then.
func TestImportOwnTokenFirst(t *testing.T) {
	m := newMove(t, session.Import{}, nil)
	cookie := m.sees(adaIsHere, oldCookie)
	asked := m.old.asked
	m.old.put("bert", session.Imported{Entries: map[string]any{"name": "Bert"}})
	m.sees(adaIsHere, cookie, "old=bert!")
	if m.old.asked != asked {
		t.Error("the other system was asked")
	}
	m.sees("Bert  <nil>", strings.Replace(cookie, "=", "=x", 1), "old=bert!")
}

// Neither timeout becomes longer than the other system's, or than the manager's.
func TestImportLifetime(t *testing.T) {
	const hour = time.Hour
	for name, c := range map[string]struct {
		in             session.Imported
		idle, absolute time.Duration
		alive          bool
	}{
		"nothing known":          {session.Imported{}, hour, 24 * hour, true},
		"shorter idle":           {session.Imported{Idle: 20 * time.Minute}, hour / 3, 24 * hour, true},
		"longer idle":            {session.Imported{Idle: 20 * hour}, hour, 24 * hour, true},
		"an odd idle":            {session.Imported{Idle: 20*time.Minute + 1}, hour / 3, 24 * hour, true},
		"created":                {session.Imported{Created: time.Now().Add(-5 * hour)}, hour, 19 * hour, true},
		"created in the future":  {session.Imported{Created: time.Now().Add(5 * hour)}, hour, 24 * hour, true},
		"created too long ago":   {session.Imported{Created: time.Now().Add(-25 * hour)}, 0, 0, false},
		"deadline":               {session.Imported{Deadline: time.Now().Add(2 * hour)}, hour, 2 * hour, true},
		"a far deadline":         {session.Imported{Deadline: time.Now().Add(200 * hour)}, hour, 24 * hour, true},
		"both, the nearer holds": {session.Imported{Created: time.Now().Add(-23 * hour), Deadline: time.Now().Add(2 * hour)}, hour, hour, true},
		"a deadline that passed": {session.Imported{Deadline: time.Now().Add(-1)}, 0, 0, false},
	} {
		m := newMove(t, session.Import{}, nil)
		m.old.put("ada", c.in)
		_, cookie := m.visit("/", oldCookie)
		if cookie == "" {
			if c.alive {
				t.Errorf("%s: not imported", name)
			}
			m.wantRows(1, 0)
			continue
		}
		s := m.open(cookie)
		idle, absolute := s.Timeout(), s.AbsoluteTimeout()
		if idle != c.idle || absolute > c.absolute || absolute < c.absolute-time.Minute {
			t.Errorf("%s: %v and %v, want %v and %v", name, idle, absolute, c.idle, c.absolute)
		}
	}
}

// A login begins the manager's own lifetime, also by Renew: the user is not logged out when the other system would
// have done it. A rotation alone does not, and what the application sets holds.
func TestImportLifetimeAfterLogin(t *testing.T) {
	const hour, minutes = time.Hour, 10 * time.Minute
	for name, c := range map[string]struct {
		change         func(*session.Session) error
		idle, absolute time.Duration
	}{
		"Generate":              {(*session.Session).Generate, minutes / 2, minutes},
		"ConfirmAuthentication": {(*session.Session).ConfirmAuthentication, minutes / 2, minutes},
		"Renew":                 {(*session.Session).Renew, hour, 24 * hour},
		"Login":                 {func(s *session.Session) error { return s.Login("ada") }, hour, 24 * hour},
		"a timeout before it": {func(s *session.Session) error {
			return errors.Join(s.SetAbsoluteTimeout(2*hour), s.Renew())
		}, hour, 2 * hour},
		"a timeout after it": {func(s *session.Session) error {
			return errors.Join(s.Renew(), s.SetAbsoluteTimeout(2*hour))
		}, hour, 2 * hour},
		"one that was saved, and a second Renew": {func(s *session.Session) error {
			return errors.Join(s.Renew(), s.SetAbsoluteTimeout(2*hour), s.Save(t.Context()), s.Renew())
		}, hour, 2 * hour},
	} {
		m := newMove(t, session.Import{}, nil)
		m.old.put("ada", session.Imported{Idle: minutes / 2, Deadline: time.Now().Add(minutes)})
		_, cookie := m.visit("/", oldCookie)
		s := m.open(cookie)
		if err := errors.Join(c.change(s), s.Save(t.Context())); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s = m.open("=" + s.ID().Reveal())
		if idle, absolute := s.Timeout(), s.AbsoluteTimeout(); idle != c.idle || (c.absolute-absolute).Abs() > time.Minute {
			t.Errorf("%s: %v and %v, want %v and %v", name, idle, absolute, c.idle, c.absolute)
		}
	}
}

// A cookie outlives the browser, or does not, as it did there, whatever the configuration says of others.
func TestImportPersistence(t *testing.T) {
	for _, c := range []struct {
		in         session.Imported
		configured bool // NonPersistent
		lasts      bool
	}{
		{session.Imported{}, false, true}, {session.Imported{}, true, false},
		{session.Imported{Persistent: true}, true, true}, {session.Imported{Persistent: true}, false, true},
		{session.Imported{NonPersistent: true}, false, false}, {session.Imported{Persistent: true, NonPersistent: true}, false, false},
	} {
		m := newMove(t, session.Import{}, func(config *session.Config) { config.Cookie.NonPersistent = c.configured })
		m.old.put("ada", c.in)
		w, _ := m.visit("/", oldCookie)
		if line := w.Header().Get("Set-Cookie"); strings.Contains(line, "Max-Age") != c.lasts {
			t.Errorf("%+v, configured %v: %s", c.in, c.configured, line)
		}
	}
}

// open returns the session of a cookie.
func (m *move) open(cookie string) *session.Session {
	m.t.Helper()
	sessions, err := session.New(m.store, session.Config{})
	if err != nil {
		m.t.Fatal(err)
	}
	_, token, _ := strings.Cut(cookie, "=")
	s, err := sessions.Open(m.t.Context(), token)
	if err != nil {
		m.t.Fatal(err)
	}
	return s
}

type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("no") }

// What cannot be stored is left out and named in the log, without its value, or refuses the session; nobody sees a 500.
func TestImportValues(t *testing.T) {
	bad := map[string]any{
		"chan": make(chan int), "func": func() {}, "struct keys": map[struct{ X int }]string{{1}: "s3cret"}, "nan": math.NaN(),
		"nul": "s3cret\x00", "utf8": "s3cret\xff", "panics": panics{}, "huge": strings.Repeat("s3cret", 200_000), "bad\x00key": 1,
	}
	m := newMove(t, session.Import{}, nil)
	in := session.Imported{Entries: map[string]any{"name": "Ada"}, Owner: "ada", Skipped: []error{errors.New("the key 7 is an int")}}
	for key, value := range bad {
		in.Entries[key] = value
	}
	m.old.put("ada", in)
	cookie := m.sees(adaIsHere, oldCookie)
	if keys := m.open(cookie).Keys(); len(keys) != 1 {
		t.Errorf("keys are %q", keys)
	}
	for key := range bad {
		if quoted := strings.Trim(fmt.Sprintf("%q", key), `"`); !strings.Contains(strings.ReplaceAll(m.log.String(), `\\`, `\`), quoted) {
			t.Errorf("%q is not named in the log", key)
		}
	}
	if !strings.Contains(m.log.String(), "the key 7 is an int") || strings.Contains(m.log.String(), "s3cret") {
		t.Errorf("the log is %s", m.log.String())
	}

	m = newMove(t, session.Import{Strict: true}, nil)
	m.old.put("ada", in)
	m.sees(nobody, oldCookie)
	m.wantRows(1, 0)
	if !strings.Contains(m.log.String(), "not imported") {
		t.Errorf("the log is %s", m.log.String())
	}
}

func TestImportTooLarge(t *testing.T) {
	m := newMove(t, session.Import{}, func(c *session.Config) { c.MaxBytes = 100 })
	m.old.put("ada", session.Imported{Entries: map[string]any{"a": strings.Repeat("x", 60), "b": strings.Repeat("x", 60)}})
	m.sees(nobody, oldCookie)
	m.wantRows(1, 0)
}

func TestImportPrepare(t *testing.T) {
	prepare := func(_ context.Context, in *session.Imported) error {
		n, err := session.Get[int](in, "n")
		if err != nil || n != 1 {
			return fmt.Errorf("%w: n is %d: %w", session.ErrImportRefused, n, err)
		}
		delete(in.Entries, "n")
		in.Owner = "user:" + in.Owner
		return nil
	}
	m := newMove(t, session.Import{Prepare: prepare}, func(c *session.Config) { c.Owner.Max = 1 })
	cookie := m.sees("Ada user:ada <nil>", oldCookie)
	if keys := m.open(cookie).Keys(); len(keys) != 1 {
		t.Errorf("keys are %q", keys)
	}
	m.old.put("ada", session.Imported{Entries: map[string]any{"n": 2}})
	m.store.Advance(2 * time.Minute)
	m.sees(nobody, oldCookie)
	m.old.put("ada", session.Imported{Entries: map[string]any{"n": 1}, Owner: "x\x00"})
	m.sees(nobody, oldCookie)
	// A limit of sessions per owner is for logins.
	m.old.put("second", session.Imported{Entries: map[string]any{"n": 1, "name": "Ada"}, Owner: "ada"})
	m.sees("Ada user:ada <nil>", "old=second!")
	m.wantRows(1, 2)
}

// What Prepare cannot find out is no refusal: the request fails, and the next one takes the session over. A refusal is
// an ordinary new visit, which the log explains.
func TestImportPrepareFails(t *testing.T) {
	var fails error
	m := newMove(t, session.Import{Prepare: func(context.Context, *session.Imported) error { return fails }}, nil)
	for _, c := range []struct {
		err    error
		status int
	}{
		{errDown, http.StatusServiceUnavailable},
		{fmt.Errorf("%w: the password has changed", session.ErrImportRefused), http.StatusOK},
		{session.ErrCorrupt, http.StatusOK},
		{session.ErrGone, http.StatusOK},
	} {
		fails = c.err
		w, cookie := m.visit("/", oldCookie)
		if wantStatus(t, w, c.status); cookie != "" || strings.Contains(w.Body.String(), "Ada") {
			t.Errorf("%v: the cookie %q, and %s", c.err, cookie, w.Body)
		}
		m.wantRows(1, 0)
	}
	if !strings.Contains(m.log.String(), "the password has changed") {
		t.Errorf("the log is %s", m.log.String())
	}
	fails = nil
	m.sees(adaIsHere, oldCookie)
}

// A copy leaves the session there. Logging out here ends both, if the request carries both cookies; ended by other means,
// it is copied anew.
func TestImportCopies(t *testing.T) {
	m := newMove(t, session.Import{Copy: true}, nil)
	cookie := m.sees(adaIsHere, oldCookie)
	m.wantRows(1, 1)
	m.store.Advance(10 * time.Minute)
	if again := m.sees(adaIsHere, oldCookie); again != cookie {
		t.Errorf("another cookie: %s, want %s", again, cookie)
	}
	m.old.stuck = errDown
	w, _ := m.visit("/logout", cookie, oldCookie)
	wantStatus(t, w, http.StatusServiceUnavailable)
	m.wantRows(1, 1)
	m.old.stuck = nil
	m.visit("/logout", cookie, oldCookie)
	m.sees(nobody, oldCookie)
	m.wantRows(0, 0)

	m = newMove(t, session.Import{Copy: true}, nil)
	m.visit("/logout", oldCookie) // the first visit
	m.sees(nobody, oldCookie)
	m.wantRows(0, 0)

	m = newMove(t, session.Import{Copy: true}, nil)
	cookie = m.sees(adaIsHere, oldCookie)
	m.visit("/logout", cookie)
	m.wantRows(1, 0)
	cookie = m.sees(adaIsHere, oldCookie)
	m.wantRows(1, 1)
	_ = m.old.End(t.Context(), "ada") // a logout there
	m.sees(nobody, oldCookie)
	m.sees(adaIsHere, cookie)
}

// A logout ends the session of the other cookie too if the request has a session that did not come from it, or none:
// otherwise the next visit would open that. So it does with one that was taken over a moment ago.
func TestImportAfterLogoutOfAnother(t *testing.T) {
	for _, copies := range []bool{false, true} {
		m := newMove(t, session.Import{Copy: copies}, nil)
		m.old.put("bert", session.Imported{Entries: map[string]any{"name": "Bert"}})
		bert := m.sees("Bert  <nil>", "old=bert!")
		m.old.stuck = errDown
		w, _ := m.visit("/logout", bert, oldCookie)
		wantStatus(t, w, http.StatusServiceUnavailable)
		m.sees("Bert  <nil>", bert, oldCookie)
		m.old.stuck = nil
		m.visit("/logout", bert, oldCookie)
		m.sees(nobody, oldCookie)
		m.sees(nobody, bert, oldCookie)

		m = newMove(t, session.Import{Copy: copies}, nil)
		m.old.put("bert", session.Imported{Entries: map[string]any{"name": "Bert"}})
		bert = m.sees("Bert  <nil>", "old=bert!")
		ada := m.sees(adaIsHere, oldCookie)
		m.visit("/logout", bert, oldCookie)
		m.sees(nobody, oldCookie)
		m.sees(nobody, ada)

		refuse := func(context.Context, *session.Imported) error { return session.ErrImportRefused }
		m = newMove(t, session.Import{Copy: copies, Prepare: refuse}, nil)
		m.visit("/logout", oldCookie)
		m.wantRows(0, 0)
	}
}

// A copy that has expired here is made anew as long as the other system has its session, and so is a claim whose
// request came no further: also while the row still lies there.
func TestImportCopiesAnew(t *testing.T) {
	m := newMove(t, session.Import{Copy: true}, nil)
	cookie := m.sees(adaIsHere, oldCookie)
	m.store.Advance(2 * time.Hour)
	m.sees(nobody, cookie)
	for range 2 {
		if again := m.sees(adaIsHere, cookie, oldCookie); again != "" && again != cookie {
			t.Errorf("another cookie: %s, want %s", again, cookie)
		}
	}
	m.wantRows(1, 1)

	m = newMove(t, session.Import{}, nil)
	m.store.failBefore(errDown, "save")
	m.visit("/", oldCookie)
	m.store.failBefore(nil)
	m.wantRows(1, 1)
	m.store.Advance(2 * time.Hour)
	m.sees(adaIsHere, oldCookie)
	m.wantRows(0, 1)
}

// A copy that has expired for a stricter manager alone stays: others have it.
func TestImportLeavesWhatLives(t *testing.T) {
	m := newMove(t, session.Import{Copy: true}, nil)
	cookie := m.sees(adaIsHere, oldCookie)
	lax, s := m.site, m.open(cookie)
	if err := errors.Join(s.Set("here", 1), s.Save(t.Context())); err != nil {
		t.Fatal(err)
	}
	strict, err := m.sessions.Derive(func(c *session.Config) { c.IdleTimeout, c.AbsoluteTimeout = time.Minute, time.Minute })
	if err != nil {
		t.Fatal(err)
	}
	m.store.Advance(10 * time.Minute)
	m.site = strict.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	m.visit("/", oldCookie)
	m.site = lax
	m.sees(adaIsHere, cookie)
	if !m.open(cookie).Has("here") {
		t.Error("it was made anew")
	}
}

// The realms of two managers have different tokens for one session of the other system.
func TestImportRealms(t *testing.T) {
	m := newMove(t, session.Import{Copy: true}, nil)
	other := newMove(t, session.Import{Copy: true}, func(c *session.Config) { c.Realm = "another" })
	one, two := m.sees(adaIsHere, oldCookie), other.sees(adaIsHere, oldCookie)
	if one[:40] == two[:40] {
		t.Errorf("the row keys are one: %s, %s", one, two)
	}
}

// Entries that the configuration seals are sealed when they are taken over, too.
func TestImportSeals(t *testing.T) {
	m := newMove(t, session.Import{}, func(c *session.Config) {
		c.Sealing = session.Sealing{All: true, Keys: []session.SealingKey{sealingKey("new")}}
	})
	cookie := m.sees("Ada ada <nil>", oldCookie)
	raw, ok := m.open(cookie).Raw("name")
	if !ok || strings.Contains(string(raw), "Ada") {
		t.Errorf("the store holds %s", raw)
	}
}

// Two first visits meet at a copy that has expired: what one has made anew, and uses, the other leaves.
func TestImportBesideACopyMadeAnew(t *testing.T) {
	m := newMove(t, session.Import{Copy: true}, nil)
	cookie := m.sees(adaIsHere, oldCookie)
	m.store.Advance(2 * time.Hour)
	asked := 0 // since it has found the row: first whether that has expired
	m.store.hook(func(_ context.Context, op string) error {
		if op == "create" || asked > 0 {
			asked++
		}
		if asked < 3 {
			return nil
		}
		m.store.hook(nil)
		m.sees(adaIsHere, oldCookie)
		s := m.open(cookie)
		return errors.Join(s.Set("here", 1), s.Save(t.Context()))
	})
	m.sees(adaIsHere, oldCookie)
	if !m.open(cookie).Has("here") {
		t.Error("what was acknowledged is gone")
	}
}
