package run

import (
	"errors"
	"testing"
)

// TestWhatIsStartedAgain: a node that Postgres refuses is, and one that ends by a fault of its own is not.
func TestWhatIsStartedAgain(t *testing.T) {
	for text, want := range map[string]bool{
		"EOF: postgres: connecting: FATAL: the database system is in recovery mode (SQLSTATE 57P03)": true,
		"EOF: panic: postgres: nil pool\n\ngoroutine 1 [running]:":                                   false,
		"EOF: WARNING: DATA RACE\nRead at 0xc0000b4010 by goroutine 7:":                              false,
		"EOF: sqlite: no such file": false,
	} {
		if got := isRefused(errors.New(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
