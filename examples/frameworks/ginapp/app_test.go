package ginapp

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/simples-go/sessions/examples/frameworks/suite"
	"github.com/simples-go/sessions/session"
)

func TestGin(t *testing.T) { suite.Run(t, New) }

// The obvious middleware leaves gin's own writer in place, so that the response begins without the cookie: the log says so.
func TestTheObviousMiddlewareIsNoticed(t *testing.T) {
	c := suite.New(t, func(m *session.Manager) http.Handler {
		r := gin.New()
		r.Use(func(c *gin.Context) {
			m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				c.Request = r
				c.Next()
			})).ServeHTTP(c.Writer, c.Request)
		})
		r.POST("/login", func(c *gin.Context) { answer(c)(suite.Login(c.Request.Context(), "ada")) })
		return r
	})
	c.Want("POST", "/login", 200)
	if log := c.Log.String(); !strings.Contains(log, "the response has begun before the session was saved") {
		t.Errorf("nothing is logged: %q", log)
	}
}

// gin asks the writer that it is given for CloseNotify, here the manager's.
func TestAStreamWithinTheMiddleware(t *testing.T) {
	c := suite.New(t, func(m *session.Manager) http.Handler {
		r := gin.New()
		r.GET("/stream", func(c *gin.Context) {
			c.Stream(func(w io.Writer) bool {
				_, _ = io.WriteString(w, "hello")
				return false
			})
		})
		return m.Handler(r)
	})
	if body := c.Want("GET", "/stream", 200); body != "hello" {
		t.Errorf("body %q", body)
	}
}
