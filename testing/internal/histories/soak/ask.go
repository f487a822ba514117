package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/wire"
)

// answer is what a request has brought.
type answer struct {
	wire.Answer
	cookie string
}

// opened reports whether the handler has found a session. Each has an entry from its beginning on.
func (a *answer) opened() bool { return a.Start != 0 && !a.Fresh && a.View != nil }

// lost reports whether the handler would have found a session, and there was none. A commit that is refused is none of
// that: an attempt before it, whose answer was lost, may have rotated the session.
func (a *answer) lost() bool {
	refused := a.Start == 0 && (a.Error == wire.Gone || a.Error == wire.Rotated)
	return refused || a.Start != 0 && !a.opened() && a.Error != wire.Failed
}

// ask runs a script on the session of a token. The answer is not nil, but may be empty.
func (l *load) ask(due time.Time, token string, req wire.Request) (*answer, *node, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return &answer{}, nil, err
	}
	a := &answer{}
	n, err := l.send(due, http.MethodPost, "/do", token, body, a)
	return a, n, err
}

// send makes a request that was due at a time, and notes how long it took from then on and whether it failed.
func (l *load) send(due time.Time, method, path, token string, body []byte, into any) (*node, error) {
	n, done := l.node()
	defer done()
	cookie, failed, err := l.exchange(n, method, path, token, body, into)
	if a, ok := into.(*answer); ok {
		a.cookie = cookie
	}
	l.report.requests.add(time.Since(due), failed)
	return n, err
}

func (l *load) exchange(n *node, method, path, token string, body []byte, into any) (
	cookie string, failed bool, err error,
) {
	req, err := http.NewRequest(method, "http://"+n.Config.Addr+path, bytes.NewReader(body))
	if err != nil {
		return "", true, err
	}
	if token != "" {
		req.Header.Set("Cookie", "session="+token)
	}
	resp, err := l.http.Do(req)
	if err != nil {
		return "", true, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return "", true, fmt.Errorf("status %d: %w", resp.StatusCode, err)
	}
	for _, c := range resp.Cookies() {
		if c.Name == "session" && c.Value != "" {
			cookie = c.Value
		}
	}
	return cookie, resp.StatusCode >= http.StatusInternalServerError, nil
}
