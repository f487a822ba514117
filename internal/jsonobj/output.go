package jsonobj

import (
	"errors"
	"slices"
	"unicode/utf8"
)

// ErrTooLong is returned when the canonical form of a value would be longer than the limit.
var ErrTooLong = errors.New("longer than the limit")

// sourceFactor bounds how much JSON text is read for a limit: an escape has six bytes for one, and indented text has
// white space.
const sourceFactor = 8

// output is canonical JSON text as it grows up to a limit. What it grows beyond that before the error is returned is
// at most one string of the limit's length, with its escapes.
type output struct {
	text  []byte
	limit int    // of len(text)
	read  int    // how much source may still be read
	spare []byte // for decoding strings, and for sorting objects

	members []member // of the objects that are open
}

func newOutput(dst []byte, limit int) output {
	const most = 1 << 50 // keeps the products and sums below from overflowing
	limit = min(limit, most)
	return output{text: dst, limit: len(dst) + limit, read: sourceFactor * limit}
}

// check returns ErrTooLong if the text has become longer than the limit.
func (o *output) check() error {
	if len(o.text) > o.limit {
		return ErrTooLong
	}
	return nil
}

// room returns ErrTooLong if n more bytes are more than the limit.
func (o *output) room(n int) error {
	if n > o.limit-len(o.text) {
		return ErrTooLong
	}
	return nil
}

// open takes JSON text of n bytes out of what may be read.
func (o *output) open(n int) error {
	if o.read -= n; o.read < 0 {
		return ErrTooLong
	}
	return nil
}

func (o *output) literal(text string) error {
	o.text = append(o.text, text...)
	return o.check()
}

// quoted appends a string's text.
func (o *output) quoted(text string) (err error) {
	if err := o.room(len(text)); err != nil {
		return err
	}
	if o.text, err = AppendQuoted(o.text, text); err != nil {
		return err
	}
	return o.check()
}

// decoded appends a string's text that was decoded from JSON.
func (o *output) decoded(text []byte) error {
	switch {
	case o.room(len(text)) != nil:
		return ErrTooLong
	case !utf8.Valid(text):
		return errInvalidUTF8
	case slices.Contains(text, 0):
		return errNUL
	}
	o.text = quote(o.text, text)
	return o.check()
}

// number appends a number as JSON spells it.
func (o *output) number(text []byte, integer bool) (err error) {
	if o.text, err = appendNumber(o.text, text, integer); err != nil {
		return err
	}
	return o.check()
}

func (o *output) float(f float64) (err error) {
	if o.text, err = AppendFloat(o.text, f); err != nil {
		return err
	}
	return o.check()
}

// separator appends the comma before each element but the first.
func (o *output) separator(first bool) {
	if !first {
		o.text = append(o.text, ',')
	}
}
