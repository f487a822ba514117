package sqlite

import (
	"bytes"
	"database/sql/driver"
	"fmt"
	"math"
	"time"

	"github.com/simples-go/sessions/session"
)

// scan fills r from the columns of meta. The table is strict, so that a value of another type means another table.
func scan(row []driver.Value, r *session.Record) error {
	hash, ok := row[0].([]byte)
	if !ok || len(hash) != len(r.Hash) {
		return fmt.Errorf("sqlite: column secret_hash holds no hash")
	}
	r.Hash = session.Hash(hash)
	r.RotatedAt = instant(row[1])
	r.Version = integer(row[2])
	r.Owner, _ = row[3].(string)
	r.Timeouts = session.Timeouts{Idle: milliseconds(row[4]), Absolute: milliseconds(row[5])}
	r.CreatedAt = instant(row[6])
	r.ExpiresAt = instant(row[7])
	r.Now = now(row[8])
	return nil
}

func integer(v driver.Value) int64 { n, _ := v.(int64); return n }

func milliseconds(v driver.Value) time.Duration { return time.Duration(integer(v)) * time.Millisecond }

// instant is the time of a column, zero where that is NULL.
func instant(v driver.Value) time.Time {
	if ms, ok := v.(int64); ok {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

// now is the time of the clock's column: SQLite counts milliseconds and divides them by 1000.
func now(v driver.Value) time.Time {
	seconds, _ := v.(float64)
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
}

func handle(v driver.Value) (h session.Handle) {
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
		return fmt.Errorf("%w: the row holds no object", session.ErrCorrupt)
	}
	end := objectEnd(data)
	if end < 0 || len(bytes.TrimRight(data[end:], " \t\r\n")) > 0 {
		return fmt.Errorf("%w: the object has no end, or something follows it", session.ErrCorrupt)
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
