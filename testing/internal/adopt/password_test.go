package adopt

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/simples-go/sessions/adopt"
	"github.com/simples-go/sessions/session"
)

func imported(t *testing.T, text string) *session.Imported {
	t.Helper()
	in := &session.Imported{}
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		t.Fatal(err)
	}
	in.Entries = map[string]any{}
	for key, value := range members {
		in.Entries[key] = value
	}
	return in
}

// wantRefused checks that a session is refused, with an error that says why and tells nobody the password's hash.
func wantRefused(t *testing.T, what string, err error, secret string) {
	t.Helper()
	if !errors.Is(err, session.ErrImportRefused) || secret != "" && strings.Contains(err.Error(), secret) {
		t.Errorf("%s: %v, want %v", what, err, session.ErrImportRefused)
	}
}

// The hash was made by Django 3.2.25 for this password and key.
func TestDjangoPassword(t *testing.T) {
	const password = "pbkdf2_sha256$260000$abcdefghijklmnopqrstuv$J7lRi8D5Tn1jLWHdZQzVnbEyyW7FzG0xNqMXhNMcF3Y="
	const text = `{"_auth_user_id":"42","_auth_user_hash":"7aa9ab86d39323476a6d5e63728b39360702386d8e915ab30bfee5b6aa9f9c9c"}`
	from := &adopt.Django{SecretKeys: []string{"a newer key", "the key of the site"}}
	if err := from.CheckPassword(imported(t, text), password); err != nil {
		t.Error(err)
	}
	changed := strings.Replace(password, "$abc", "$xyz", 1)
	wantRefused(t, "a changed password", from.CheckPassword(imported(t, text), changed), "$xyz")
	wantRefused(t, "no password", from.CheckPassword(imported(t, text), ""), "")
	wantRefused(t, "no hash", from.CheckPassword(imported(t, `{"_auth_user_id":"42"}`), password), password)
	wantRefused(t, "a hash of another kind", from.CheckPassword(imported(t, `{"_auth_user_hash":7}`), password), password)
	other := &adopt.Django{SecretKeys: []string{"another"}}
	wantRefused(t, "another key", other.CheckPassword(imported(t, text), password), password)
}

func TestDevisePassword(t *testing.T) {
	const password = "$2a$12$7sNtMJdAvaHJ5ll0Zwm.lO3tSW3ObsnO/Z9pJ8e9Nh1mTEl3U0y3G"
	const text = `{"warden.user.user.key":[[42],"$2a$12$7sNtMJdAvaHJ5ll0Zwm.lO"]}`
	if err := adopt.CheckDevise(imported(t, text), "user", password); err != nil {
		t.Error(err)
	}
	wantRefused(t, "a changed password", adopt.CheckDevise(imported(t, text), "user", strings.Replace(password, "7sN", "8sN", 1)), "8sN")
	wantRefused(t, "no password", adopt.CheckDevise(imported(t, text), "user", ""), "")
	wantRefused(t, "another scope", adopt.CheckDevise(imported(t, text), "admin", password), password)
	for _, other := range []string{`[[42],null]`, `[[42],""]`, `[[42]]`, `[[42],"$2a$12$7sN"]`, `"x"`, `null`} {
		in := imported(t, `{"warden.user.user.key":`+other+`}`)
		wantRefused(t, other, adopt.CheckDevise(in, "user", password), password)
	}
}

func TestDeviseID(t *testing.T) {
	for key, want := range map[string]string{
		`[[42],"salt"]`: "42", `[[9007199254740993],"salt"]`: "9007199254740993", `[["6f1b"],"salt"]`: "6f1b", `null`: "",
	} {
		if id, err := adopt.DeviseID(imported(t, `{"warden.user.user.key":`+key+`}`), "user"); id != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", key, id, err, want)
		}
	}
	if id, err := adopt.DeviseID(imported(t, `{}`), "user"); id != "" || err != nil {
		t.Errorf("nobody: %q, %v", id, err)
	}
	for _, key := range []string{`"x"`, `[42]`, `[[]]`, `[[1,2],"salt"]`} {
		_, err := adopt.DeviseID(imported(t, `{"warden.user.user.key":`+key+`}`), "user")
		wantRefused(t, key, err, "")
	}
}
