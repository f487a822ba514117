package chiapp

import (
	"testing"

	"github.com/simples-go/sessions/examples/frameworks/suite"
)

func TestChi(t *testing.T) { suite.Run(t, New) }
