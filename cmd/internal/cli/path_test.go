package cli

import "testing"

func TestOnlyPlainPathsAreShown(t *testing.T) {
	for in, want := range map[string]string{
		"live.db": "live.db", "/var/lib/my app/ä.db": "/var/lib/my app/ä.db", "": "(0 bytes, not shown)",
		"postgres://u:p@h/d": "(18 bytes, not shown)", "host=h password=p": "(17 bytes, not shown)",
		"\x1b[2J": "(4 bytes, not shown)",
	} {
		if got := Shown(in); got != want {
			t.Errorf("Shown(%q) = %q, want %q", in, got, want)
		}
	}
}
