package peers

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/alexedwards/scs/v2"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"
)

// What is counted works.
func TestSCS(t *testing.T) {
	for name, serve := range map[string]func(*scs.SessionManager, http.HandlerFunc) http.Handler{
		"chi": func(m *scs.SessionManager, h http.HandlerFunc) http.Handler {
			r := chi.NewRouter()
			UseChi(r, m)
			r.Get("/{do}", h)
			return r
		},
		"echo": func(m *scs.SessionManager, h http.HandlerFunc) http.Handler {
			e := echo.New()
			UseEcho(e, m)
			e.GET("/:do", echo.WrapHandler(h))
			return e
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := scs.New()
			server := httptest.NewServer(serve(m, func(w http.ResponseWriter, r *http.Request) {
				if err := do(r.Context(), m, w, r.URL.Path); err != nil {
					t.Error(err)
				}
			}))
			defer server.Close()
			jar, _ := cookiejar.New(nil)
			client := &http.Client{Jar: jar}
			for _, step := range []struct{ path, want string }{
				{"/login", "ada"}, {"/account", "ada Welcome, ada 1"}, {"/account", "ada  1"}, {"/end", "true"}, {"/account", "  0"},
			} {
				response, err := client.Get(server.URL + step.path)
				if err != nil {
					t.Fatal(err)
				}
				var body bytes.Buffer
				_, _ = body.ReadFrom(response.Body)
				_ = response.Body.Close()
				if body.String() != step.want {
					t.Errorf("%s: %q, want %q", step.path, body.String(), step.want)
				}
			}
		})
	}
}

func do(ctx context.Context, m *scs.SessionManager, w http.ResponseWriter, path string) error {
	switch path {
	case "/login":
		out, err := Login(ctx, m, "ada")
		fmt.Fprint(w, out["user"])
		return err
	case "/end":
		ended, err := End(ctx, m, m.Token(ctx))
		fmt.Fprint(w, ended)
		return err
	}
	out, err := Account(ctx, m)
	if err == nil {
		fmt.Fprint(w, out["user"], " ", out["flash"], " ", len(out["sessions"].([]string)))
	}
	return err
}

// The page's table says how many lines each takes.
func TestLines(t *testing.T) {
	page, err := os.ReadFile("../../../docs/guide/frameworks.md")
	if err != nil {
		t.Fatal(err)
	}
	uses := []string{"Login", "Logout", "Account", "End"}
	ours, theirs := lines(t, "../suite/app.go", uses...), lines(t, "scs.go", uses...)
	for _, row := range []string{
		fmt.Sprintf("| chi: the middleware | %d | %d |", 1, lines(t, "scs.go", "UseChi")),
		fmt.Sprintf("| Echo: the middleware | %d | %d |", 1+lines(t, "../echoapp/app.go", "Sessions"), lines(t, "scs.go", "UseEcho")),
		fmt.Sprintf("| Echo: the middleware, by Echo's own adapter | %d | %d |", 1, lines(t, "scs.go", "UseEcho")),
		fmt.Sprintf("| gin: the middleware | %d | no documented way |", 1+lines(t, "../ginapp/sessions.go")),
		fmt.Sprintf("| login, logout, flash, sessions listed and ended | %d | %d |", ours, theirs),
	} {
		if !strings.Contains(string(page), row+"\n") {
			t.Errorf("the page lacks %s", row)
		}
	}
}

// lines counts those of some functions of a file, or of all its declarations but imports, without comments and empty
// lines.
func lines(t *testing.T, name string, functions ...string) (n int) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{}
	for _, name := range functions {
		wanted[name] = true
	}
	for _, decl := range file.Decls {
		if gen, ok := decl.(*ast.GenDecl); ok && gen.Tok == token.IMPORT {
			continue
		}
		f, ok := decl.(*ast.FuncDecl)
		if len(functions) > 0 && (!ok || !wanted[f.Name.Name]) {
			continue
		}
		var text bytes.Buffer
		if err := format.Node(&text, files, decl); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text.String()) {
			if strings.TrimSpace(line) != "" {
				n++
			}
		}
	}
	return n
}
