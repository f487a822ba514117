package drive

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/simples-go/sessions/testing/internal/histories/history"
	"github.com/simples-go/sessions/testing/internal/histories/wire"
)

// socket is an open one.
type socket struct {
	*tab
	id      string
	conn    *websocket.Conn
	scribe  *scribe
	opened  int64
	without bool // there was no session, so that there is none to hear of
	replies chan json.RawMessage
	closed  chan struct{} // once it is closed, by whom ever
	shut    int64         // when
	why     error
}

// socket opens one, says something, perhaps stays for a while, and closes it in one way or another.
func (t *tab) socket() {
	s := t.newSocket()
	if s.open() {
		s.talk()
		s.close()
	}
	t.took(s.scribe.ops)
}

func (t *tab) newSocket() *socket {
	return &socket{
		tab: t, id: fmt.Sprintf("%s-s%d", t.name, t.calls.Add(1)),
		scribe:  &scribe{life: t.life, client: t.client, server: t.server(t.rnd), token: t.cookie(), socket: true},
		replies: make(chan json.RawMessage, 1), closed: make(chan struct{}),
	}
}

func (s *socket) open() bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.Timeout)
	defer cancel()
	call := history.Now()
	url := strings.Replace(s.url(s.scribe.server, "/socket?socket="+s.id), "http", "ws", 1)
	conn, resp, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient: s.http, HTTPHeader: http.Header{"Cookie": {"session=" + s.scribe.token}},
	})
	if err != nil {
		if resp != nil && resp.Body != nil {
			_ = resp.Body.Close()
		}
		return false
	}
	s.conn, s.opened = conn, history.Now()
	go s.read()
	var a wire.Answer
	if !s.next(&a) {
		return true
	}
	s.without = !s.scribe.loaded(false, call, &a)
	return true
}

// watch leaves a socket open beside the tabs of some sessions. The function that it returns closes it, after a while if
// the session has ended, in which it should hear of that.
func (l *life) watch(rnd *rand.Rand) (done func()) {
	if rnd.IntN(3) != 0 {
		return func() {}
	}
	t := &tab{life: l, client: l.Tabs + 1, rnd: rand.New(rand.NewPCG(rnd.Uint64(), 0))}
	s := t.newSocket()
	if !s.open() {
		return func() {}
	}
	return func() {
		told := s.stay(t.patience())
		_ = s.conn.CloseNow()
		<-s.closed
		s.ended(told)
		t.took(s.scribe.ops)
	}
}

// patience is how long a socket stays open for its session's end.
func (t *tab) patience() time.Duration {
	if !t.over() {
		return 0
	}
	return t.Tell + 200*time.Millisecond
}

// read hands on what comes, and notes when and how the socket ends.
func (s *socket) read() {
	for {
		_, text, err := s.conn.Read(context.Background())
		if err != nil {
			s.shut, s.why = history.Now(), err
			close(s.closed)
			close(s.replies)
			return
		}
		s.replies <- text
	}
}

func (s *socket) next(into any) bool {
	select {
	case text, ok := <-s.replies:
		return ok && json.Unmarshal(text, into) == nil
	case <-time.After(s.Timeout):
		return false
	}
}

// talk sends steps until one has no answer.
func (s *socket) talk() {
	for range s.rnd.IntN(5) {
		for _, step := range s.message() {
			if s.scribe.over || !s.say(step) {
				return
			}
		}
		time.Sleep(time.Duration(s.rnd.IntN(8)) * time.Millisecond)
	}
}

func (s *socket) message() []wire.Step {
	switch s.rnd.IntN(6) {
	case 0:
		return s.count()
	case 1:
		return s.transfer()
	case 2:
		return []wire.Step{{Do: wire.Load}}
	case 3:
		return []wire.Step{{Do: wire.Save}, {Do: wire.Load}}
	}
	return s.changes()
}

func (s *socket) say(step wire.Step) bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.Timeout)
	defer cancel()
	call := history.Now()
	var res wire.Result
	if err := wsjson.Write(ctx, s.conn, step); err != nil || !s.next(&res) {
		res = wire.Result{Call: call, Return: history.Open, Error: wire.Failed, Text: "no reply"}
		if step.Do != wire.Save && step.Do != wire.Add {
			res.Error = wire.None // it is pending, if it arrived
		}
		s.unanswered(step, res)
		return false
	}
	s.scribe.step(step, res)
	return res.Error == wire.None
}

// unanswered: nobody knows whether the step was done, and what is saved at the end.
func (s *socket) unanswered(step wire.Step, res wire.Result) {
	if step.Do == wire.Load {
		s.scribe.settle(res.Call, res.Text)
		return
	}
	before := s.scribe.pending
	if s.scribe.step(step, res); res.Error == wire.Failed {
		s.scribe.onward(res.Call)
		return
	}
	after := s.scribe.pending
	s.scribe.pending = before
	if s.scribe.settle(res.Call, res.Text); after.Empty() {
		return
	}
	s.scribe.over, s.scribe.pending = false, after
	s.scribe.settle(res.Call, res.Text)
}

// close ends the socket, unless it has been ended, and asks what became of the changes that were pending.
func (s *socket) close() {
	told := s.stay(time.Duration(s.rnd.IntN(3)*s.rnd.IntN(200)) * time.Millisecond)
	call := history.Now()
	if s.rnd.IntN(2) == 0 {
		_ = s.conn.Close(websocket.StatusNormalClosure, "")
	}
	_ = s.conn.CloseNow()
	for range s.replies {
	}
	<-s.closed
	s.ended(told)
	s.last(call)
}

// stay leaves the socket open for a while, and reports whether the server has ended it meanwhile.
func (s *socket) stay(wait time.Duration) bool {
	select {
	case <-s.closed:
		return true
	case <-time.After(wait):
		return false
	}
}

// ended records from when to when the socket was open, and whether it was told that its session has ended.
func (s *socket) ended(told bool) {
	op := history.Op{Kind: history.Socket, Call: s.opened, Return: s.shut, Outcome: history.Refused, Why: "closed by the client"}
	if told {
		op.Why = s.why.Error()
	}
	if websocket.CloseStatus(s.why) == 4001 {
		op.Outcome = history.OK
	}
	if s.without {
		return
	}
	over := s.scribe.over
	s.scribe.add(op)
	s.scribe.over = over
}

// attempts is how often a socket's last save may have been done before its last attempt.
const attempts = 2

// last records the save at the socket's end.
func (s *socket) last(call int64) {
	if s.scribe.over || s.scribe.pending.Empty() {
		return
	}
	res, err := s.farewell()
	op := history.Op{Call: call, Outcome: history.Unknown, Why: "the socket's end"}
	if err == nil {
		op.Call, op.Return, op.Outcome = min(res.Call, call), res.Return, outcome(res.Error)
		op.Why += " " + res.Text
	}
	if s.Faults { // an attempt that seemed to fail may have been done, and was done once more
		first := op
		first.Outcome = history.Unknown
		for range attempts {
			s.scribe.save(first)
		}
	}
	if op.Outcome != history.OK {
		op.Outcome = history.Unknown
	}
	s.scribe.save(op)
}

// farewell waits for what the server says of the socket's end.
func (s *socket) farewell() (res wire.Result, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.Timeout+15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url(s.scribe.server, "/closed?id="+s.id), nil)
	if err != nil {
		return res, err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return res, err
	}
	defer func() { _ = resp.Body.Close() }()
	err = json.NewDecoder(resp.Body).Decode(&res)
	return res, err
}
