package containers

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/testcontainers/testcontainers-go"
)

// servers holds the containers of this process. A testing.TB has no place for what outlives it, hence a variable.
var servers = registry{reaped: func() bool { return !testcontainers.ReadConfig().RyukDisabled }}

// registry counts who uses which container.
type registry struct {
	mu     sync.Mutex
	byName map[string]*entry
	kept   bool        // until end
	reaped func() bool // whether something else ends containers; nil: nothing does
}

type entry struct {
	server
	users int
}

// Main runs a package's tests, ends the containers that they started, and exits. A package calls it from its TestMain.
// Without it a container is ended by Ryuk; if that is disabled, when no running test uses it, so that tests which run
// one after the other start it again and again.
func Main(m *testing.M) {
	servers.keep()
	code := m.Run()
	if err := servers.end(); err != nil {
		fmt.Fprintln(os.Stderr, "containers:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// use returns the running container of an image and a function that gives it back.
func (r *registry) use(image string) (*server, func() error) {
	r.mu.Lock()
	if r.byName == nil {
		r.byName = map[string]*entry{}
	}
	e := r.byName[image]
	if e == nil {
		e = &entry{}
		r.byName[image] = e
	}
	e.users++
	r.mu.Unlock()
	e.start.Do(func() { e.run(image) })
	return &e.server, func() error { return r.release(image) }
}

func (r *registry) release(image string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.byName[image]
	e.users--
	if e.users > 0 || r.kept || r.reaped != nil && r.reaped() {
		return nil
	}
	delete(r.byName, image)
	return e.end()
}

func (r *registry) keep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = true
}

func (r *registry) end() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for image, e := range r.byName {
		errs = append(errs, e.end())
		delete(r.byName, image)
	}
	return errors.Join(errs...)
}
