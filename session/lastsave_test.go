package session_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
)

// A socket's last save whose outcome is unknown is tried again, and overwrites nothing that others have saved since it may
// have taken effect.
func TestALastSaveOverwritesNothingNewer(t *testing.T) {
	const before, after = false, true // the first attempt fails before it takes effect, or after
	for name, test := range map[string]struct {
		first    bool
		look     []string // what another connection saves before the socket looks at the row again
		again    []string // and before the socket's second attempt
		want     string   // the entry's value in the end
		saves    int      // attempts of the socket
		reported bool
	}{
		"it had no effect":                      {before, nil, nil, "ours", 2, false},
		"it had no effect, and another saved":   {before, []string{"other"}, nil, "ours", 2, false},
		"it took effect":                        {after, nil, nil, "ours", 1, false},
		"it took effect, and was overwritten":   {after, []string{"newer"}, nil, "newer", 1, true},
		"it took effect, and was put back":      {after, []string{"old"}, nil, "old", 1, true},
		"it took effect late":                   {before, nil, []string{"ours"}, "ours", 2, false},
		"it took effect late, and was put back": {before, nil, []string{"ours", "old"}, "old", 2, true},
		"another saved before the next attempt": {before, nil, []string{"other"}, "ours", 3, false},
		"others saved before the next attempt":  {before, nil, []string{"other", "another"}, "another", 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reported := false
				s := newSite(t, func(c *session.Config) {
					c.WebSocket.SaveRetry = time.Minute
					c.WebSocket.OnSaveError = func(context.Context, session.Handle, error) { reported = true }
				})
				of := s.stored()
				s.ok(errors.Join(of.Set("k", "old"), of.Save(t.Context())))
				other, err := newManager(t, s.store.Store, session.Config{}).Open(t.Context(), of.ID().Reveal())
				s.ok(err)
				save := func(values *[]string) {
					for _, v := range *values {
						s.ok(errors.Join(other.Load(t.Context()), other.Set("k", v), other.Save(t.Context())))
					}
					*values = nil
				}
				saves := 0
				fail := func(_ context.Context, op string) error {
					switch {
					case op == "save":
						saves++
						if saves == 2 {
							save(&test.again)
						} else if saves == 1 && test.first == before {
							return errDown
						}
					case op == "load" && saves == 1:
						save(&test.look)
					}
					return nil
				}
				s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(http.StatusSwitchingProtocols)
					s.ok(s.m.FromContext(r.Context()).Set("k", "ours"))
					s.store.hook(fail)
					if test.first == after {
						s.store.failAfter(errDown, "save")
					}
				})).ServeHTTP(httptest.NewRecorder(), socketRequest(hostCookie, of.ID().Reveal()))
				s.store.hook(nil)
				s.ok(of.Load(t.Context()))
				if got, err := session.Get[string](of, "k"); got != test.want || err != nil {
					t.Errorf("the entry is %q, want %q, %v", got, test.want, err)
				}
				if saves != test.saves || reported != test.reported {
					t.Errorf("%d attempts, want %d; reported: %v", saves, test.saves, reported)
				}
			})
		})
	}
}

// A socket's last save that the store refuses for its value is reported at once: another attempt has the same value.
func TestALastSaveThatIsRefusedIsNotRepeated(t *testing.T) {
	for _, refusal := range []error{session.ErrValue, session.ErrTooLarge, session.ErrSealed} {
		synctest.Test(t, func(t *testing.T) {
			saves, reported := 0, error(nil)
			s := newSite(t, func(c *session.Config) {
				c.WebSocket.SaveRetry = time.Minute
				c.WebSocket.OnSaveError = func(_ context.Context, _ session.Handle, err error) { reported = err }
			})
			of := s.stored("a")
			s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusSwitchingProtocols)
				s.ok(s.m.FromContext(r.Context()).Set("k", "ours"))
				s.store.hook(func(_ context.Context, op string) error {
					if op != "save" {
						return nil
					}
					saves++
					return refusal
				})
			})).ServeHTTP(httptest.NewRecorder(), socketRequest(hostCookie, of.ID().Reveal()))
			if wantIs(t, "reported", reported, refusal); saves != 1 {
				t.Errorf("%v: %d attempts", refusal, saves)
			}
		})
	}
}
