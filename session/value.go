package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/simples-go/sessions/internal/jsonobj"
)

func decode[T any](raw []byte, into *T) error {
	switch p := any(into).(type) {
	case *string:
		if len(raw) >= 2 && raw[0] == '"' {
			*p = string(jsonobj.Unquote(raw))
			return nil
		}
	case *int:
		if n, err := strconv.Atoi(string(raw)); err == nil {
			*p = n
			return nil
		}
	case *int64:
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			*p = n
			return nil
		}
	case *json.RawMessage:
		*p = bytes.Clone(raw)
		return nil
	}
	return json.Unmarshal(raw, into)
}

// encode returns the canonical JSON of a value, which every store holds alike, or jsonobj.ErrTooLong.
func encode(value any, limit int) (json.RawMessage, error) {
	switch v := value.(type) {
	case int:
		return strconv.AppendInt(nil, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(nil, v, 10), nil
	case string:
		if len(v) < limit {
			return jsonobj.Encode(make([]byte, 0, len(v)+2), v, limit)
		}
	case json.RawMessage:
		if len(v) < limit {
			return jsonobj.Encode(make([]byte, 0, len(v)), v, limit)
		}
	}
	return jsonobj.Encode(nil, value, limit)
}

func checkText(text string) error {
	switch {
	case !utf8.ValidString(text):
		return errors.New("it is not valid UTF-8")
	case strings.IndexByte(text, 0) >= 0:
		return errors.New("it has a U+0000")
	}
	return nil
}

// quoteKey shows a key in an error, in bounded length.
func quoteKey(key string) string {
	const most = 64
	if len(key) > most {
		return strconv.Quote(key[:most]) + "…"
	}
	return strconv.Quote(key)
}
