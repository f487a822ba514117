package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/session/store"
)

// shown is what list and export print of a session. It opens nothing.
type shown struct {
	Session         store.Handle    `json:"session"`
	Realm           string          `json:"realm,omitempty"`
	Owner           string          `json:"owner,omitempty"`
	Tag             string          `json:"tag,omitempty"`
	CreatedAt       time.Time       `json:"created_at"`
	AccessedAt      time.Time       `json:"accessed_at"`
	AuthenticatedAt *time.Time      `json:"authenticated_at,omitempty"`
	ExpiresAt       time.Time       `json:"expires_at"`
	DeviceBound     bool            `json:"device_bound,omitempty"`
	Entries         json.RawMessage `json:"entries,omitempty"`
}

func show(r store.Record) shown {
	s := shown{
		Session: r.Key, Realm: r.Realm, Owner: r.Owner, Tag: r.Tag, CreatedAt: r.CreatedAt, AccessedAt: r.AccessedAt,
		ExpiresAt: r.ExpiresAt, DeviceBound: len(r.Device) > 0,
	}
	if !r.AuthenticatedAt.IsZero() {
		s.AuthenticatedAt = &r.AuthenticatedAt
	}
	return s
}

// listed is what list and export print as JSON.
type listed struct {
	Table      string    `json:"table"`
	ExportedAt time.Time `json:"exported_at"`
	Sessions   []shown   `json:"sessions"`
}

func (c *command) find(ctx context.Context) (listed, error) {
	all := listed{Table: c.db.Table.Name, ExportedAt: time.Now().UTC().Truncate(time.Second), Sessions: []shown{}}
	found, err := c.store.Store.Find(ctx, c.selection.Selector, nil, store.Policy{})
	for _, r := range found {
		all.Sessions = append(all.Sessions, show(r))
	}
	return all, err
}

func (c *command) list(ctx context.Context) error {
	all, err := c.find(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.print(all)
	}
	var b strings.Builder
	for _, s := range all.Sessions {
		fmt.Fprintf(&b, "%s  created %s  last seen %s  expires %s%s\n", s.Session, clock(s.CreatedAt), clock(s.AccessedAt),
			clock(s.ExpiresAt), names(s))
	}
	fmt.Fprintf(&b, "%s\n", plural(len(all.Sessions)))
	return cli.Written(c.stdout.Write([]byte(b.String())))
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// names are quoted: they come from users, and this may be a terminal.
func names(s shown) string {
	text := ""
	for _, n := range []struct{ what, name string }{{"owner", s.Owner}, {"tag", s.Tag}, {"realm", s.Realm}} {
		if n.name != "" {
			text += fmt.Sprintf("  %s %q", n.what, n.name)
		}
	}
	return text
}

func plural[N int | int64](n N) string {
	if n == 1 {
		return "1 session"
	}
	return fmt.Sprintf("%d sessions", n)
}

// export prints what is stored of somebody: the rows without their secrets.
func (c *command) export(ctx context.Context) error {
	all, err := c.find(ctx)
	if err != nil {
		return err
	}
	kept := all.Sessions[:0]
	for _, s := range all.Sessions {
		switch text, err := c.store.Data(ctx, s.Session); {
		case errors.Is(err, store.ErrGone): // meanwhile
		case err != nil:
			return fmt.Errorf("reading session %s: %w", s.Session, err)
		default:
			s.Entries = json.RawMessage(text)
			kept = append(kept, s)
		}
	}
	all.Sessions = kept
	return c.print(all)
}

func (c *command) print(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return cli.Written(c.stdout.Write(append(text, '\n')))
}
