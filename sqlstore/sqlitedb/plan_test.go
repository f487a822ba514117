package sqlitedb

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session/store"
)

// Whoever lists, ends or counts the sessions of somebody does not read the whole table, in a transaction least of all.
func TestSelectorsUseAnIndex(t *testing.T) {
	s := open(t)
	for name, c := range map[string]struct {
		selector store.Selector
		index    string
	}{
		"key":             {store.Selector{Key: store.Handle{1}}, "sqlite_autoindex_sessions_1"},
		"key and owner":   {store.Selector{Key: store.Handle{1}, Owner: "ann"}, "sqlite_autoindex_sessions_1"},
		"owner":           {store.Selector{Owner: "ann"}, "sessions_owner_idx"},
		"owner and realm": {store.Selector{Owner: "ann", Realm: "shop", Except: store.Handle{1}}, "sessions_owner_idx"},
		"prefix":          {store.Selector{OwnerPrefix: "an"}, "sessions_owner_idx"},
		"tag":             {store.Selector{Tag: "mobile"}, "sessions_tag_idx"},
	} {
		if plan := s.plan(t, c.selector); !strings.Contains(plan, "using index "+c.index+" (") {
			t.Errorf("%s: %s", name, plan)
		}
	}
}

// plan is how the database finds what a selector selects, in lower case.
func (s *Store) plan(t *testing.T, selector store.Selector) string {
	t.Helper()
	q := &explained{DB: s.db}
	_, _ = s.selected(t.Context(), q, selector) // the columns are those of a plan, which is no row
	return strings.ToLower(q.plan)
}

// explained has queries explained.
type explained struct {
	*sql.DB
	plan string
}

func (e *explained) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	row := e.DB.QueryRowContext(ctx, "explain query plan "+query, args...)
	var id, parent, unused int
	if err := row.Scan(&id, &parent, &unused, &e.plan); err != nil {
		return nil, err
	}
	return e.DB.QueryContext(ctx, "select 1 where false")
}
