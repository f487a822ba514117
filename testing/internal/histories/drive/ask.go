package drive

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/history"
	"github.com/simples-go/sessions/testing/internal/histories/wire"
)

// exchange is one request.
type exchange struct {
	begin  bool
	cancel bool   // give it up after a moment
	token  string // instead of the cookie
	steps  []wire.Step
}

// ask makes a request and records what it came to. It reports whether there was an answer.
func (t *tab) ask(e exchange) bool {
	if e.token == "" {
		e.token = t.cookie()
	}
	server := t.server(t.rnd)
	call := history.Now()
	answer, token, err := t.send(server, e)
	s := &scribe{life: t.life, client: t.client, server: server, token: e.token}
	if err != nil {
		s.lost(e, call, err)
	} else {
		s.answered(e, call, history.Now(), answer, token)
	}
	t.took(s.ops)
	return err == nil && answer.Error != wire.Failed
}

// send returns the answer and the cookie that came with it.
func (t *tab) send(server int, e exchange) (*wire.Answer, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), t.Timeout)
	defer cancel()
	if e.cancel {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(t.rnd.Int64N(int64(4*time.Millisecond))))
		defer cancel()
	}
	body, err := json.Marshal(wire.Request{Begin: e.begin, Steps: e.steps})
	if err != nil {
		return nil, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url(server, "/do"), bytes.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	if e.token != "" {
		req.Header.Set("Cookie", "session="+e.token)
	}
	resp, err := t.http.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer wire.Answer
	err = json.NewDecoder(resp.Body).Decode(&answer)
	if resp.StatusCode != http.StatusOK {
		answer.Text = fmt.Sprintf("%d: %s", resp.StatusCode, answer.Text)
	}
	return &answer, cookieOf(resp), err
}

// cookieOf returns the token that a response brings, if it brings one.
func cookieOf(resp *http.Response) string {
	for _, c := range resp.Cookies() {
		if c.Name == "session" {
			return c.Value
		}
	}
	return ""
}

// outside asks for what is no session's own, and returns the answer.
func (t *tab) outside(method, path string) (res wire.Result, server int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), t.Timeout)
	defer cancel()
	server = t.server(t.rnd)
	req, err := http.NewRequestWithContext(ctx, method, t.url(server, path), nil)
	if err != nil {
		return res, server, err
	}
	resp, err := t.http.Do(req)
	if err != nil {
		return res, server, err
	}
	defer func() { _ = resp.Body.Close() }()
	err = json.NewDecoder(resp.Body).Decode(&res)
	return res, server, err
}

// revoke ends all sessions of an owner.
func (t *tab) revoke() {
	owner := t.owner()
	op := history.Op{Kind: history.Revoke, Owner: owner, Client: t.client, Call: history.Now()}
	res, server, err := t.outside(http.MethodPost, "/revoke?owner="+owner)
	op.Server, op.Return, op.Outcome = server, history.Now(), history.OK
	if err != nil || res.Error != wire.None {
		op.Return, op.Outcome = history.Open, history.Unknown
	}
	t.log.Add(op)
}

// list counts the sessions of an owner.
func (t *tab) list(owner string) {
	op := history.Op{Kind: history.List, Owner: owner, Client: t.client, Call: history.Now()}
	res, server, err := t.outside(http.MethodGet, "/list?owner="+owner)
	if err == nil && res.Error == wire.None {
		op.Server, op.Return, op.Outcome, op.Count = server, history.Now(), history.OK, int(res.View["n"])
		t.log.Add(op)
	}
}
