package session_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// The right to do something dangerous ends five minutes after the password was typed, long before the session.
func ExampleKey_EndsAfter() {
	sudo := session.NewKey("sudo", false).EndsAfter(5 * time.Minute)
	store := memstore.New()
	sessions, err := session.New(store, session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	s := sessions.NewSession()
	if err := sudo.Set(s, true); err != nil {
		log.Fatal(err)
	}
	if err := s.Save(context.Background()); err != nil {
		log.Fatal(err)
	}
	for range 2 {
		later, err := sessions.Open(context.Background(), s.ID().Reveal())
		if err != nil {
			log.Fatal(err)
		}
		allowed, err := sudo.Get(later)
		fmt.Println(allowed, err)
		store.Advance(5 * time.Minute)
	}
	// Output:
	// true <nil>
	// false <nil>
}
