package main

import (
	"context"
	"net/http"
	"time"
)

// side is one of those that are compared, on its own table. Sessions are named by their number below the table's rows.
type side struct {
	name    string
	rows    int                  // of its table; 0: as many as options say
	child   *child               // where a process of its own has all that follows
	server  func() time.Duration // what the database's server has worked for this side; nil: nothing, or not to be seen
	load    func(ctx context.Context, i int) error
	miss    func(ctx context.Context, i int) error // loads what the table does not have
	save    func(ctx context.Context, i int) error // sets one key
	create  func(ctx context.Context) error
	destroy func(ctx context.Context, i int) error // a session that it makes for that

	// Middleware over this side's store: GET reads one key, POST sets one. With sliding, each access extends the expiry.
	handler func(sliding bool) http.Handler
	cookies func(ctx context.Context, n int) ([]string, error) // of live sessions, for the handler
	stray   func() string                                      // a cookie as its library makes it, which opens nothing
}

func (s *side) serverTime() time.Duration {
	if s.server == nil {
		return 0
	}
	return s.server()
}

// sideNames are the sides that there are: this library, scs, one plain statement for each operation, the first and the
// last on a second, larger table, this library as another build has it, and scs on Redis.
var sideNames = []string{"sessions", "scs", "bare", "large", "bare large", "before", "redis", "redis always"}

// entry names the key that loads check and saves set.
const entry = "k00"

// content is the data of a session of about size bytes, in entries of some 30 bytes each, or larger ones where that would
// be more than 20 entries.
func content(size int) map[string]string {
	const most = 20
	n := min(most, max(2, size/40))
	value := make([]byte, max(8, size/n-10))
	for i := range value {
		value[i] = 'a' + byte(i%26)
	}
	data := make(map[string]string, n)
	for i := range n {
		data[entry[:1]+string([]byte{'0' + byte(i/10), '0' + byte(i%10)})] = string(value)
	}
	return data
}
