package containers

import (
	"testing"

	"github.com/simples-go/sessions/testing/containers/internal/engine"
)

func TestTheLastUserEndsTheContainerWhereNothingElseDoes(t *testing.T) {
	engine.Require(t)
	var r registry
	s, release := r.use(engine.Image(""))
	if s.err != nil {
		engine.NoContainer(t, s.err)
	}
	same, releaseSame := r.use(engine.Image(""))
	if same != s {
		t.Fatal("the second user has a container of its own")
	}
	if err := release(); err != nil || !s.container.IsRunning() {
		t.Fatalf("while it is in use the container is running: %t, %v", s.container.IsRunning(), err)
	}
	if err := releaseSame(); err != nil || s.container.IsRunning() {
		t.Errorf("after its last use the container is running: %t, %v", s.container.IsRunning(), err)
	}
}
