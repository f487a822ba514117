package websocket

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	coder "github.com/coder/websocket"
	"github.com/gobwas/ws"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	xnet "golang.org/x/net/websocket"
)

// raw sends a handshake as it is, and returns the response.
func raw(t *testing.T, server *httptest.Server, fields ...string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fields = append([]string{"GET / HTTP/1.1", "Host: app.example.com", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}, fields...)
	if _, err := fmt.Fprint(conn, strings.Join(fields, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	m, err := session.New(memstore.New(), session.Config{Cookie: session.Cookie{InsecureHTTP: true}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(m.Handler(handler))
	t.Cleanup(func() {
		server.Close()
		_ = m.Shutdown(context.WithoutCancel(t.Context()))
	})
	return server
}

// What a library takes for a handshake, the middleware takes for one: none opens a socket for a foreign page.
func TestForeignHandshakesThatLibrariesAccept(t *testing.T) {
	libraries := map[string]http.HandlerFunc{
		"coder": func(w http.ResponseWriter, r *http.Request) {
			if conn, err := coder.Accept(w, r, &coder.AcceptOptions{InsecureSkipVerify: true}); err == nil {
				conn.CloseNow()
			}
		},
		"x/net": func(w http.ResponseWriter, r *http.Request) {
			xnet.Server{Handler: func(*xnet.Conn) {}}.ServeHTTP(w, r)
		},
		"gobwas": func(w http.ResponseWriter, r *http.Request) {
			if conn, _, _, err := ws.UpgradeHTTP(r, w); err == nil {
				conn.Close()
			}
		},
	}
	handshakes := [][]string{
		{"Upgrade: websocket", "Connection: Upgrade"},
		{"Upgrade: \u2000websocket", "Connection: Upgrade"},
		{"Upgrade: \u00a0websocket", "Connection: Upgrade"},
		{"Upgrade: \u3000websocket", "Connection: \u0085Upgrade"},
		{"Upgrade: websocket", "Connection: xupgradex"},
	}
	for name, library := range libraries {
		server := serve(t, library)
		for _, handshake := range handshakes {
			response := raw(t, server, append(handshake, "Origin: https://evil.example")...)
			if response.StatusCode != http.StatusForbidden {
				t.Errorf("%s, %q: status %d", name, handshake, response.StatusCode)
			}
		}
	}
}

// A library that writes the 101 by itself brings the new token all the same.
func TestARotationWithEachLibrary(t *testing.T) {
	for name, upgrade := range map[string]func(http.ResponseWriter, *http.Request) error{
		"gobwas": func(w http.ResponseWriter, r *http.Request) error {
			conn, _, _, err := ws.UpgradeHTTP(r, w)
			if err == nil {
				defer conn.Close()
			}
			return err
		},
		"coder": func(w http.ResponseWriter, r *http.Request) error {
			conn, err := coder.Accept(w, r, &coder.AcceptOptions{InsecureSkipVerify: true})
			if err == nil {
				defer conn.CloseNow()
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if err := session.FromContext(r.Context()).Login("ada"); err != nil {
					t.Error(err)
				}
				if err := upgrade(w, r); err != nil {
					t.Error(err)
				}
			})
			response := raw(t, server, "Upgrade: websocket", "Connection: Upgrade", "Origin: http://app.example.com")
			if lines := response.Header["Set-Cookie"]; response.StatusCode != http.StatusSwitchingProtocols || len(lines) != 1 {
				t.Errorf("status %d, %d cookies", response.StatusCode, len(lines))
			}
		})
	}
}
