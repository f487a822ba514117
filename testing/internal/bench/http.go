package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
)

// httpRunner serves the side's middleware on the loopback, and gives each caller a connection and a session of its own.
func (o *options) httpRunner(ctx context.Context, w workload, s *side, callers int) (*runner, error) {
	server := httptest.NewServer(s.handler(w.sliding))
	r := &runner{name: s.name, server: s.serverTime}
	var conns []net.Conn
	r.close = func() {
		for _, c := range conns {
			_ = c.Close()
		}
		server.Close()
	}
	cookies, path, err := w.cookies(ctx, s, callers)
	if err != nil {
		r.close()
		return nil, err
	}
	for _, cookie := range cookies {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			r.close()
			return nil, err
		}
		conns = append(conns, conn)
		c := client{conn: conn, r: bufio.NewReader(conn), path: path, cookie: cookie}
		r.do = append(r.do, func(context.Context) error { return c.request(w.method()) })
	}
	return r, nil
}

// strayPath is what requests ask for whose cookie opens nothing.
const strayPath = "/stray"

// cookies returns one for each caller, and the path to send them to.
func (w workload) cookies(ctx context.Context, s *side, n int) (cookies []string, path string, err error) {
	if !w.stray {
		cookies, err = s.cookies(ctx, n)
		return cookies, "/", err
	}
	for range n {
		cookies = append(cookies, s.stray())
	}
	return cookies, strayPath, nil
}

// client sends requests and reads responses with as little work of its own as there can be, since it shares the machine
// with what is measured.
type client struct {
	conn   net.Conn
	r      *bufio.Reader
	path   string
	cookie string
}

func (c *client) request(method string) error {
	if _, err := io.WriteString(c.conn, method+" "+c.path+" HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\nCookie: "+c.cookie+"\r\n\r\n"); err != nil {
		return err
	}
	status, err := c.r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("status %q", status)
	}
	return c.discard()
}

// discard reads the rest of a response.
func (c *client) discard() error {
	length := -1
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("response without a length")
	}
	_, err := c.r.Discard(length)
	return err
}

// respondTo is the answer to a read.
func respondTo(w http.ResponseWriter, r *http.Request, value string, err error) {
	if r.URL.Path == strayPath && value == "" && err == nil {
		value = "nothing, as it should be"
	}
	respond(w, value, err)
}

// respond is the handlers' answer: the entry's length, so that a wrong one is seen.
func respond(w http.ResponseWriter, value string, err error) {
	if err != nil || value == "" {
		http.Error(w, fmt.Sprintf("entry %q: %v", value, err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Length", "2")
	_, _ = io.WriteString(w, "ok")
}
