package session

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"iter"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
)

// The table of docs/concepts/states.md: what each event makes of each state of a connection and its session. What stands
// here is allowed; every other transition is refused with the error that stands in its place.

// situation is where a session is: its connection's phase, its row, and its end.
type situation struct {
	phase    phase
	presence presence
	ended    error
}

func (s situation) String() string {
	return fmt.Sprintf("%s, %s, %v",
		[]string{"open", "sealed", "closed"}[s.phase], []string{"absent", "uncertain", "stored"}[s.presence], s.ended)
}

// ends are the ends that a session may have come to.
var ends = []error{nil, ErrRotated, ErrExpired, ErrDestroyed, ErrRevoked, ErrGone, errDestroyedHere, errWithheld, errUnproven}

// situations are all that there are.
func situations() (all []situation) {
	for _, phase := range []phase{open, sealed, closed} {
		for _, presence := range []presence{absent, uncertain, stored} {
			for _, ended := range ends {
				all = append(all, situation{phase, presence, ended})
			}
		}
	}
	return all
}

// in returns a session in a situation.
func in(t *testing.T, m *Manager, at situation) *Session {
	t.Helper()
	s := &Session{m: m}
	if at.presence != absent {
		s.row.token, s.row.presence = newToken(time.Now()), at.presence
		s.row.record.ExpiresAt, s.row.record.Now, s.row.readAt = time.Now().Add(time.Hour), time.Now(), time.Now()
		s.row.record.CreatedAt = time.Now()
	}
	s.phase, s.ended, s.refused = at.phase, at.ended, at.ended == errWithheld || at.ended == errUnproven
	return s
}

// refusal is what a change is answered with in a situation: nil if it is taken.
func refusal(at situation, needsCookie bool) error {
	switch {
	case at.phase == closed:
		return ErrClosed
	case at.ended != nil:
		return at.ended
	case at.phase == sealed && (needsCookie || at.presence != stored):
		return ErrNoCookie
	}
	return nil
}

func TestChangesInEachState(t *testing.T) {
	changes := map[string]struct {
		do          func(*Session) error
		needsCookie bool
	}{
		"Set":                {func(s *Session) error { return s.Set("k", 1) }, false},
		"SetTimeout":         {func(s *Session) error { return s.SetTimeout(time.Minute) }, false},
		"SetTag":             {func(s *Session) error { return s.SetTag("t") }, false},
		"SetOwner of nobody": {func(s *Session) error { return s.SetOwner("") }, false},
		"SetOwner":           {func(s *Session) error { return s.SetOwner("ann") }, true},
		"SetAbsoluteTimeout": {func(s *Session) error { return s.SetAbsoluteTimeout(time.Hour) }, true},
		"SetPersistent":      {func(s *Session) error { return s.SetPersistent(false) }, true},
	}
	m := stateManager(t)
	for name, change := range changes {
		for _, at := range situations() {
			s := in(t, m, at)
			want := refusal(at, change.needsCookie)
			if err := change.do(s); err != want {
				t.Errorf("%s in (%v): %v, want %v", name, at, err, want)
			}
			if got := s.changed(); got != (want == nil) {
				t.Errorf("%s in (%v): changed %v", name, at, got)
			}
			if got := s.pending.setErr; got != want && at.phase != closed {
				t.Errorf("%s in (%v): the next Save returns %v, want %v", name, at, got, want)
			}
		}
	}
}

func TestRotationInEachState(t *testing.T) {
	m := stateManager(t)
	rotations := map[string]struct {
		do      func(*Session) error
		restart []error // the ends after which it begins a new session
	}{
		"Rotate":                {(*Session).Rotate, []error{errDestroyedHere, errUnproven}},
		"Renew":                 {(*Session).Renew, []error{errDestroyedHere, ErrRotated, errUnproven}},
		"Login":                 {func(s *Session) error { return s.Login("ann") }, []error{errDestroyedHere, ErrRotated, ErrExpired, errWithheld, errUnproven}},
		"ConfirmAuthentication": {(*Session).ConfirmAuthentication, nil},
	}
	for name, rotation := range rotations {
		for _, at := range situations() {
			s := in(t, m, at)
			before := s.row.token
			restarts := slices.Contains(rotation.restart, at.ended)
			want := refusal(situation{at.phase, stored, at.ended}, true)
			if restarts && at.phase == open {
				want = nil
			} else if at.phase == sealed {
				want = ErrNoCookie // said before how the session ended
			}
			if err := rotation.do(s); err != want {
				t.Errorf("%s in (%v): %v, want %v", name, at, err, want)
				continue
			}
			if want != nil {
				continue
			}
			if s.ended != nil || s.newest() == before {
				t.Errorf("%s in (%v): ended %v, the token is the one before: %v", name, at, s.ended, s.newest() == before)
			}
			if s.refused {
				t.Errorf("%s in (%v): what it has begun is not accessed", name, at)
			}
			sameRow := before != nil && s.newest().handle() == before.handle()
			if sameRow != (at.presence != absent && !restarts) {
				t.Errorf("%s in (%v): the same row: %v", name, at, sameRow)
			}
		}
	}
}

func TestEndsInEachState(t *testing.T) {
	m := stateManager(t)
	for _, at := range situations() {
		for _, cause := range []error{ErrRotated, ErrExpired, ErrDestroyed, ErrRevoked, ErrGone, store.ErrReused} {
			s := in(t, m, at)
			first := s.end(fmt.Errorf("save: %w", cause))
			want := at.ended
			if want == nil {
				want = cause
				if cause == store.ErrReused {
					want = ErrGone
				}
			}
			if s.ended != want || first != (at.ended == nil) {
				t.Errorf("%v in (%v): ended %v, first %v", cause, at, s.ended, first)
			}
		}
		s := in(t, m, at)
		if s.end(errors.New("the database is down")) || s.ended != at.ended {
			t.Errorf("a failure ends (%v): %v", at, s.ended)
		}
	}
}

func TestPhasesOnlyMoveForward(t *testing.T) {
	for _, c := range []struct {
		from phase
		do   func(*state)
		to   phase
	}{
		{open, (*state).seal, sealed}, {sealed, (*state).seal, sealed}, {closed, (*state).seal, closed},
		{open, (*state).close, closed}, {sealed, (*state).close, closed}, {closed, (*state).close, closed},
	} {
		s := state{phase: c.from}
		if c.do(&s); s.phase != c.to {
			t.Errorf("from %d to %d, want %d", c.from, s.phase, c.to)
		}
	}
}

// What a write's outcome makes of the row's presence, and of the tokens that it may have.
func TestWritesInEachState(t *testing.T) {
	unknown := errors.New("connection reset")
	for _, c := range []struct {
		name     string
		presence presence
		rotates  bool
		err      error
		want     presence
		possible int
	}{
		{"created", absent, false, nil, stored, 0},
		{"refused", absent, false, ErrTooLarge, absent, 0},
		{"perhaps created", absent, false, unknown, uncertain, 0},
		{"created after all", uncertain, false, nil, stored, 0},
		{"still perhaps", uncertain, false, unknown, uncertain, 0},
		{"perhaps with another token", uncertain, true, unknown, uncertain, 1},
		{"saved", stored, false, nil, stored, 0},
		{"perhaps saved", stored, false, unknown, stored, 0},
		{"rotated", stored, true, nil, stored, 0},
		{"perhaps rotated", stored, true, unknown, stored, 1},
		{"not rotated", stored, true, ErrTooLarge, stored, 0},
	} {
		s := &state{}
		if c.presence != absent {
			s.row.token, s.row.presence = newToken(time.Now()), c.presence
		}
		s.pending.newer.put("k", []byte("1"))
		if c.rotates {
			s.rotate()
		}
		if taken, err := s.snapshot(false); !taken || err != nil {
			t.Fatal(taken, err)
		}
		if c.err == nil {
			s.saved(store.Saved{Version: 1})
		} else {
			s.saveFailed(c.err)
		}
		if s.row.presence != c.want || len(s.row.possible) != c.possible || s.changed() != (c.err != nil) {
			t.Errorf("%s: presence %d, %d possible tokens, changed %v", c.name, s.row.presence, len(s.row.possible), s.changed())
		}
	}
}

// A stricter manager's end is taken back when its handler returns; one that is real is not.
func TestWithheldIsReleased(t *testing.T) {
	for _, ended := range ends {
		s := state{ended: ended}
		s.row.data, _ = jsonobj.Scan([]byte(`{"k":1}`))
		if shown := s.find("k").text != nil; shown != (ended != errWithheld && ended != errUnproven) {
			t.Errorf("%v: shown %v", ended, shown)
		}
		s.release()
		if want := ended; ended == errWithheld {
			want = nil
		} else if s.ended != want {
			t.Errorf("%v: released to %v", ended, s.ended)
		}
	}
}

func stateManager(t *testing.T) *Manager {
	t.Helper()
	m, err := New(noStore{}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// noStore is asked for nothing.
type noStore struct{ store.Store }

// What a session knows is written in state.go alone, but for the parts of pending.newer.
func TestOneFileWritesTheState(t *testing.T) {
	fields := fieldsOf(reflect.TypeFor[state](), reflect.TypeFor[row](), reflect.TypeFor[pending]())
	files, _ := filepath.Glob("*.go")
	writes := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for target := range assigned(file) {
			path := selectors(target)
			if len(path) < 2 || !fields[path[len(path)-1]] || !ofState(path) {
				continue
			}
			writes++
			if name != "state.go" {
				t.Errorf("%s writes %s", name, strings.Join(path, "."))
			}
		}
	}
	if writes < 30 {
		t.Errorf("%d writes were found, which are not all", writes)
	}
}

func fieldsOf(types ...reflect.Type) map[string]bool {
	all := map[string]bool{}
	for _, typ := range types {
		for i := range typ.NumField() {
			all[typ.Field(i).Name] = true
		}
	}
	return all
}

// ofState reports whether a path such as s.pending.inflight names something of a session's state.
func ofState(path []string) bool {
	if slices.Contains(path, "newer") {
		return path[len(path)-1] == "newer" && len(path) > 1
	}
	return path[0] == "s" || slices.Contains(path, "session") || slices.Contains(path, "state")
}

// assigned yields what is assigned to in a file.
func assigned(file *ast.File) iter.Seq[ast.Expr] {
	return func(yield func(ast.Expr) bool) {
		ast.Inspect(file, func(n ast.Node) bool {
			if a, ok := n.(*ast.AssignStmt); ok && a.Tok != gotoken.DEFINE {
				for _, target := range a.Lhs {
					if !yield(target) {
						return false
					}
				}
			}
			return true
		})
	}
}

// selectors are the names of an expression such as s.row.token; nil of any other.
func selectors(e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.Ident:
		return []string{e.Name}
	case *ast.SelectorExpr:
		if of := selectors(e.X); of != nil {
			return append(of, e.Sel.Name)
		}
	}
	return nil
}
