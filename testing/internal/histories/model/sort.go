package model

import (
	"cmp"
	"slices"

	"github.com/simples-go/sessions/testing/internal/histories/history"
)

// sorted is a history by sessions.
type sorted struct {
	names     []string
	sessions  map[string][]history.Op
	lists     []history.Op
	failovers []history.Op
	away      []history.Op
	owned     map[string]map[string]bool // by owner: the sessions that the owner ever had
}

// sort takes a history apart. What was done to all sessions of an owner is added to each that the owner ever had.
func sort(m *Meta, ops []history.Op) *sorted {
	s := &sorted{sessions: map[string][]history.Op{}, owned: map[string]map[string]bool{}}
	var outside []history.Op
	for _, op := range ops {
		switch {
		case op.Kind == history.List:
			s.lists = append(s.lists, op)
			continue
		case op.Kind == history.Failover:
			s.failovers = append(s.failovers, op)
			continue
		case op.Kind == history.Away:
			s.away = append(s.away, op)
			continue
		case op.Session == "":
			outside = append(outside, op)
			continue
		case op.Change.Owner != nil && op.Outcome != history.Refused:
			s.own(*op.Change.Owner, op.Session)
			if m.EndOldest && m.OwnerMax > 0 {
				outside = append(outside, limit(op))
			}
		}
		s.sessions[op.Session] = append(s.sessions[op.Session], op)
	}
	for name := range s.sessions {
		s.sessions[name] = append(s.sessions[name], s.concerning(name, outside)...)
	}
	for name, ops := range s.sessions {
		s.names = append(s.names, name)
		slices.SortStableFunc(ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
	}
	slices.Sort(s.names)
	return s
}

// concerning returns what was done to all sessions of an owner that may have had to do with this one: it was
// the owner's by then, and still asked for after.
func (s *sorted) concerning(name string, outside []history.Op) []history.Op {
	var first, last int64 = history.Open, 0
	for i := range s.sessions[name] {
		op := &s.sessions[name][i]
		if op.Change.Owner != nil {
			first = min(first, op.Call)
		}
		if last = max(last, op.Call); op.Return != history.Open {
			last = max(last, op.Return)
		}
	}
	var out []history.Op
	for _, op := range outside {
		if !s.owned[op.Owner][name] || op.Session == name || op.Call > last || op.Return < first {
			continue
		}
		if op.Outcome == history.Unknown {
			op.Return = history.Open // it need not have ended this session
		}
		out = append(out, op)
	}
	return out
}

func (s *sorted) own(owner, session string) {
	if s.owned[owner] == nil {
		s.owned[owner] = map[string]bool{}
	}
	s.owned[owner][session] = true
}

// limit is what a login may do to the owner's other sessions, by its return if it has one.
func limit(login history.Op) history.Op {
	if login.Outcome == history.Unknown { // it may have begun a session of its own, which ends this one too
		login.Session = ""
	}
	return history.Op{Kind: history.Limit, Session: login.Session, Owner: *login.Change.Owner, Client: login.Client,
		Call: login.Call, Return: login.Return, Outcome: history.Unknown}
}

// inputs says of each operation what its time allows.
func (m *Meta) inputs(ops []history.Op) []input {
	t := m.times(ops)
	out := make([]input, len(ops))
	for i := range ops {
		op := &ops[i]
		stepped := m.stepped(t)
		if stepped && op.Began != 0 && op.Outcome == history.OK {
			op = unsure(*op)
		}
		out[i] = input{Op: op, expired: t.mayHaveExpired(op), racing: t.races(op, m.tail()), late: m.Steps || t.mayBeLate(op, int64(m.Grace)),
			stepped: stepped}
	}
	return out
}

// stepped reports whether a session may have expired by a step of the database's clock.
func (m *Meta) stepped(t *times) bool { return m.Steps && t.idle < int64(largestStep) }

// unsure is a commit that was answered well because its request had begun in time, and saved nothing if the session had
// expired by a clock that was then stepped back.
func unsure(op history.Op) *history.Op {
	op.Outcome, op.Return = history.Unknown, history.Open
	return &op
}
