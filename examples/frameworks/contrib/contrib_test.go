package contrib

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	echosession "github.com/labstack/echo-contrib/session"
	"github.com/labstack/echo/v4"

	"github.com/simples-go/sessions/adopt/gorilla"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

func newStore(t *testing.T) *gorilla.Store {
	t.Helper()
	store, err := gorilla.New(memstore.New(), session.Config{Cookie: session.Cookie{InsecureHTTP: true}})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// onGin is an application with gin-contrib's middleware and its calls.
func onGin(t *testing.T) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(sessions.Sessions("shop", Gin{newStore(t)}))
	r.POST("/login", func(c *gin.Context) {
		s := sessions.Default(c)
		s.Set("user", "ada")
		s.AddFlash("Welcome")
		if err := s.Save(); err != nil {
			t.Error(err)
		}
		c.Status(http.StatusNoContent)
	})
	r.GET("/", func(c *gin.Context) {
		s := sessions.Default(c)
		user, flashes := s.Get("user"), s.Flashes()
		if err := s.Save(); err != nil {
			t.Error(err)
		}
		c.String(http.StatusOK, fmt.Sprint(user, flashes))
	})
	r.POST("/logout", func(c *gin.Context) {
		s := sessions.Default(c)
		s.Options(sessions.Options{MaxAge: -1})
		s.Clear()
		if err := s.Save(); err != nil {
			t.Error(err)
		}
		c.Status(http.StatusNoContent)
	})
	return r
}

// onEcho is the same with echo-contrib's.
func onEcho(t *testing.T) http.Handler {
	e := echo.New()
	e.Use(echosession.Middleware(newStore(t)))
	e.POST("/login", func(c echo.Context) error {
		s, err := echosession.Get("shop", c)
		if err != nil {
			return err
		}
		s.Values["user"] = "ada"
		s.AddFlash("Welcome")
		if err := s.Save(c.Request(), c.Response()); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})
	e.GET("/", func(c echo.Context) error {
		s, err := echosession.Get("shop", c)
		if err != nil {
			return err
		}
		user, flashes := s.Values["user"], s.Flashes()
		if err := s.Save(c.Request(), c.Response()); err != nil {
			return err
		}
		return c.String(http.StatusOK, fmt.Sprint(user, flashes))
	})
	e.POST("/logout", func(c echo.Context) error {
		s, err := echosession.Get("shop", c)
		if err != nil {
			return err
		}
		s.Options.MaxAge = -1
		if err := s.Save(c.Request(), c.Response()); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})
	return e
}

// An application that changes the line of its store keeps its handlers.
func TestContrib(t *testing.T) {
	for name, app := range map[string]http.Handler{"gin-contrib": onGin(t), "echo-contrib": onEcho(t)} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(app)
			defer server.Close()
			jar, _ := cookiejar.New(nil)
			client := &http.Client{Jar: jar}
			do := func(method, path string) string {
				t.Helper()
				r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				response, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				body, err := io.ReadAll(response.Body)
				if err != nil || response.StatusCode >= 300 {
					t.Errorf("%s %s: status %d, %s, %v", method, path, response.StatusCode, body, err)
				}
				return string(body)
			}
			before := do("GET", "/")
			do("POST", "/login")
			if got := do("GET", "/"); got != "ada[Welcome]" {
				t.Errorf("after the login %s", got)
			}
			if got := do("GET", "/"); got != "ada[]" {
				t.Errorf("the message is shown again: %s", got)
			}
			do("POST", "/logout")
			if got := do("GET", "/"); got != before {
				t.Errorf("after the logout %s, before it all %s", got, before)
			}
		})
	}
}

// What is set for a store holds for its sessions.
func TestGinOptions(t *testing.T) {
	store := Gin{newStore(t)}
	store.Options(sessions.Options{MaxAge: 600})
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(sessions.Sessions("shop", store))
	r.POST("/login", func(c *gin.Context) {
		s := sessions.Default(c)
		s.Set("user", "ada")
		if err := s.Save(); err != nil {
			t.Error(err)
		}
	})
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/login", http.NoBody))
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || cookies[0].MaxAge < 590 || cookies[0].MaxAge > 600 {
		t.Errorf("the cookie lives for something else than ten minutes: %v", cookies)
	}
}
