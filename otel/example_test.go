package otelsession_test

import (
	"context"
	"fmt"

	otelsession "github.com/simples-go/sessions/otel"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

func Example() {
	telemetry, err := otelsession.New(otelsession.Config{}) // the global providers
	if err != nil {
		panic(err)
	}
	sessions, err := session.New(memstore.New(), session.Config{Observe: telemetry.Observe})
	if err != nil {
		panic(err)
	}
	sockets, err := telemetry.Sockets(sessions)
	if err != nil {
		panic(err)
	}
	defer func() { _ = sockets.Unregister() }()

	s := sessions.NewSession()
	_ = s.Set("theme", "dark")
	fmt.Println(s.Save(context.Background()))
	// Output: <nil>
}
