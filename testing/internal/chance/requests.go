package chance

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

// cookie is the cookie's name under the zero Config.
const cookie = "__Host-Http-session"

// refOf is what a token names.
func refOf(token string) (ref store.Ref, err error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != len(ref.Key)+sha256.Size {
		return ref, fmt.Errorf("a token of %d bytes: %w", len(b), err)
	}
	copy(ref.Key[:], b)
	ref.Hash = sha256.Sum256(append([]byte(realm+"\x00"), b[len(ref.Key):]...))
	return ref, nil
}

// visit is one of some parallel requests with the same cookie, and what became of it.
type visit struct {
	wait    time.Duration // before it is sent
	patient time.Duration // how long its client waits for the answer; 0: until it comes
	does    []step        // its handler

	n        int
	basket   bool         // the handler has found the basket
	returned int64        // when the handler had, in the order of what happens
	left     atomic.Int64 // when the client had gone; 0 if it has not
	lost     bool         // nobody hears the answer
	status   int
	token    string // that the answer brings; "" for none
	answered int64
}

// step is something that a handler does.
type step struct {
	name string
	do   func(h *handler) error
}

// handler is a visit's, while it works.
type handler struct {
	*visit
	w   http.ResponseWriter
	r   *http.Request
	s   *session.Session
	end func()
}

// errAnswered has a handler return after an error of its session, which it has answered.
var errAnswered = errors.New("answered")

// scene is a browser with a session that has a basket, and the requests that it sends.
type scene struct {
	*Round
	m        *session.Manager
	store    *faulty
	token    string
	visits   []*visit
	shutdown func()
}

func newScene(r *Round, faults int) (*scene, error) {
	s := &scene{Round: r, store: newFaulty(r, faults)}
	var err error
	if s.m, s.shutdown, err = manager(s.store, session.Config{}); err != nil {
		return nil, err
	}
	calm, shutdown, err := manager(r.Calm, session.Config{})
	if err != nil {
		return nil, err
	}
	defer shutdown()
	first := calm.NewSession()
	err = persist(func() error { return errors.Join(first.Set("basket", 1), first.Save(context.Background())) })
	s.token = first.ID().Reveal()
	return s, err
}

// play sends all requests, and returns when they are answered.
func (s *scene) play() {
	_ = all(len(s.visits), func(n int) error {
		v := s.visits[n]
		v.n = n
		time.Sleep(v.wait)
		s.send(v)
		return nil
	})
}

func (s *scene) send(v *visit) {
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), requestKey{}, v.n))
	defer cancel()
	if v.patient > 0 {
		leaving := time.AfterFunc(v.patient, func() {
			cancel()
			v.left.Store(s.store.seq.Add(1))
		})
		defer leaving.Stop()
	}
	request := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil).WithContext(ctx)
	request.AddCookie(&http.Cookie{Name: cookie, Value: s.token})
	w := httptest.NewRecorder()
	handler := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.handle(v, w, r) }))
	recovering(handler).ServeHTTP(w, request)
	v.status, v.lost = w.Code, ctx.Err() != nil
	for _, c := range w.Result().Cookies() {
		if c.MaxAge >= 0 && c.Name == cookie {
			v.token = c.Value
		}
	}
	v.answered = s.store.seq.Add(1)
}

func (s *scene) handle(v *visit, w http.ResponseWriter, r *http.Request) {
	h := &handler{visit: v, w: w, r: r, s: session.FromContext(r.Context())}
	h.end = func() {
		if v.returned == 0 {
			v.returned = s.store.seq.Add(1)
		}
	}
	defer h.end()
	v.basket = h.s.Has("basket")
	for _, step := range v.does {
		if step.do(h) != nil {
			return
		}
	}
}

// recovering answers a panic from outside of the middleware.
func recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				http.Error(w, "recovered", http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}
