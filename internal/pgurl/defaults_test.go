package pgurl

import "testing"

func TestWithDefaults(t *testing.T) {
	t.Setenv("PGSERVICE", "")
	t.Setenv("PGCONNECT_TIMEOUT", "")
	t.Setenv("PGTARGETSESSIONATTRS", "")
	t.Setenv("PGHOST", "")
	const one, each = "target_session_attrs=read-write&connect_timeout=5", "target_session_attrs=read-write&connect_timeout=2"
	for url, want := range map[string]string{
		"postgres://u@h/d":                             "postgres://u@h/d?" + one,
		"postgres://u:a?connect_timeout=b@h/d":         "postgres://u:a?connect_timeout=b@h/d?" + one,
		"postgres://u:a,b@h/d":                         "postgres://u:a,b@h/d?" + one,
		"postgres://h1:1,h2/d?a=b":                     "postgres://h1:1,h2/d?" + each + "&a=b",
		"postgres:///d?host=h1,h2":                     "postgres:///d?" + each + "&host=h1,h2",
		"postgres://h/d?connect_timeout=3":             "postgres://h/d?target_session_attrs=read-write&connect_timeout=3",
		"postgres://h/d?target_session_attrs=any":      "postgres://h/d?connect_timeout=5&target_session_attrs=any",
		"postgres://h/d?service=s":                     "postgres://h/d?service=s",
		"host=h":                                       "target_session_attrs=read-write connect_timeout=5 host=h",
		"host=h1,h2 dbname=d connect_timeout=3":        "target_session_attrs=read-write host=h1,h2 dbname=d connect_timeout=3",
		"host=h1,h2 dbname=d target_session_attrs=any": "connect_timeout=2 host=h1,h2 dbname=d target_session_attrs=any",
		"mysql://h/d":                                  "target_session_attrs=read-write connect_timeout=5 mysql://h/d",
		"":                                             "target_session_attrs=read-write connect_timeout=5",
	} {
		if got := WithDefaults(url, Writable); got != want {
			t.Errorf("WithDefaults(%q) = %q, want %q", url, got, want)
		}
	}
	if got, want := WithDefaults("postgres://h/d?x=y", Any, "z=1"),
		"postgres://h/d?z=1&target_session_attrs=any&connect_timeout=5&x=y"; got != want {
		t.Errorf("with another setting: %q, want %q", got, want)
	}
	t.Setenv("PGCONNECT_TIMEOUT", "9")
	t.Setenv("PGTARGETSESSIONATTRS", "any")
	if got := WithDefaults("postgres://h/d", Writable); got != "postgres://h/d" {
		t.Errorf("the environment's settings are hidden by %q", got)
	}
}
