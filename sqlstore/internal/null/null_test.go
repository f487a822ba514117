package null

import (
	"reflect"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

func TestZeroValuesAreNull(t *testing.T) {
	a, b := store.Hash{1}, store.Hash{2}
	for name, c := range map[string]struct{ got, want any }{
		"no text":         {Text(""), nil},
		"text":            {Text("a"), "a"},
		"no number":       {Number(0), nil},
		"number":          {Number(-7), int64(-7)},
		"no bytes":        {Bytes([]byte{}), nil},
		"bytes":           {Bytes([]byte{0}), []byte{0}},
		"no duration":     {Milliseconds(0), nil},
		"duration":        {Milliseconds(1500 * time.Microsecond), int64(1)},
		"less than one":   {Milliseconds(time.Microsecond), int64(0)},
		"no time":         {Time(time.Time{}), nil},
		"time":            {Time(time.UnixMilli(5)), int64(5)},
		"the epoch":       {Time(time.UnixMilli(0)), int64(0)},
		"no key":          {Key(store.Handle{}), nil},
		"key":             {Key(store.Handle{3}), append([]byte{3}, make([]byte, len(store.Handle{})-1)...)},
		"no hashes":       {Hashes(nil), nil},
		"hashes in order": {Hashes([]store.Hash{a, b}), append(a[:], b[:]...)},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: %#v, want %#v", name, c.got, c.want)
		}
	}
}
