package humaapp

import (
	"testing"

	"github.com/simples-go/sessions/examples/frameworks/suite"
)

func TestHuma(t *testing.T) { suite.Run(t, New) }
