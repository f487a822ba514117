package serve

import (
	"encoding/json"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/testing/internal/histories/history"
	"github.com/simples-go/sessions/testing/internal/histories/wire"
)

type service struct {
	m       *session.Manager
	faulty  *faulty
	sockets sockets
}

func newService(m *session.Manager, f *faulty) http.Handler {
	s := &service{m: m, faulty: f}
	inside := http.NewServeMux()
	inside.HandleFunc("POST /do", s.script)
	inside.HandleFunc("GET /socket", s.socket)
	mux := http.NewServeMux()
	mux.Handle("/", s.sockets.traced(m.Handler(inside)))
	mux.HandleFunc("GET /closed", s.sockets.closed)
	mux.HandleFunc("POST /revoke", s.revoke)
	mux.HandleFunc("GET /list", s.list)
	mux.HandleFunc("POST /fail", s.fail)
	mux.HandleFunc("GET /state", s.state)
	return mux
}

// begun notes what a handler finds, and then when: a socket's session may end or rotate elsewhere meanwhile.
func begun(s *session.Session, a *wire.Answer) {
	a.Fresh = s.Expiration().IsZero() && s.Err() == nil
	a.View = view(s)
	a.Error = classify(s.Err())
	a.Token = s.ID().Reveal()
	a.Start = history.Now()
}

// script runs the steps of a request until one fails.
func (s *service) script(w http.ResponseWriter, r *http.Request) {
	a := &traceOf(r.Context()).answer
	var req wire.Request
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	own := session.FromContext(r.Context())
	begun(own, a)
	if a.Error != wire.None || (a.Fresh && !req.Begin) {
		reply(w, http.StatusOK, a)
		return
	}
	for _, step := range req.Steps {
		res := run(r.Context(), own, step)
		a.Results = append(a.Results, res)
		if res.Error != wire.None {
			break
		}
	}
	a.End = history.Now()
	reply(w, http.StatusOK, a)
}

// socket runs a step for each message, and tells how the session ended if it did.
func (s *service) socket(w http.ResponseWriter, r *http.Request) {
	a := &traceOf(r.Context()).answer
	own := session.FromContext(r.Context())
	begun(own, a)
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer func() { a.End = history.Now() }()
	ctx := r.Context()
	err = wsjson.Write(ctx, conn, a)
	for err == nil {
		var step wire.Step
		if err = wsjson.Read(ctx, conn, &step); err == nil {
			err = wsjson.Write(ctx, conn, run(ctx, own, step))
		}
	}
	if code, reason := session.CloseCode(ctx); code != 0 {
		_ = conn.Close(websocket.StatusCode(code), reason)
	}
	_ = conn.CloseNow()
}

// revoke ends all sessions of an owner, or the one of a handle, from outside.
func (s *service) revoke(w http.ResponseWriter, r *http.Request) {
	res := wire.Result{Call: history.Now()}
	n, err := s.m.RevokeOwner(r.Context(), r.URL.Query().Get("owner"), session.Handle{})
	res.Return, res.Error, res.View = history.Now(), classify(err), map[string]int64{"n": int64(n)}
	reply(w, http.StatusOK, res)
}

// list counts the sessions of an owner.
func (s *service) list(w http.ResponseWriter, r *http.Request) {
	res := wire.Result{Call: history.Now()}
	all, err := s.m.Sessions(r.Context(), r.URL.Query().Get("owner"))
	res.Return, res.Error, res.View = history.Now(), classify(err), map[string]int64{"n": int64(len(all))}
	reply(w, http.StatusOK, res)
}

// state says what the process has in use.
func (s *service) state(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, wire.State{Goroutines: runtime.NumGoroutine(), Sockets: s.m.OpenSockets()})
}

// fail sets of how many calls in a thousand the store fails, before it does them and after.
func (s *service) fail(w http.ResponseWriter, r *http.Request) {
	before, err := strconv.Atoi(r.URL.Query().Get("before"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	after, _ := strconv.Atoi(r.URL.Query().Get("after"))
	delay, _ := time.ParseDuration(r.URL.Query().Get("delay"))
	s.faulty.fail(before, after, delay)
}
