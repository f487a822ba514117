package drive

import (
	"fmt"
	"maps"
	"slices"

	"github.com/simples-go/sessions/testing/internal/histories/history"
	"github.com/simples-go/sessions/testing/internal/histories/wire"
)

// scribe turns what a connection was answered into operations on the session.
type scribe struct {
	*life
	client, server int
	socket         bool
	token          string // under which the connection has the session
	making         bool   // there is no session yet; the first save makes it
	announced      string // the token to come
	pending        history.Change
	began          int64
	over           bool // the connection has heard of its session's end
	ops            []history.Op
}

func (s *scribe) add(op history.Op) {
	op.Session, op.Client, op.Server, op.Socket = s.name, s.client, s.server, s.socket
	if op.Kind != history.Create {
		op.Token = s.token
	}
	if op.Outcome == history.Unknown {
		op.Return = history.Open
	}
	s.ops = append(s.ops, op)
	s.over = s.over || op.Outcome == history.Gone || op.Outcome == history.Rotated
}

// answered records a request that has an answer.
func (s *scribe) answered(e exchange, call, end int64, a *wire.Answer, cookie string) {
	if a.Start == 0 { // the load has failed
		if c := outcome(a.Error); c == history.Gone || c == history.Rotated {
			s.add(history.Op{Kind: history.Load, Call: call, Return: end, Outcome: c, Why: a.Text})
		}
		return
	}
	if !s.loaded(e.begin, call, a) {
		return
	}
	for i, res := range a.Results {
		if s.step(e.steps[i], res); res.Error != wire.None {
			s.settle(call, res.Text)
			break
		}
	}
	s.began = call
	s.commit(e, max(call, a.End), end, a, cookie)
}

// loaded records what a connection has found at its start, and reports whether there is more to record.
func (s *scribe) loaded(begin bool, call int64, a *wire.Answer) bool {
	op := history.Op{Kind: history.Load, Call: call, Return: a.Start, Outcome: history.OK, View: a.View}
	switch {
	case begin && (a.Fresh || a.Error == wire.Gone):
		s.making, s.announced = true, a.Token
		return true
	case begin: // by the cookie of a session that had ended
		s.name = s.before.name
	case a.Fresh:
		op.Outcome, op.View = history.Gone, nil
	case len(a.Results) == 0 && a.Error != wire.None && a.End == 0:
		op.Outcome, op.View = outcome(a.Error), nil
	}
	s.add(op)
	return op.Outcome == history.OK
}

// step records one step. What is not saved yet is pending.
func (s *scribe) step(step wire.Step, res wire.Result) {
	if s.over {
		return
	}
	op := history.Op{Call: res.Call, Return: res.Return, Outcome: outcome(res.Error), Why: res.Text}
	switch step.Do {
	case wire.Add:
		s.pending.Add = step.Add
		op.View = res.View
		s.save(op)
		s.pending.Add = nil
	case wire.Save:
		s.save(op)
	case wire.Load:
		op.Kind, op.View = history.Load, res.View
		s.observe(op)
	case wire.Touch:
		op.Kind = history.Touch
		s.observe(op)
	case wire.Destroy:
		op.Kind = history.Destroy
		s.add(op)
		s.pending = history.Change{}
		s.over = s.over || op.Outcome == history.OK
	default:
		if res.Error == wire.None {
			s.prepare(step, res)
		} else if op.Outcome != history.Unknown {
			op.Kind = history.Load // the answer says something of the session, and the step nothing of the store
			s.add(op)
		}
	}
}

// observe records what does not change the entries. A session that is still to be made is not in the store. What a Load
// shows has the pending changes on top, which nobody else can see.
func (s *scribe) observe(op history.Op) {
	if s.making || op.Outcome == history.Unknown || (op.Kind == history.Load && !s.pending.Empty()) {
		return
	}
	s.add(op)
}

// prepare makes a step pending.
func (s *scribe) prepare(step wire.Step, res wire.Result) {
	p := &s.pending
	switch step.Do {
	case wire.Set:
		p.Set = with(p.Set, step.Key, step.N)
		p.Delete = slices.DeleteFunc(p.Delete, func(key string) bool { return key == step.Key })
	case wire.Delete:
		p.Set = maps.Clone(p.Set)
		delete(p.Set, step.Key)
		p.Delete = append(slices.Clone(p.Delete), step.Key)
	case wire.Clear:
		p.Clear, p.Set, p.Delete = true, nil, nil
	case wire.Rotate, wire.Login:
		s.announced = res.Token
		if !s.making {
			p.NewToken = res.Token
		}
		if step.Do == wire.Login {
			p.Renew, p.Owner = true, &step.Owner
		}
	case wire.Timeout:
		p.Idle, p.Absolute = step.Idle, step.Absolute
	}
}

func with(m map[string]int64, key string, n int64) map[string]int64 {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]int64{}
	}
	m[key] = n
	return m
}

// save records a write of all that is pending.
func (s *scribe) save(op history.Op) {
	op.Kind, op.Change = history.Write, s.pending
	if s.making {
		op.Kind, op.Change.NewToken = history.Create, s.announced
	} else if op.Change.Empty() {
		return
	}
	s.add(op)
	if op.Outcome != history.OK {
		return
	}
	s.pending = history.Change{}
	if op.Change.NewToken != "" {
		s.token = op.Change.NewToken
	}
	s.making = false
}

// settle is for a connection of which a step has failed: what is pending may be saved at its end, or given up.
func (s *scribe) settle(call int64, why string) {
	if !s.over && !s.making {
		s.save(history.Op{Call: call, Outcome: history.Unknown, Why: "before: " + why})
	}
	s.over = true
}

// commit records the end of a request, and takes the cookie that it brings.
func (s *scribe) commit(e exchange, call, end int64, a *wire.Answer, cookie string) {
	made := s.making
	if !s.over {
		if cookie != "" && cookie != s.announced && s.pending.NewToken != "" {
			s.another(call, end, cookie)
			return
		}
		s.last(history.Op{Began: s.began, Call: call, Return: end, Outcome: outcome(a.Error), Why: a.Text})
	}
	if made && s.making {
		s.ops = nil // nobody has its token
		return
	}
	if !s.over && (cookie != "" || s.token != e.token) {
		s.ops = append(s.ops, history.Op{Session: s.name, Kind: history.Cookie, Call: call, Return: end, Token: cookie,
			Change: history.Change{NewToken: s.token}, Outcome: outcome(a.Error)})
	}
	s.bring(cookie)
}

// last records the save at a request's end. One with a new token is tried until its outcome is known: an attempt before
// the one that was refused may have taken effect.
func (s *scribe) last(op history.Op) {
	if s.pending.NewToken == "" || op.Outcome != history.Gone && op.Outcome != history.Rotated {
		s.save(op)
		return
	}
	tried := op
	tried.Outcome = history.Unknown
	s.save(tried)
	op.Kind = history.Load
	s.add(op)
}

// another: a sibling had rotated the session, and the response brings one of its own, of which nothing is known but its
// token. An attempt whose answer was lost may have rotated it before.
func (s *scribe) another(call, end int64, cookie string) {
	s.add(history.Op{Kind: history.Write, Call: call, Change: s.pending, Outcome: history.Unknown,
		Why: "answered with a session of its own"})
	op := history.Op{Kind: history.Create, Call: call, Return: end, Outcome: history.OK}
	op.Change = history.Change{NewToken: cookie, Any: true, Owner: s.pending.Owner}
	op.Session, op.Client, op.Server = fmt.Sprintf("%s-of-%d", s.name, s.calls.Add(1)), s.client, s.server
	s.ops = append(s.ops, op)
}

// lost records a request without an answer: all that it would have saved may have been saved.
func (s *scribe) lost(e exchange, call int64, err error) {
	if e.begin {
		return
	}
	for _, step := range e.steps {
		res := wire.Result{Call: call, Return: history.Open, Text: err.Error()}
		res.Token = fmt.Sprintf("?%s-%d", s.name, s.calls.Add(1))
		switch step.Do {
		case wire.Panic:
			return // it saves nothing
		case wire.Save, wire.Add, wire.Destroy:
			res.Error = wire.Failed
		case wire.Load, wire.Touch, wire.Pause:
			continue
		}
		s.step(step, res)
		if res.Error == wire.Failed {
			s.onward(call)
		}
	}
	s.settle(call, err.Error())
}

// onward goes on after a save of which nobody knows anything: it was done and the handler went on, or it failed, and the
// same was tried once more at the end.
func (s *scribe) onward(call int64) {
	if s.pending.Empty() {
		return
	}
	s.save(history.Op{Call: call, Outcome: history.Unknown})
	if s.pending.NewToken != "" {
		s.token = s.pending.NewToken
	}
	s.pending = history.Change{}
}

func outcome(c wire.Class) history.Outcome {
	switch c {
	case wire.None:
		return history.OK
	case wire.Rotated:
		return history.Rotated
	case wire.Gone:
		return history.Gone
	case wire.Refused:
		return history.Refused
	}
	return history.Unknown
}
