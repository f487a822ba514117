package adopt

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/simples-go/sessions/session"
)

// maxCookie is the longest value of a cookie that is looked at.
const maxCookie = 4096

// first returns the value of the first cookie of a name, "" if it is too long to be one. When a browser sends two of a
// name, scs, gorilla, express-session and Rack take the first.
func first(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil || len(c.Value) > maxCookie {
		return ""
	}
	return c.Value
}

// object takes a JSON object apart and leaves its values as they are.
func object(data []byte) (map[string]any, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, corrupt("its data is no JSON object")
	}
	entries := make(map[string]any, len(members))
	for key, value := range members {
		entries[key] = value
	}
	return entries, nil
}

// decodeGob decodes a gob. The decoder panics on none, but a type's own GobDecode may.
func decodeGob(data []byte, into any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = corrupt("a type's GobDecode panicked")
		}
	}()
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(into); err != nil {
		return unreadable(err)
	}
	return nil
}

func corrupt(why string) error { return fmt.Errorf("%w: adopt: %s", session.ErrCorrupt, why) }

// unreadable makes err one that gives the client a new visit.
func unreadable(err error) error {
	if errors.Is(err, session.ErrCorrupt) {
		return err
	}
	return fmt.Errorf("%w: adopt: %w", session.ErrCorrupt, err)
}

// at returns the time of seconds since 1970, with the microseconds that databases keep.
func at(seconds float64) time.Time { return time.UnixMicro(int64(math.Floor(seconds * 1e6))).UTC() }
