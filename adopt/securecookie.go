package adopt

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"time"
)

// secureCookies opens what gorilla/securecookie has sealed: base64 of "date|value|mac", the mac over "name|date|value",
// and the value, base64 once more, encrypted with AES in counter mode if there is a key for that.
type secureCookies struct {
	name  string
	pairs [][]byte // hash key, block key, hash key, …; the block keys may be nil
	age   time.Duration
}

var errSeal = errors.New("no key opens it, or it is too old")

// openGob decodes the gob that was sealed with any of the keys. Pairs may share a hash key: whether a gob comes out
// tells their block keys apart.
func openGob[T any](c secureCookies, sealed []byte) (T, error) {
	var none T
	text, err := decode64(sealed)
	if err != nil {
		return none, errSeal
	}
	parts := bytes.SplitN(text, []byte("|"), 3)
	if len(parts) != 3 || !c.inTime(parts[0]) {
		return none, errSeal
	}
	signed := append([]byte(c.name+"|"), text[:len(text)-len(parts[2])-1]...)
	err = errSeal
	for pair := range slices.Chunk(c.pairs, 2) {
		if !hmac.Equal(sign(pair[0], signed), parts[2]) {
			continue
		}
		var value T
		if err = decrypt(pair, parts[1], &value); err == nil {
			return value, nil
		}
	}
	return none, err
}

func sign(key, text []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	return mac.Sum(nil)
}

// inTime reports whether a date in seconds is one from which age has not passed.
func (c secureCookies) inTime(date []byte) bool {
	seconds, err := strconv.ParseInt(string(date), 10, 64)
	return err == nil && time.Since(time.Unix(seconds, 0)) <= c.age
}

// decrypt undoes the inner encoding of a gob that was sealed with a pair of keys, and decodes it.
func decrypt(pair [][]byte, text []byte, into any) error {
	value, err := decode64(text)
	if err != nil {
		return err
	}
	if len(pair) < 2 || pair[1] == nil {
		return decodeGob(value, into)
	}
	block, err := aes.NewCipher(pair[1])
	if err != nil {
		return err
	}
	if len(value) <= aes.BlockSize {
		return errSeal
	}
	iv, sealed := value[:aes.BlockSize], value[aes.BlockSize:]
	cipher.NewCTR(block, iv).XORKeyStream(sealed, sealed)
	return decodeGob(sealed, into)
}

func decode64(text []byte) ([]byte, error) {
	out := make([]byte, base64.URLEncoding.DecodedLen(len(text)))
	n, err := base64.URLEncoding.Decode(out, text)
	return out[:n], err
}
