// Package tenants keeps the sessions of several tenants apart in one table.
package tenants

import (
	"net"
	"net/http"
	"sync"

	"github.com/simples-go/sessions/session"
)

// Tenants has a manager for each tenant, with a realm of its own: a token of one opens nothing at another, and their
// owners and tags are apart, so that ann of the one is not ann of the other.
type Tenants struct {
	base *session.Manager
	of   func(host string) (tenant string, ok bool)

	mu       sync.Mutex
	managers map[string]*session.Manager
}

// New returns the tenants that of knows by the request's host.
func New(base *session.Manager, of func(host string) (tenant string, ok bool)) *Tenants {
	return &Tenants{base: base, of: of, managers: map[string]*session.Manager{}}
}

// Manager returns a tenant's manager.
func (t *Tenants) Manager(tenant string) (*session.Manager, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m := t.managers[tenant]; m != nil {
		return m, nil
	}
	m, err := session.New(t.base.Store(), session.Config{Realm: "tenant " + tenant})
	if err == nil {
		t.managers[tenant] = m
	}
	return m, err
}

// Handler serves h with the session of the request's tenant.
func (t *Tenants) Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		tenant, ok := t.of(host)
		if !ok {
			http.NotFound(w, r)
			return
		}
		m, err := t.Manager(tenant)
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		m.Handler(h).ServeHTTP(w, r)
	})
}
