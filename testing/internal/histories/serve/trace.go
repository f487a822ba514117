package serve

import (
	"context"
	"net/http"
	"sync"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/testing/internal/histories/history"
	"github.com/simples-go/sessions/testing/internal/histories/wire"
)

// trace is what a handler has done so far, kept outside of the session's middleware, which may discard the handler's
// response.
type trace struct {
	answer wire.Answer
	lost   error // of a socket's last save
}

type traceKey struct{}

func traceOf(ctx context.Context) *trace {
	t, _ := ctx.Value(traceKey{}).(*trace)
	if t == nil {
		t = &trace{}
	}
	return t
}

// noteSaveError is WebSocket.OnSaveError.
func noteSaveError(ctx context.Context, _ session.Handle, err error) { traceOf(ctx).lost = err }

// sockets remembers how sockets ended, for who asks.
type sockets struct {
	mu   sync.Mutex
	open map[string]chan wire.Result
}

func (s *sockets) of(id string) chan wire.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[string]chan wire.Result{}
	}
	if s.open[id] == nil {
		s.open[id] = make(chan wire.Result, 1)
	}
	return s.open[id]
}

// traced gives each request a trace, and says of a socket what its end brought.
func (s *sockets) traced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := &trace{}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), traceKey{}, t)))
		if id := r.URL.Query().Get("socket"); id != "" {
			end := wire.Result{Call: t.answer.End, Return: history.Now(), Error: classify(t.lost)}
			if t.lost != nil {
				end.Text = t.lost.Error()
			}
			s.of(id) <- end
		}
	})
}

// closed answers once the socket's handler has returned and its session is saved, or could not be.
func (s *sockets) closed(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	select {
	case end := <-s.of(id):
		s.mu.Lock()
		delete(s.open, id)
		s.mu.Unlock()
		reply(w, http.StatusOK, end)
	case <-r.Context().Done():
	}
}
