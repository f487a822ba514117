// Package storetest is the contract of [session.Store] as a test suite. Whoever writes a store runs it:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Harness{New: func(t *testing.T) storetest.Fixture {
//			s := mystore.New()
//			return storetest.Fixture{Store: s, Advance: s.Advance}
//		}})
//	}
//
// Every case carries the rule that it enforces, and prints it if it fails.
//
// # The contract
//
//  1. Load returns the one live row that key and secret hash name together, and changes nothing.
//  2. Create only inserts. Save and Touch only update. Nothing that is not there comes into being by a Save or a Touch.
//  3. A Save merges by top-level key, in one atomic step: connections that write different keys lose nothing.
//  4. Each Save raises the version by one, a Touch never does. A conditional Save finds that version or writes nothing.
//  5. A Save that fails writes nothing at all.
//  6. The row's clock decides: a session is dead from the very millisecond of its expiry, for every method alike. A Touch
//     never shortens a session and never passes the absolute end. A row's own timeouts go before the policy's.
//  7. A rotation takes effect in one step, together with the data: at no instant do both hashes open the row, or neither.
//     For Policy.Grace the old one is answered with ErrRotated, then with ErrReused; a hash that the row never had, with ErrGone.
//  8. Destroyed is final, whatever runs beside the Delete. Delete is idempotent.
//  9. What is stored comes back as an equal JSON value: integers of up to 40 digits and every float64 exactly. Policy.MaxBytes
//     counts the merged data as store.Size does.
//  10. A context that has ended is an error, matches no sentinel of package session, and nothing is written. No error
//     contains a secret's hash.
//  11. What a store offers beyond session.Store (Locker, Inspector, Toucher, Watcher, Finder, Collector, Clock) keeps the
//     promises of its interface.
package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// Harness says how to get at the store under test.
type Harness struct {
	// New returns an empty store of its own for one case. What has to be cleaned up, it registers with t.Cleanup.
	New func(t *testing.T) Fixture

	// Require names the optional interfaces that the store must have. Those that it has are tested in any case; one that
	// is required and missing fails the suite, so that a store does not lose it unnoticed.
	Require []Optional
}

// Fixture is one fresh store, and what a test may do to it behind its back.
type Fixture struct {
	Store store.Store

	// Advance lets time pass: it makes every time in every row (creation, access, expiry, rotation, authentication) d older,
	// or moves the store's clock forward by d. Required.
	Advance func(d time.Duration)

	// Corrupt replaces the row's data by the given text. Nil if the store cannot hold such data.
	Corrupt func(key store.Handle, data string)

	// Tie gives every row the expiry of the one that expires first. Nil: the case on equal expiries takes those that come
	// about by themselves.
	Tie func()
}

// Optional names an interface of package session that a store may have.
type Optional string

// The optional interfaces.
const (
	Locker    Optional = "Locker"
	Inspector Optional = "Inspector"
	Toucher   Optional = "Toucher"
	Watcher   Optional = "Watcher"
	Finder    Optional = "Finder"
	Collector Optional = "Collector"
	Clock     Optional = "Clock"
)

// All returns the names of all optional interfaces, for Harness.Require.
func All() []Optional {
	return []Optional{Locker, Inspector, Toucher, Watcher, Finder, Collector, Clock}
}

// Has reports whether the store has the interface.
func (o Optional) Has(s store.Store) bool {
	var ok bool
	switch o {
	case Locker:
		_, ok = s.(store.Locker)
	case Inspector:
		_, ok = s.(store.Inspector)
	case Toucher:
		_, ok = s.(store.Toucher)
	case Watcher:
		_, ok = s.(store.Watcher)
	case Finder:
		_, ok = s.(store.Finder)
	case Collector:
		_, ok = s.(store.Collector)
	case Clock:
		_, ok = s.(store.Clock)
	}
	return ok
}

// rule is one case: a promise, what it means, and the test of it.
type rule struct {
	name  string
	text  string
	needs Optional // the case runs only on stores that have it
	test  func(*env)
}

// Run runs the suite, each rule on a store of its own. It calls New once more to see which optional interfaces there are.
func Run(t *testing.T, h Harness) {
	s := h.New(t).Store
	for _, o := range h.Require {
		if !o.Has(s) {
			t.Errorf("the store is required to be a session.%s and is none", o)
		}
	}
	for _, group := range groups() {
		t.Run(group.name, func(t *testing.T) {
			for _, r := range group.rules {
				if r.needs == "" || r.needs.Has(s) {
					t.Run(r.name, func(t *testing.T) { runRule(t, h, r) })
				}
			}
		})
	}
}

func runRule(t *testing.T, h Harness, r rule) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the rule: %s", r.text)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r.test(&env{TB: t, Fixture: h.New(t), ctx: ctx, policy: defaultPolicy(), patience: 20 * time.Second})
}

type group struct {
	name  string
	rules []rule
}

func groups() []group {
	return []group{
		{"load", loadRules()},
		{"create", createRules()},
		{"save", saveRules()},
		{"version", versionRules()},
		{"size", sizeRules()},
		{"touch", touchRules()},
		{"delete", deleteRules()},
		{"expiry", expiryRules()},
		{"timeouts", timeoutRules()},
		{"access", accessRules()},
		{"attributes", attributeRules()},
		{"rotation", rotationRules()},
		{"values", valueRules()},
		{"races", raceRules()},
		{"failure", failureRules()},
		{"locker", lockerRules()},
		{"inspector", inspectorRules()},
		{"toucher", toucherRules()},
		{"watcher", watcherRules()},
		{"owner", slices.Concat(ownerRules(), revokeRules(), limitRules())},
		{"selector", selectorRules()},
		{"clock", clockRules()},
		{"collector", slices.Concat(collectorRules(), collectorRaceRules())},
	}
}
