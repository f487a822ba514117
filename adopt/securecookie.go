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

// open returns what was sealed with any of the keys.
func (c secureCookies) open(sealed []byte) ([]byte, error) {
	text, err := decode64(sealed)
	if err != nil {
		return nil, errSeal
	}
	parts := bytes.SplitN(text, []byte("|"), 3)
	if len(parts) != 3 || !c.inTime(parts[0]) {
		return nil, errSeal
	}
	signed := append([]byte(c.name+"|"), text[:len(text)-len(parts[2])-1]...)
	for pair := range slices.Chunk(c.pairs, 2) {
		if !hmac.Equal(sign(pair[0], signed), parts[2]) {
			continue
		}
		return decrypt(pair, parts[1])
	}
	return nil, errSeal
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

// decrypt undoes the inner encoding of a value that was sealed with a pair of keys.
func decrypt(pair [][]byte, text []byte) ([]byte, error) {
	value, err := decode64(text)
	if err != nil || len(pair) < 2 || pair[1] == nil {
		return value, err
	}
	block, err := aes.NewCipher(pair[1])
	if err != nil {
		return nil, err
	}
	if len(value) <= aes.BlockSize {
		return nil, errSeal
	}
	iv, sealed := value[:aes.BlockSize], value[aes.BlockSize:]
	cipher.NewCTR(block, iv).XORKeyStream(sealed, sealed)
	return sealed, nil
}

func decode64(text []byte) ([]byte, error) {
	out := make([]byte, base64.URLEncoding.DecodedLen(len(text)))
	n, err := base64.URLEncoding.Decode(out, text)
	return out[:n], err
}
