package session_test

import (
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/testing/storetest"
)

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		New: func(*testing.T) storetest.Fixture {
			m := session.NewMemoryStore()
			return storetest.Fixture{Store: m, Advance: m.Advance}
		},
		Require: storetest.All(),
	})
}
