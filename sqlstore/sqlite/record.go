package sqlite

import (
	"bytes"
	"database/sql/driver"
	"fmt"
	"strconv"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// unpack fills r from packedMeta or packedRow.
func unpack(v driver.Value, r *store.Record) error {
	packed, _ := v.([]byte)
	if len(packed) < len(r.Hash) {
		return fmt.Errorf("sqlite: a row of unexpected form: it begins with no hash")
	}
	r.Hash = store.Hash(packed)
	f := fields{rest: packed[len(r.Hash):]}
	r.Version, r.CreatedAt, r.ExpiresAt, r.RotatedAt = f.number(), f.instant(), f.instant(), f.instant()
	r.Timeouts = store.Timeouts{Idle: f.milliseconds(), Absolute: f.milliseconds()}
	r.Owner = string(f.bytes(f.number()))
	if f.bad {
		return fmt.Errorf("sqlite: a row of unexpected form: a number is missing")
	}
	if len(f.rest) > 0 {
		r.Data = f.rest
	}
	r.Now = now()
	return nil
}

// fields are decimal numbers, each with a comma after it; nothing before the comma stands for NULL.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) next() (n int64, is bool) {
	end := bytes.IndexByte(f.rest, ',')
	if end < 0 {
		f.bad = true
		return 0, false
	}
	text := f.rest[:end]
	f.rest = f.rest[end+1:]
	if len(text) == 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	f.bad = f.bad || err != nil
	return n, true
}

func (f *fields) number() int64 {
	n, _ := f.next()
	return n
}

func (f *fields) milliseconds() time.Duration { return time.Duration(f.number()) * time.Millisecond }

// instant is the zero time where there is none.
func (f *fields) instant() (t time.Time) {
	if ms, is := f.next(); is {
		t = time.UnixMilli(ms).UTC()
	}
	return t
}

// bytes takes the next n bytes.
func (f *fields) bytes(n int64) []byte {
	if n < 0 || n > int64(len(f.rest)) {
		f.bad = true
		return nil
	}
	text := f.rest[:n]
	f.rest = f.rest[n:]
	return text
}

func integer(v driver.Value) int64 { n, _ := v.(int64); return n }

// now is the clock of the database's host. A decision about a row is made by what it says after the row was read, and
// before the transaction ends that acts on it. SQL's unixepoch reads the same clock; a fifth of a load went into that.
func now() time.Time { return time.UnixMilli(time.Now().UnixMilli()).UTC() }

func handle(v driver.Value) (h store.Handle) {
	b, _ := v.([]byte)
	copy(h[:], b)
	return h
}

func nullTime(t time.Time) driver.Value {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

func nullMilliseconds(d time.Duration) driver.Value {
	if d == 0 {
		return nil
	}
	return d.Milliseconds()
}

func nullText(s string) driver.Value {
	if s == "" {
		return nil
	}
	return s
}

// checkObject says whether data has the shape of one JSON object with nothing after it. What stands within is checked
// by the table's constraint when it is written, and read by the session; reading it here too would double the cost of
// a load.
func checkObject(data []byte) error {
	data = bytes.TrimLeft(data, " \t\r\n")
	if len(data) == 0 || data[0] != '{' {
		return fmt.Errorf("%w: the row holds no object", store.ErrCorrupt)
	}
	end := objectEnd(data)
	if end < 0 || len(bytes.TrimRight(data[end:], " \t\r\n")) > 0 {
		return fmt.Errorf("%w: the object has no end, or something follows it", store.ErrCorrupt)
	}
	return nil
}

// objectEnd returns the position after the bracket that closes the one at data[0], −1 where there is none.
func objectEnd(data []byte) int {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			n := stringLen(data[i:])
			if n < 0 {
				return -1
			}
			i += n - 1
		}
	}
	return -1
}

// stringLen returns the length of the JSON string that begins at data[0], −1 where it has no end.
func stringLen(data []byte) int {
	for i := 1; ; {
		n := bytes.IndexByte(data[i:], '"')
		if n < 0 {
			return -1
		}
		i += n + 1
		if !escaped(data[:i-1]) {
			return i
		}
	}
}

// escaped reports whether what follows text is escaped by a backslash at its end.
func escaped(text []byte) bool {
	n := len(text)
	for n > 0 && text[n-1] == '\\' {
		n--
	}
	return (len(text)-n)%2 == 1
}
