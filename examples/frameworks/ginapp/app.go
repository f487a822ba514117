// Package ginapp shows sessions with gin.
package ginapp

import (
	"io"
	"net/http"
	"time"

	"github.com/gin-contrib/gzip"
	"github.com/gin-contrib/timeout"
	"github.com/gin-gonic/gin"
	"github.com/simples-go/sessions/examples/frameworks/suite"
	"github.com/simples-go/sessions/session"
)

// New returns the program.
func New(sessions *session.Manager) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.LoggerWithWriter(io.Discard), gin.RecoveryWithWriter(io.Discard))
	r.Use(gzip.Gzip(gzip.DefaultCompression), limit, sameOrigin)
	r.Use(Sessions(sessions), gin.RecoveryWithWriter(io.Discard))
	r.GET("/events", events)
	r.GET("/socket", func(c *gin.Context) { suite.Socket(c.Writer, c.Request) })
	routes(r.Group("/", timeout.New(timeout.WithTimeout(10*time.Second))), sessions) // for all but streams and sockets
	return r
}

func routes(r gin.IRoutes, sessions *session.Manager) {
	r.POST("/login", func(c *gin.Context) {
		var body struct{ User string }
		if err := c.ShouldBindJSON(&body); err != nil {
			c.AbortWithStatus(http.StatusBadRequest)
			return
		}
		answer(c)(suite.Login(c.Request.Context(), body.User))
	})
	r.POST("/login-and-redirect", func(c *gin.Context) {
		if _, err := suite.Login(c.Request.Context(), "ada"); err != nil {
			c.AbortWithStatus(session.StatusCode(err))
			return
		}
		c.Redirect(http.StatusSeeOther, "/account")
	})
	r.POST("/logout", func(c *gin.Context) {
		if err := suite.Logout(c.Request.Context()); err != nil {
			c.AbortWithStatus(session.StatusCode(err))
			return
		}
		c.Status(http.StatusNoContent)
	})
	r.GET("/account", func(c *gin.Context) { answer(c)(suite.Account(c.Request.Context(), sessions)) })
	r.DELETE("/sessions/:id", func(c *gin.Context) {
		ended, err := suite.End(c.Request.Context(), sessions, c.Param("id"))
		switch {
		case err != nil:
			c.AbortWithStatus(session.StatusCode(err))
		case !ended:
			c.AbortWithStatus(http.StatusNotFound)
		default:
			c.Status(http.StatusNoContent)
		}
	})
	r.POST("/fill", func(c *gin.Context) {
		suite.Fill(c.Request.Context())
		c.String(http.StatusOK, "filled")
	})
	r.POST("/refuse", func(c *gin.Context) {
		if err := suite.Refuse(c.Request.Context()); err != nil {
			c.AbortWithStatusJSON(http.StatusUnprocessableEntity, gin.H{"error": "no such value"})
		}
	})
	r.POST("/break", func(c *gin.Context) { suite.Break(c.Request.Context()) })
	r.POST("/abort", func(c *gin.Context) { suite.Abort(c.Request.Context()) })
}

// limit bounds the body.
func limit(c *gin.Context) { c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, 1<<20) }

var protection = http.NewCrossOriginProtection()

// sameOrigin refuses what another site's page has sent.
func sameOrigin(c *gin.Context) {
	if protection.Check(c.Request) != nil {
		c.AbortWithStatus(http.StatusForbidden)
	}
}

func answer(c *gin.Context) func(map[string]any, error) {
	return func(body map[string]any, err error) {
		if err != nil {
			c.AbortWithStatus(session.StatusCode(err))
			return
		}
		c.JSON(http.StatusOK, body)
	}
}

func events(c *gin.Context) {
	c.Header("Content-Type", "text/event-stream")
	ctx, err := session.Watch(c.Request.Context())
	if err != nil {
		c.Abort()
		return
	}
	greeted := false
	c.Stream(func(w io.Writer) bool {
		if !greeted {
			greeted = true
			_, _ = io.WriteString(w, "data: hello\n\n")
			return true
		}
		<-ctx.Done()
		_, _ = io.WriteString(w, "data: bye\n\n")
		return false
	})
}
