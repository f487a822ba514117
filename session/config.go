package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// Config configures a Manager. The zero value is the secure one: sessions of an hour's idle and a day's absolute timeout
// in a __Host- cookie.
type Config struct {
	// IdleTimeout ends a session that is not accessed. Default 1 hour. In whole milliseconds, as all timeouts here.
	IdleTimeout time.Duration

	// AbsoluteTimeout ends a session this long after its creation or Renew, however much it is accessed. Default 24
	// hours, or IdleTimeout if that is longer; it may not be shorter than IdleTimeout.
	AbsoluteTimeout time.Duration

	// TouchStep is the least extension of the expiry for which an access writes to the database. The effective idle
	// timeout lies between IdleTimeout − TouchStep and IdleTimeout. Default a tenth of IdleTimeout. If managers derived
	// from one another have different idle timeouts, the shortest of their steps holds for all.
	TouchStep time.Duration

	// RotationGrace is how long after a rotation a request with the old token gets ErrRotated, so that a parallel request
	// does not overwrite the new cookie. Default 30 seconds; negative: none.
	RotationGrace time.Duration

	// MaxBytes bounds a session's data; see [store.Size]. Default 1 MiB (1<<20), at most 100 MiB.
	MaxBytes int

	// Realm keeps the token of one manager from opening a session under another on the same table, and their owners and
	// tags apart. Default: the name of the cookie or header.
	Realm string

	// Disabled switches sessions off. Enabled, if set, decides for each request. Handlers of requests without sessions
	// find none in their context.
	Disabled bool
	Enabled  func(*http.Request) bool

	// Cookie is the cookie that carries the token.
	Cookie Cookie

	// Header, if set, names the request header that carries the token instead of a cookie, for API clients. A new
	// token is sent in the response header of that name; an empty value there says that the session has ended.
	Header string

	// DeviceBound binds sessions to the device of their browser. Off by default.
	DeviceBound DeviceBound

	// StoreTimeout bounds the load of a request's session, and the commit, which is detached from the request's
	// cancellation. Default 5 seconds.
	StoreTimeout time.Duration

	// Sealing encrypts entries before they are stored.
	Sealing Sealing

	// CollectInterval is how often the manager deletes expired rows by itself, if the store can: in the background, when a
	// session is created, and never in a process that creates none. Default 10 minutes, jittered; negative: never, for
	// whoever has sessions-gc run from cron.
	CollectInterval time.Duration

	// Owner limits the live sessions of one owner.
	Owner OwnerLimit

	// Import takes sessions over from another system.
	Import Import

	// WebSocket is for sockets and other long-lived handlers.
	WebSocket WebSocket

	// ErrorHandler answers a request whose session could not be loaded or committed; what the handler had written is
	// discarded. The session in the request's context returns the error from every use, but can be destroyed, which ends
	// the cookie. Default: StatusCode(err) with its text.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)

	// Observe, if set, is called with each operation when it is done, on the goroutine that did it: for metrics and
	// tracing.
	Observe func(context.Context, Observation)

	// Logger gets what no return value and no response can say. Default slog.Default().
	Logger *slog.Logger
}

// WebSocket configures sockets and what is like them: handlers that live long and end with their session.
type WebSocket struct {
	// Origins are allowed to open sockets, exactly: scheme://host[:port]. Empty: the page's own origin alone, which is
	// https and the request's Host, or http if Cookie.InsecureHTTP is set.
	Origins []string

	// AllowMissingOrigin lets clients in that send no Origin. Browsers always do.
	AllowMissingOrigin bool

	// Create makes a row at the handshake if there is no session; otherwise such a socket's session cannot be changed. A
	// request that is not answered with 101 makes none.
	Create bool

	// NoKeepAlive lets a session expire under its open socket. Otherwise it is touched, within its absolute timeout.
	NoKeepAlive bool

	// PollInterval is how often all open sessions are checked in one statement, which finds what no notification has
	// reported. Default 2 seconds, jittered; more often, down to every 100 ms, if a short idle timeout needs that to be
	// extended.
	PollInterval time.Duration

	// SaveRetry is how long the save after the handler's return is tried again if the database fails, unless others have
	// saved the session since an attempt that may have taken effect. Default 10 s.
	SaveRetry time.Duration

	// OnSaveError is called when that save has failed for good. Default: it is logged.
	OnSaveError func(ctx context.Context, handle Handle, err error)
}

// maxBytes is the most that MaxBytes may be: jsonb holds a little more.
const maxBytes = 100 << 20

// withDefaults fills in the defaults and checks the configuration as a whole.
func (c Config) withDefaults() (Config, error) {
	c.IdleTimeout = cmp.Or(c.IdleTimeout, time.Hour)
	c.AbsoluteTimeout = cmp.Or(c.AbsoluteTimeout, max(24*time.Hour, c.IdleTimeout))
	c.TouchStep = cmp.Or(c.TouchStep, (c.IdleTimeout / 10).Truncate(time.Millisecond))
	c.RotationGrace = max(0, cmp.Or(c.RotationGrace, 30*time.Second))
	c.MaxBytes = cmp.Or(c.MaxBytes, 1<<20)
	c.StoreTimeout = cmp.Or(c.StoreTimeout, 5*time.Second)
	c.CollectInterval = max(0, cmp.Or(c.CollectInterval, 10*time.Minute))
	c.WebSocket.PollInterval = cmp.Or(c.WebSocket.PollInterval, 2*time.Second)
	c.WebSocket.SaveRetry = cmp.Or(c.WebSocket.SaveRetry, 10*time.Second)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	c.Cookie = c.Cookie.withDefaults()
	c.DeviceBound = c.DeviceBound.withDefaults()
	if c.ErrorHandler == nil {
		c.ErrorHandler = answer
	}
	c.Realm = cmp.Or(c.Realm, c.Header, c.Cookie.Name)
	if err := c.validate(); err != nil {
		return c, fmt.Errorf("session: configuration: %w", err)
	}
	return c, nil
}

func (c *Config) validate() error {
	errs := []error{
		checkTimeout("IdleTimeout", c.IdleTimeout),
		checkTimeout("AbsoluteTimeout", c.AbsoluteTimeout),
		checkTimeout("StoreTimeout", c.StoreTimeout),
		checkTimeout("PollInterval", c.WebSocket.PollInterval),
		checkTimeout("SaveRetry", c.WebSocket.SaveRetry),
		checkTimeout("TouchStep", c.TouchStep),
		checkTimeout("RotationGrace", c.RotationGrace),
		checkTimeout("CollectInterval", c.CollectInterval),
		c.Cookie.validate(),
		c.DeviceBound.validate(c),
		c.Sealing.validate(),
		c.checkHeader(),
		c.checkImport(),
	}
	if c.AbsoluteTimeout < c.IdleTimeout {
		errs = append(errs, fmt.Errorf("AbsoluteTimeout %v is shorter than IdleTimeout %v", c.AbsoluteTimeout, c.IdleTimeout))
	}
	if c.TouchStep < 0 || c.TouchStep > c.IdleTimeout {
		errs = append(errs, fmt.Errorf("TouchStep %v is not between 0 and IdleTimeout %v", c.TouchStep, c.IdleTimeout))
	}
	if c.MaxBytes < 2 || c.MaxBytes > maxBytes {
		errs = append(errs, fmt.Errorf("MaxBytes %d is not between 2 and %d", c.MaxBytes, maxBytes))
	}
	if c.Owner.Max < 0 {
		errs = append(errs, fmt.Errorf("Owner.Max %d is negative", c.Owner.Max))
	}
	for _, origin := range c.WebSocket.Origins {
		if _, err := parseOrigin(origin); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (c *Config) checkHeader() error {
	if c.Header != "" && !isToken(c.Header) {
		return fmt.Errorf("the field Header %q is not a header's name", c.Header)
	}
	switch name := http.CanonicalHeaderKey(c.Header); name {
	case "Authorization":
		return errors.New("the field Header Authorization does not carry bare tokens: have clients send another, or pass the one that " +
			"follows Bearer to Manager.Begin")
	case "Cookie", "Set-Cookie", "Host", "Location", "Vary", "Connection", "Upgrade", "Te", "Trailer", "Transfer-Encoding", "Origin",
		"Content-Length", "Content-Type", "Content-Encoding", "Cache-Control", "Date", "Expires", "Keep-Alive", "Age", "Etag",
		"Proxy-Authorization", "Sec-Websocket-Key", "Sec-Websocket-Accept", "Sec-Websocket-Version", "Sec-Websocket-Protocol":
		return fmt.Errorf("the field Header %q has another meaning", name)
	}
	return nil
}

// checkImport refuses an import beside a header: a script has to send that, which is what keeps other sites from
// making requests in the user's name, and the other system's cookie comes by itself.
func (c *Config) checkImport() error {
	if c.Header != "" && c.Import.From != nil {
		return errors.New("the field Header goes with no Import.From: browsers send the other system's cookie also with requests that other " +
			"sites make; take sessions over by a manager with a cookie, and leave From nil in this one")
	}
	return nil
}

func (c *Config) basePolicy() store.Policy {
	return store.Policy{
		Timeouts: store.Timeouts{Idle: c.IdleTimeout, Absolute: c.AbsoluteTimeout},
		Step:     c.TouchStep, Grace: c.RotationGrace, MaxBytes: c.MaxBytes, Owner: c.Owner,
		Realm: c.Realm,
	}
}
