package humaapp

import (
	"strings"
	"testing"

	"github.com/simples-go/sessions/examples/frameworks/suite"
)

func TestHuma(t *testing.T) {
	c := suite.New(t, New)
	c.Want("POST", "/login", 200)
	if body := c.Want("GET", "/me", 200); !strings.Contains(body, `"user":"ada"`) {
		t.Errorf("body %q", body)
	}
	c.Want("POST", "/fill", 413)
}
