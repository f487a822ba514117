// Package sealing encrypts values that belong to one place, with AES-256-GCM.
package sealing

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

// KeyBytes is the length of a key.
const KeyBytes = 32

// maxID is the longest id of a key.
const maxID = 64

// Key is one key of a ring.
type Key struct {
	ID     string
	Secret []byte
}

// Check says what is wrong with a key, without its secret.
func (k Key) Check() error {
	switch {
	case !validID([]byte(k.ID)):
		return fmt.Errorf("the id %.80q is not 1 to %d letters, digits, dots, dashes or underscores", k.ID, maxID)
	case len(k.Secret) != KeyBytes:
		return fmt.Errorf("the key %s has %d bytes, not %d", k.ID, len(k.Secret), KeyBytes)
	}
	return nil
}

// Place is where a value belongs: nowhere else does it open.
type Place struct {
	Realm string
	Row   [16]byte
	Name  string
	Ends  int64 // until when; 0: for good
}

// hasEnd is set in the realm's length if an end follows, so that no place with an end is spelled like one without.
const hasEnd = 1 << 63

// aad is the place in one spelling.
func (p Place) aad() []byte {
	size := uint64(len(p.Realm))
	if p.Ends != 0 {
		size |= hasEnd
	}
	text := binary.BigEndian.AppendUint64(nil, size)
	text = append(append(text, p.Realm...), p.Row[:]...)
	if p.Ends != 0 {
		text = binary.BigEndian.AppendUint64(text, uint64(p.Ends))
	}
	return append(text, p.Name...)
}

// prefix begins each sealed text. It is followed by the key's id, a colon, and nonce and ciphertext in base64.
const prefix = `"sealed:1:`

// Seal encrypts value under key for a place, as a JSON string.
func Seal(key Key, place Place, value []byte) ([]byte, error) {
	aead, err := key.aead(place)
	if err != nil {
		return nil, err
	}
	box := aead.Seal(nil, nil, value, place.aad())
	text := make([]byte, 0, Size(key.ID, len(value)))
	text = append(append(append(text, prefix...), key.ID...), ':')
	return append(base64.RawURLEncoding.AppendEncode(text, box), '"'), nil
}

// Size is the length of the text in which a value of n bytes is sealed.
func Size(id string, n int) int {
	const nonceAndTag = 12 + 16
	return len(prefix) + len(id) + 1 + base64.RawURLEncoding.EncodedLen(n+nonceAndTag) + 1
}

// aead derives a key for each row, so that random nonces never come near the number that one key allows.
func (k Key) aead(place Place) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, k.Secret, nil, "sessions: sealed entries of the row "+string(place.Row[:]), KeyBytes)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// KeyID returns the id of the key with which text is sealed, if it looks sealed.
func KeyID(text []byte) (id string, ok bool) {
	found, _, ok := split(text)
	return string(found), ok
}

func split(text []byte) (id, box []byte, ok bool) {
	rest, begins := bytes.CutPrefix(text, []byte(prefix))
	rest, ends := bytes.CutSuffix(rest, []byte{'"'})
	id, box, found := bytes.Cut(rest, []byte{':'})
	return id, box, begins && ends && found && validID(id)
}

func validID(id []byte) bool {
	for _, c := range id {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return 0 < len(id) && len(id) <= maxID
}

var errNotHere = errors.New("the key does not open it: it was sealed with another key of this id, in another place or with " +
	"another end, or changed")

// Open decrypts what Seal has made under key for the same place.
func Open(key Key, place Place, text []byte) ([]byte, error) {
	id, coded, ok := split(text)
	switch {
	case !ok:
		return nil, errors.New("it is not sealed")
	case string(id) != key.ID:
		return nil, fmt.Errorf("it is sealed with the key %s", id)
	}
	box, err := base64.RawURLEncoding.Strict().DecodeString(string(coded))
	if err != nil {
		return nil, errors.New("what is sealed is cut or changed")
	}
	aead, err := key.aead(place)
	if err != nil {
		return nil, err
	}
	value, err := aead.Open(nil, nil, box, place.aad())
	if err != nil {
		return nil, errNotHere
	}
	return value, nil
}
