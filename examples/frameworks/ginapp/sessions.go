package ginapp

import (
	"bufio"
	"errors"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/simples-go/sessions/session"
)

// Sessions is the middleware for gin. Handlers write to the writer that the manager passes on, so that the session is
// committed before the first byte; what gin's own writer knows beyond an http.ResponseWriter, it goes on knowing.
func Sessions(m *session.Manager) gin.HandlerFunc {
	return func(c *gin.Context) {
		outer := c.Writer
		m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inner := &writer{ResponseWriter: outer, to: w}
			c.Request, c.Writer = r, inner
			c.Next()
			if last := c.Errors.Last(); last != nil && errors.Is(last, http.ErrAbortHandler) {
				inner.WriteHeader(http.StatusInternalServerError) // gin's Recovery has taken it, and leaves a 200
			}
			inner.begin() // a status without a body
		})).ServeHTTP(outer, c.Request)
		c.Writer = outer
	}
}

// writer is gin's, except that what leaves goes by way of the manager's.
type writer struct {
	gin.ResponseWriter
	to     http.ResponseWriter
	status int // set, and not written yet
	begun  bool
}

// WriteHeader notes the status, as gin's writer does.
func (w *writer) WriteHeader(status int) {
	if !w.begun && status > 0 {
		w.status = status
	}
}

// begin commits the session. The header is gin's to send, with the first byte: middleware outside, such as that which
// compresses, may change it until then.
func (w *writer) begin() {
	if !w.begun {
		w.begun = true
		w.to.WriteHeader(w.Status())
	}
}

// WriteHeaderNow sends the status.
func (w *writer) WriteHeaderNow() {
	w.begin()
	w.ResponseWriter.WriteHeaderNow()
}

// Status returns the status that is or will be sent.
func (w *writer) Status() int {
	if w.status != 0 {
		return w.status
	}
	return w.ResponseWriter.Status()
}

// Written reports whether the response has begun.
func (w *writer) Written() bool { return w.begun || w.ResponseWriter.Written() }

// Write sends the status, if that has not left, and p.
func (w *writer) Write(p []byte) (int, error) {
	w.begin()
	return w.to.Write(p)
}

// WriteString is Write.
func (w *writer) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// Flush sends what is buffered.
func (w *writer) Flush() {
	w.begin()
	_ = http.NewResponseController(w.to).Flush()
}

// Hijack gives the connection away.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.begun = true
	return http.NewResponseController(w.to).Hijack()
}
