package storetest_test

import (
	"testing"

	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/testing/storetest"
)

// A store's own tests run the suite in one function.
func Example() {
	_ = func(t *testing.T) { // func TestStore
		storetest.Run(t, storetest.Harness{
			New: func(t *testing.T) storetest.Fixture {
				s := memstore.New() // the store under test, empty
				return storetest.Fixture{Store: s, Advance: s.Advance}
			},
			Require: storetest.All(), // all optional interfaces
		})
	}
}
