package pgurl

import (
	"strings"
	"testing"
)

func TestAmbiguous(t *testing.T) {
	for url, want := range map[string]bool{
		"postgres://u:12345/SECRET@h/d":         true,
		"postgres://u:SE@CRET@h/d":              true,
		"postgres://u:s@h/d@x":                  true,
		"postgres://u:12/S?x@h":                 true,
		"postgres://u:1/p?q@h/db?sslmode=allow": true,
		"postgres://u:p@ss?wo=rd@h:1/d":         true,
		"postgres://u:1/b?c=d@127.0.0.1/db":     true,
		"postgres://u%3ASECRET%40h:5432/d":      true,
		"postgres://u%3aSECRET@h/d":             true,
		"postgres://u%3Ax:s@h/d":                false,
		"postgres://me%40corp:s@h/d":            false,
		"postgres://%2Frun%2Fpostgres/d":        false,
		"postgres://u:s@[::1]:5432/d":           false,
		"postgres://u:s@h/d":                    false,
		"postgres://u:a?b@h/d":                  false,
		"postgres://u:12%2F@h1:1,h2:2/d?x=a@b":  true,
		"postgres://h/d?app.tenant=a@b":         false,
		"postgres://h/d?sslkey=/k@1.key":        false,
		"postgres://u:p@h?dbname=a%40b":         false,
		"postgres://u:p@h?TimeZone=a%3Ab":       false,
		"postgres://h?krbspn=postgres/h@REALM":  false,
		"postgres://h/d?user=me@corp":           false,
		"postgres:///d":                         false,
		"host=h password=a@b/@":                 false,
		"":                                      false,
	} {
		if got := Ambiguous(url); got != want {
			t.Errorf("Ambiguous(%q) = %v", url, got)
		}
	}
}

func TestSplit(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://u:s@h/d":                 "postgres://u:s@h/d",
		"postgres://u:a?b=c&@h/d":            "postgres://u:a?b=c&@h/d",
		"postgres://u:a?b@h1,h2/d?x=1&&y=?@": "postgres://u:a?b@h1,h2/d x=1 y=?@",
		"postgresql://h?x=1":                 "postgresql://h x=1",
		"postgres:///?host=/run":             "postgres:/// host=/run",
		"postgres://h/d?":                    "postgres://h/d",
	} {
		before, params := Split(url)
		if got := strings.Join(append([]string{before}, params...), " "); got != want {
			t.Errorf("Split(%q) = %q, want %q", url, got, want)
		}
	}
}
