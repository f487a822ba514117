package session

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
)

// An entry that ends before its session is stored in an envelope, {"$ends":1764264000000,"value":…}, whose end is in
// milliseconds of the Unix epoch, by the store's clock. A value that looks like an envelope and is none is stored in
// one without an end, {"$ends":null,"value":…}, so that it comes back as it was set. All other values are stored as
// they are.
const (
	endsMember  = "$ends"
	valueMember = "value"
)

// entry is a stored entry without its envelope. The zero entry is none.
type entry struct {
	text json.RawMessage // of the value, or what it is sealed in
	ends int64           // 0: with the session
}

// over reports whether the entry has ended at a time of the store's clock.
func (e entry) over(now time.Time) bool { return e.ends != 0 && now.UnixMilli() >= e.ends }

// later returns the entry with an end that is later by so many milliseconds, if it has one.
func (e entry) later(ms int64) entry {
	if e.ends != 0 {
		e.ends += ms
	}
	return e
}

// unwrap returns the entry that is stored as text, and whether it is in an envelope.
func unwrap(text []byte) (e entry, wrapped bool) {
	if len(text) == 0 || text[0] != '{' {
		return entry{text: text}, false
	}
	ends, value, ok := jsonobj.Pair(text, endsMember, valueMember)
	switch {
	case !ok:
		return entry{text: text}, false
	case string(ends) == "null":
		return entry{text: value}, true
	}
	n, err := strconv.ParseInt(string(ends), 10, 64)
	if err != nil || n <= 0 {
		return entry{text: text}, false
	}
	return entry{text: value, ends: n}, true
}

// wrap returns how the entry is stored.
func (e entry) wrap() json.RawMessage {
	if e.ends != 0 {
		return envelope(strconv.FormatInt(e.ends, 10), e.text)
	}
	if _, looksWrapped := unwrap(e.text); looksWrapped {
		return envelope("null", e.text)
	}
	return e.text
}

func envelope(ends string, value []byte) json.RawMessage {
	const around = len(`{"":,"":}`) + len(endsMember) + len(valueMember)
	text := make([]byte, 0, around+len(ends)+len(value))
	text = append(append(text, `{"`+endsMember+`":`...), ends...)
	text = append(append(text, `,"`+valueMember+`":`...), value...)
	return append(text, '}')
}

// reading is the store's clock as it was read once.
type reading struct {
	clock  time.Time
	readAt time.Time // by the process's clock
}

// now estimates the store's clock. It is not ahead of it, since the answer took a while to come.
func (r reading) now() time.Time { return r.clock.Add(time.Since(r.readAt)) }

// live returns the entry that is stored as text, none if it has ended.
func (r reading) live(text []byte) entry {
	e, _ := unwrap(text)
	if e.ends != 0 && e.over(r.now()) {
		return entry{}
	}
	return e
}

// living returns the entries that have not ended, as they are stored.
func living(obj jsonobj.Object, now time.Time) jsonobj.Object {
	return obj.Map(func(m jsonobj.Member) ([]byte, bool) {
		e, _ := unwrap(m.Value)
		return m.Value, !e.over(now)
	})
}

// visible returns the entries that have not ended, without their envelopes.
func visible(obj jsonobj.Object, now time.Time) jsonobj.Object {
	return obj.Map(func(m jsonobj.Member) ([]byte, bool) {
		e, _ := unwrap(m.Value)
		return e.text, !e.over(now)
	})
}

// endedKeys returns the keys of the entries that have ended, nil if there are none.
func endedKeys(obj jsonobj.Object, now time.Time) (keys []string) {
	for _, m := range obj.Members() {
		if e, _ := unwrap(m.Value); e.over(now) {
			keys = append(keys, m.Key())
		}
	}
	return keys
}
