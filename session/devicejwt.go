package session

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// algorithm is how a device signs. There are no others: neither none, nor one with a shared secret.
type algorithm byte

const (
	es256 algorithm = 1 // ECDSA on P-256 with SHA-256 (RFC 7518, 3.4)
	rs256 algorithm = 2 // RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, 3.3)
)

// publicKey is a device's.
type publicKey struct {
	alg algorithm
	der []byte // PKIX
	key crypto.PublicKey
}

func parsePublic(alg algorithm, der []byte) (publicKey, error) {
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return publicKey{}, errors.New("session: a device's public key of unknown form")
	}
	return newPublic(alg, key)
}

// newPublic takes a key of the kind that the algorithm signs with.
func newPublic(alg algorithm, key crypto.PublicKey) (publicKey, error) {
	ec, isEC := key.(*ecdsa.PublicKey)
	rs, isRSA := key.(*rsa.PublicKey)
	switch {
	case alg == es256 && isEC && ec.Curve == elliptic.P256():
	case alg == rs256 && isRSA && rs.N.BitLen() >= 2048 && rs.N.BitLen() <= 4096 && rs.E >= 3:
	default:
		return publicKey{}, errors.New("session: a device's key does not fit its algorithm")
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	return publicKey{alg, der, key}, err
}

// verify reports whether the device has signed text.
func (p *publicKey) verify(text, signature []byte) bool {
	digest := sha256.Sum256(text)
	switch key := p.key.(type) {
	case *ecdsa.PublicKey:
		if len(signature) != 64 {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(key, digest[:], r, s)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
	}
	return false
}

// maxJWT bounds what is parsed: a key of 4096 bits and its signature have less than 3 kB.
const maxJWT = 4096

var errNoJWS = errors.New("not a compact JWS of at most 4 kB")

// deviceJWT is a proof that a browser has sent, parsed and not verified.
type deviceJWT struct {
	alg       algorithm
	jwk       *jwk // of a registration
	challenge string
	signed    []byte
	signature []byte
}

// jwk is a public key as a browser sends it (RFC 7517).
type jwk struct {
	Kty, Crv, X, Y, N, E string
}

// parseJWT reads a compact JWS (RFC 7515) with the claims of a device-bound session.
func parseJWT(text string) (*deviceJWT, error) {
	if len(text) > maxJWT {
		return nil, errNoJWS
	}
	parts := strings.SplitN(text, ".", 4)
	if len(parts) != 3 {
		return nil, errNoJWS
	}
	var header struct {
		Alg, Typ string
		Jwk      *jwk
	}
	var payload struct{ Jti string }
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err := errors.Join(err, decodePart(parts[0], &header), decodePart(parts[1], &payload)); err != nil {
		return nil, err
	}
	algs := map[string]algorithm{"ES256": es256, "RS256": rs256}
	alg, known := algs[header.Alg]
	if !known || header.Typ != "dbsc+jwt" {
		return nil, errors.New("an algorithm or a type of another kind")
	}
	return &deviceJWT{alg, header.Jwk, payload.Jti, []byte(parts[0] + "." + parts[1]), signature}, nil
}

func decodePart(part string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return errors.New("a part that is not base64url")
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return errors.New("a part that is not JSON")
	}
	return nil
}

// public returns the key of a registration.
func (j *deviceJWT) public() (publicKey, error) {
	if j.jwk == nil {
		return publicKey{}, errors.New("no public key")
	}
	switch {
	case j.alg == es256 && j.jwk.Kty == "EC" && j.jwk.Crv == "P-256":
		x, y, err := numbers(j.jwk.X, j.jwk.Y)
		if err != nil || len(x) != 32 || len(y) != 32 {
			return publicKey{}, errors.New("not a point on P-256")
		}
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
		if err != nil {
			return publicKey{}, errors.New("not a point on P-256")
		}
		return newPublic(es256, key)
	case j.alg == rs256 && j.jwk.Kty == "RSA":
		n, e, err := numbers(j.jwk.N, j.jwk.E)
		if err != nil || len(e) > 4 || len(n) > 512 {
			return publicKey{}, errors.New("not an RSA key")
		}
		return newPublic(rs256, &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())})
	}
	return publicKey{}, fmt.Errorf("a key of kind %.10q", j.jwk.Kty)
}

// ownKey returns the key of a registration that it has signed itself.
func (j *deviceJWT) ownKey() (publicKey, error) {
	public, err := j.public()
	if err == nil && !public.verify(j.signed, j.signature) {
		err = errors.New("a wrong signature")
	}
	return public, err
}

func numbers(a, b string) (x, y []byte, err error) {
	x, errX := base64.RawURLEncoding.DecodeString(a)
	y, errY := base64.RawURLEncoding.DecodeString(b)
	return x, y, errors.Join(errX, errY)
}
