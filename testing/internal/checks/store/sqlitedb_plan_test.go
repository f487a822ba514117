package store

import (
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session/store"
)

// Whoever lists, ends or counts the sessions of somebody does not read the whole table, in a transaction least of all.
func TestSelectorsUseAnIndex(t *testing.T) {
	const key, owner, tag = "sqlite_autoindex_sessions_1", "sessions_owner_idx", "sessions_tag_idx"
	for index, selectors := range map[string][]store.Selector{
		key:   {{Key: store.Handle{1}}, {Key: store.Handle{1}, Owner: "ann", Realm: "shop"}},
		owner: {{Owner: "ann"}, {Owner: "ann", Realm: "shop", Except: store.Handle{1}}, {OwnerPrefix: "an"}},
		tag:   {{Tag: "mobile"}},
	} {
		for _, selector := range selectors {
			s, db, h := inMemory(t)
			plans := plansOf(t, db, h, func() {
				if _, err := s.Find(t.Context(), selector, nil, hourly); err != nil {
					t.Error(err)
				}
				if _, err := s.Revoke(t.Context(), selector); err != nil {
					t.Error(err)
				}
			})
			if len(plans) != 2 || !strings.Contains(plans[0], index) || !strings.Contains(plans[1], index) {
				t.Errorf("%+v: %q", selector, plans)
			}
		}
	}
}

func TestALoginUnderALimitUsesAnIndex(t *testing.T) {
	s, db, h := inMemory(t)
	owner, ref := "ann", named(1)
	ref.Policy.Owner.Max = 1
	plans := plansOf(t, db, h, func() {
		if _, err := s.Create(t.Context(), ref, store.Change{Owner: &owner}); err != nil {
			t.Error(err)
		}
	})
	if text := strings.Join(plans, "\n"); !strings.Contains(text, "sessions_owner_idx") || strings.Contains(text, "SCAN") {
		t.Error(text)
	}
}

// plansOf returns how the database does what fn selects, by the first line of each plan.
func plansOf(t *testing.T, db *sql.DB, h *hooked, fn func()) (plans []string) {
	t.Helper()
	var queries []string
	var args [][]any
	h.before = func(statement string, values []driver.NamedValue) {
		if !strings.HasPrefix(statement, "select") {
			return
		}
		var bound []any
		for _, v := range values {
			bound = append(bound, v.Value)
		}
		queries, args = append(queries, statement), append(args, bound)
	}
	fn()
	h.none()
	for i, query := range queries {
		var id, parent, unused int
		var plan string
		if err := db.QueryRow("explain query plan "+query, args[i]...).Scan(&id, &parent, &unused, &plan); err != nil {
			t.Fatal(err)
		}
		plans = append(plans, plan)
	}
	return plans
}
