package adopt

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/simples-go/sessions/session"
)

// Django and Devise end sessions when a password changes, and not by their rows: each keeps something that follows
// from the password's hash, and compares it at the session's next visit. Until then the row lies there as before.

// djangoAuthSalt is what Django derives the key with under which a session keeps the hash of its user's password.
const djangoAuthSalt = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash"

// CheckPassword returns session.ErrImportRefused if Django would end the session at this visit, because the user's
// password is another than at the login: for Prepare. password is the user's field of this name as the table has it, a
// hash. The user model has Django's own get_session_auth_hash.
func (s *Django) CheckPassword(in *session.Imported, password string) error {
	kept, err := session.Get[string](in, "_auth_user_hash")
	if err != nil {
		return refused(err)
	}
	for _, secret := range s.SecretKeys {
		key := sha256.Sum256([]byte(djangoAuthSalt + secret))
		if equal(kept, hex.EncodeToString(sign(key[:], []byte(password)))) {
			return nil
		}
	}
	return refused(errPassword)
}

// deviseSalt is how many characters of encrypted_password Devise keeps in a session: bcrypt's version, cost and salt.
const deviseSalt = 29

// DeviseID returns the id of the user whom Devise has signed in, "" if it is nobody: for Prepare. scope is that of the
// model: "user" for User.
func DeviseID(in *session.Imported, scope string) (id string, err error) {
	key, err := session.Get[[]json.RawMessage](in, deviseKey(scope))
	if err != nil {
		return "", refused(err)
	}
	if len(key) == 0 {
		return "", nil
	}
	var ids []json.RawMessage
	if json.Unmarshal(key[0], &ids) != nil || len(ids) != 1 {
		return "", refused(fmt.Errorf("%s has no id", deviseKey(scope)))
	}
	if json.Unmarshal(ids[0], &id) != nil {
		id = string(ids[0]) // a number
	}
	return id, nil
}

// CheckDevise returns session.ErrImportRefused if Devise would end the session at this visit, because the user's
// password is another than at the login: for Prepare. encryptedPassword is the user's column of this name.
func CheckDevise(in *session.Imported, scope, encryptedPassword string) error {
	key, err := session.Get[[]json.RawMessage](in, deviseKey(scope))
	if err != nil {
		return refused(err)
	}
	var salt string
	if len(key) != 2 || json.Unmarshal(key[1], &salt) != nil || len(salt) != deviseSalt {
		return refused(fmt.Errorf("%s has no salt", deviseKey(scope)))
	}
	if len(encryptedPassword) < deviseSalt || !equal(salt, encryptedPassword[:deviseSalt]) {
		return refused(errPassword)
	}
	return nil
}

func deviseKey(scope string) string { return "warden.user." + scope + ".key" }

var errPassword = errors.New("the password is another than at the login")

func refused(why error) error { return fmt.Errorf("%w: adopt: %w", session.ErrImportRefused, why) }
