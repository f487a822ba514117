package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/simples-go/sessions/session"
)

const (
	writeTime = 10 * time.Second
	storeTime = 5 * time.Second
	pingEvery = 30 * time.Second
)

// socket is one WebSocket connection. It lives no longer than its session.
type socket struct {
	conn *websocket.Conn
	s    *session.Session
	tab  *tab // nil where the client does not ask who else is there
}

// message is what a client has sent: a command, or what is wrong with it.
type message struct {
	command command
	err     error
}

// serveSocket serves GET /ws. With ?tab=name the client also receives the list of the session's other tabs.
func (a *app) serveSocket(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("tab")
	if name != "" && !tabName.MatchString(name) {
		writeError(w, badRequest("a tab's name has 1 to 32 letters and digits"))
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }() // waits for a Close that is under way
	ctx := r.Context()
	stop := context.AfterFunc(ctx, func() { closeFor(conn, context.Cause(ctx)) })
	defer stop()
	c := &socket{conn: conn, s: session.FromContext(ctx)}
	if name != "" {
		c.tab = a.tabs.join(c.s.Handle(), name)
		defer a.tabs.leave(c.s.Handle(), c.tab)
	}
	c.serve(ctx)
}

// closeFor says in the close frame why the session ended.
func closeFor(conn *websocket.Conn, cause error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	if code, reason := session.CloseCode(ctx); code != 0 {
		_ = conn.Close(websocket.StatusCode(code), reason)
		return
	}
	_ = conn.CloseNow()
}

// serve runs until the client has gone, or has received the message that the session has ended.
func (c *socket) serve(ctx context.Context) {
	// Reading outlives the session by the close handshake.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	messages := make(chan message)
	go c.receive(ctx, messages)
	pings := time.NewTicker(pingEvery)
	defer pings.Stop()
	for {
		if err := c.s.Err(); err != nil {
			closeFor(c.conn, err)
			return
		}
		select {
		case m, open := <-messages:
			if !open || c.answer(ctx, m) != nil {
				return
			}
		case <-c.s.RemoteChanges():
			if c.answer(ctx, message{command: command{Load: true}}) != nil {
				return
			}
		case tabs := <-c.tab.changes():
			if c.send(ctx, map[string]any{"tabs": tabs}) != nil {
				return
			}
		case <-pings.C:
			go c.ping(ctx)
		}
	}
}

// ping closes the connection if no answer comes: its client has vanished without a word.
func (c *socket) ping(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	if err := c.conn.Ping(ctx); err != nil {
		_ = c.conn.CloseNow()
	}
}

// receive reads messages until the connection ends.
func (c *socket) receive(ctx context.Context, messages chan<- message) {
	defer close(messages)
	c.conn.SetReadLimit(-1) // read limits by itself, without closing the connection
	for {
		m, err := c.read(ctx)
		if err != nil {
			return
		}
		select {
		case messages <- m:
		case <-ctx.Done():
			return
		}
	}
}

// read returns the next message. The error is the connection's.
func (c *socket) read(ctx context.Context) (m message, err error) {
	kind, reader, err := c.conn.Reader(ctx)
	if err != nil {
		return m, err
	}
	text, err := io.ReadAll(io.LimitReader(reader, maxBody+1))
	if err != nil {
		return m, err
	}
	rest, err := io.Copy(io.Discard, reader)
	switch {
	case err != nil:
		return m, err
	case rest > 0 || len(text) > maxBody:
		m.err = errTooLarge
	case kind != websocket.MessageText:
		m.err = errCommand
	default:
		m.command, m.err = parseCommand(text)
	}
	return m, nil
}

// answer carries out a client's message and sends what the session then holds. The error is the connection's.
func (c *socket) answer(ctx context.Context, m message) error {
	err := m.err
	if err == nil {
		limited, cancel := context.WithTimeout(ctx, storeTime)
		defer cancel()
		err = m.command.apply(limited, c.s)
	}
	if err != nil {
		return c.send(ctx, map[string]any{"error": errorText(err)})
	}
	return c.send(ctx, map[string]any{"session": stateOf(c.s)})
}

func (c *socket) send(ctx context.Context, value any) error {
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(value); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	return c.conn.Write(ctx, websocket.MessageText, bytes.TrimSpace(text.Bytes()))
}
